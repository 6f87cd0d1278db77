//! The isolation probes against a real Postgres: a healthy schema holds in every probe, and every
//! known way to break one is caught by name.

#[path = "isolation/ground.rs"]
mod ground;
#[path = "isolation/schema.rs"]
mod schema;
mod support;

use flowcontrol::rehearsal::isolation::{Fixture, ProbeSettings};
use ground::{assert_held, leaks, on_ground};
use schema::{ORGS, TENANTS, migrated, twin};

fn ours() -> ProbeSettings {
    ProbeSettings {
        insert_only: ["records", "audit_events", "replay_chunks", "orders"]
            .map(String::from)
            .to_vec(),
        ..ProbeSettings::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_migrated_schema_holds_in_every_probe() {
    on_ground(migrated, |ground| async move {
        let report = ground.attack(&ours(), TENANTS).await;
        assert_held(&report);
        let cases = report.by_case();
        for case in [1, 2, 3, 4, 5, 7, 8, 9, 10, 11] {
            assert!(
                cases.get(&case).is_some_and(|n| *n > 0),
                "case {case} has no probe: {cases:?}"
            );
        }
        println!("{} probes, {cases:?}", report.probes.len());
    })
    .await;
}
