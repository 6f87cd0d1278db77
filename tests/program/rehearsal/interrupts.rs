//! Ctrl-C at every step of a rehearsal on a throw-away server.

use crate::external::External;
use crate::support;
use flowcontrol_testkit::place::Place;

const STEPS: [&str; 7] =
    ["freeze", "target", "migrate", "replay", "verify", "isolation", "rollback"];

/// What the last packet of an interrupted run says.
fn interrupted(place: &Place, step: &str) {
    let packets = place.packets();
    let last = packets.last().unwrap();
    assert_eq!(last["schema"], "FlowControlRehearsal.v1", "{step}: {last:#}");
    assert_eq!(last["outcome"], "interrupted", "{step}: {last:#}");
    let cut = packets.iter().rev().find(|p| p["schema"] == "FlowControlRehearsalStep.v1").unwrap();
    assert_eq!(cut["outcome"], "interrupted", "{step}: {cut:#}");
    assert_eq!(cut["body"]["step"], step, "{cut:#}");
}

#[test]
fn interrupted_at_every_step_it_leaves_nothing_but_evidence() {
    let test = "interrupted_at_every_step_it_leaves_nothing_but_evidence";
    if support::server_or_skip(test).is_none() {
        return;
    }
    let place = Place::new();
    place.run(&["init"]).expect(0);
    place.seed(2_000, 3);
    for step in STEPS {
        let mut running = place.start(&["-v", "rehearse", "--target", "local"]);
        assert!(running.says(&format!("{step}: begun")), "no step {step}");
        running.interrupt();
        let ended = running.end().expect(130);
        assert!(ended.out.contains("NO-GO"), "{step}: {ended}");
        assert_eq!(place.left_over(), Vec::<String>::new(), "{step}");
        place.evidence_verifies();
        interrupted(&place, step);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn interrupted_on_a_kept_server_it_drops_its_database() {
    if support::server_or_skip("interrupted_on_a_kept_server_it_drops_its_database").is_none() {
        return;
    }
    let external = External::new("interrupt").await;
    let place = &external.place;
    place.seed(2_000, 2);
    for step in ["target", "migrate", "replay", "rollback"] {
        let mut running = place.start(&["-v", "rehearse", "--target", "external"]);
        assert!(running.says(&format!("{step}: begun")), "no step {step}");
        running.interrupt();
        running.end().expect(130);
        assert_eq!(external.databases().await, Vec::<String>::new(), "{step}");
        interrupted(place, step);
        place.evidence_verifies();
    }
    // There is nothing to go on with: what was interrupted was taken down.
    place.run(&["rehearse", "--target", "external", "--resume"]).expect(2);
}
