//! The isolation probes against a real Postgres: a healthy schema holds in every probe, and every
//! known way to break one is caught by name.

mod ground;
mod policies;
mod schema;

use flowcontrol_isolation::{Fixture, IsolationReport, ProbeSettings, ProbeVerdict};
use ground::{assert_held, assert_leaks, leaking_objects, on_ground, verdict};
use schema::{ORGS, TENANTS, migrated, twin};
use serde_json::json;

fn ours() -> ProbeSettings {
    ProbeSettings {
        insert_only: ["records", "audit_events", "replay_chunks", "cutover_parts", "orders"]
            .map(String::from)
            .to_vec(),
        ..ProbeSettings::default()
    }
}

/// Settings for the twin; its table `note` has no row, so it needs a fixture.
fn theirs() -> ProbeSettings {
    let note = |org: &str| json!({"org_id": org, "day": "2024-02-29", "body": {"text": "o'k"}});
    ProbeSettings {
        schema: "Depot".into(),
        tenant_setting: "app.org".into(),
        tenant_column: "org_id".into(),
        shared_tables: vec!["country".into()],
        insert_only: vec![],
        fixtures: vec![Fixture { table: "note".into(), rows: vec![note(ORGS.0), note(ORGS.1)] }],
    }
}

fn assert_unchanged(report: &IsolationReport) {
    assert_eq!(verdict(report, "catalog", "database.unchanged"), &ProbeVerdict::Held);
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
        // Every table is attacked in every way by every login, whatever its grants.
        for table in [
            "tenants",
            "users",
            "permissions",
            "records",
            "orders",
            "replay_chunks",
            "freeze_windows",
            "cutover_parts",
        ] {
            for login in ["application", "replayer", "auditor", "owner"] {
                for verb in [
                    "select",
                    "update",
                    "delete",
                    "insert",
                    "insert-returning",
                    "copy-to",
                    "copy-from",
                ] {
                    verdict(&report, login, &format!("{table}.{verb}.other-tenant"));
                }
            }
        }
        let mut names: Vec<String> =
            report.probes.iter().map(|p| format!("{} {}", p.login, p.id)).collect();
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all, "two probes of a login share an id");
        // Held for the right reason: the control of a write really wrote.
        let write = report
            .probes
            .iter()
            .find(|p| p.login == "application" && p.id == "orders.insert.other-tenant");
        assert!(write.expect("probe").detail.contains("succeeds"), "{write:?}");
        println!("{all} probes, {cases:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_policies_are_caught_by_name() {
    on_ground(migrated, |ground| async move {
        let setting = "current_setting('bfg.tenant_id', true)";
        let report = ground
            .mutated(
                &format!(
                    "set search_path = bfg_flowcontrol;
                    create policy open on records for select using (true);
                    drop policy tenant_select on orders;
                    alter policy tenant_insert on users with check (true);
                    alter policy tenant_update on tenants using (true) with check (true);
                    alter policy tenant_delete on permissions using (true);
                    alter table payments disable row level security;
                    alter table documents no force row level security;
                    alter policy tenant_select on invoices using (tenant_id = {setting} or true);
                    alter policy tenant_insert on scenario_snapshots
                      with check (tenant_id = {setting} or nullif({setting}, '') is null);
                    alter policy tenant_select on organisations using (tenant_id = {setting});
                    grant update on audit_events to {{application}};
                    create policy change on audit_events for update to {{application}} using (tenant_id = {setting});
                    alter table tenants drop constraint tenants_tenant_id_given;
                    grant truncate on replay_chunks to {{replayer}};"
                ),
                &ours(),
                TENANTS,
            )
            .await;
        assert_leaks(
            &report,
            &[
                "catalog records.policy.open.using",
                "application records.select.other-tenant",
                "application records.select.no-tenant",
                "application records.copy-to.other-tenant",
                "application tenant-id.look-alike",
                "owner records.select.whole",
                "catalog orders.policy.select-for-application",
                "catalog users.policy.tenant_insert.check",
                "application users.insert.other-tenant",
                "replayer users.insert-on-conflict.other-tenant",
                "application users.merge.insert-other-tenant",
                "catalog tenants.policy.tenant_update.using",
                "application tenants.update.blind",
                "application permissions.delete.blind",
                "catalog payments.rls.enabled",
                "auditor payments.select.other-tenant",
                "application payments.select.row-security-off",
                "replayer payments.copy-from.other-tenant",
                "catalog documents.rls.forced",
                "owner documents.select.other-tenant",
                "owner documents.update.move",
                "owner documents.delete.other-tenant",
                "application invoices.select.other-tenant",
                "application scenario_snapshots.insert.no-tenant",
                "application organisations.select.empty-tenant",
                "application audit_events.insert-only.update",
                "catalog tenants.tenant-column.empty",
                "replayer replay_chunks.truncate",
            ],
        );
        assert_unchanged(&report);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn doors_beside_the_tables_are_caught_by_name() {
    on_ground(migrated, |ground| async move {
        let report = ground
            .mutated(
                "set search_path = bfg_flowcontrol;
                create view owner_view as select * from orders;
                alter view owner_view owner to {owner};
                create view open_view as select tenant_id, order_no from orders;
                create materialized view kept as select tenant_id, seq from records;
                grant select on owner_view, open_view, kept to {application};
                create function unpinned() returns bigint language sql security definer as 'select count(*) from records';
                alter function unpinned() owner to {owner};
                create function bypasser() returns bigint language sql security definer
                  set search_path = bfg_flowcontrol, pg_temp as 'select count(*) from records';
                create function leaky(text) returns boolean language plpgsql leakproof as 'begin return true; end';
                create table newcomer (tenant_id text not null, note text, primary key (tenant_id));
                alter table newcomer owner to {owner};
                grant select, insert on newcomer to {application};
                insert into newcomer select tenant_id, 'x' from tenants;
                create sequence counter;
                grant select on counter to {application};
                grant references, trigger on orders to {application};
                grant select on documents to public;
                alter table audit_events disable trigger all;
                create rule watch as on insert to invoices do also select 1;
                update payments set payment_no = tenant_id;
                create unique index payments_no on payments (payment_no);
                create table memo (tenant_id text not null, note bigint not null, about text references tenants, primary key (tenant_id, note));
                alter table memo enable row level security;
                alter table memo force row level security;
                create table public.stray (tenant_id text);
                grant select on public.stray to {application};",
                &ours(),
                TENANTS,
            )
            .await;
        assert_leaks(
            &report,
            &[
                "catalog owner_view.view.security-invoker",
                "catalog open_view.view.security-invoker",
                "application open_view.select.other-tenant",
                "catalog kept.matview",
                "application kept.select.other-tenant",
                "catalog bfg_flowcontrol.unpinned().function.search-path",
                "catalog bfg_flowcontrol.bypasser().function.definer",
                "catalog bfg_flowcontrol.leaky(text).function.leakproof",
                "catalog newcomer.rls.enabled",
                "catalog newcomer.rls.forced",
                "application newcomer.select.other-tenant",
                "application newcomer.insert.other-tenant",
                "application counter.sequence.select",
                "application orders.references",
                "application orders.create-trigger",
                "catalog documents.grants.public",
                "application audit_events.foreign-key.audit_events_actor_fkey",
                "catalog invoices.rule.watch",
                "catalog payments.key.payments_no",
                "application payments.insert.same-key",
                "catalog memo.foreign-key.memo_about_fkey",
            ],
        );
        assert!(matches!(verdict(&report, "catalog", "public.stray.outside"), ProbeVerdict::Unproved(_)));
        // A definer function that is pinned and one that is owned by nobody special are not mixed up.
        assert_eq!(
            verdict(&report, "catalog", "bfg_flowcontrol.bypasser().function.search-path"),
            &ProbeVerdict::Held
        );
        assert_eq!(verdict(&report, "catalog", "bfg_flowcontrol.unpinned().function.definer"), &ProbeVerdict::Held);
        assert_unchanged(&report);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_power_of_a_login_is_a_finding_of_its_own() {
    on_ground(migrated, |ground| async move {
        for (grant, revoke, expected) in [
            (
                "alter role {auditor} superuser",
                "alter role {auditor} nosuperuser",
                "auditor login.superuser",
            ),
            (
                "alter role {auditor} bypassrls",
                "alter role {auditor} nobypassrls",
                "auditor login.bypassrls",
            ),
            (
                "grant {owner} to {auditor}",
                "revoke {owner} from {auditor}",
                "auditor login.member-of-owner",
            ),
            (
                "grant {verifier} to {auditor}",
                "revoke {verifier} from {auditor}",
                "auditor login.set-role",
            ),
            (
                "alter role {auditor} createrole",
                "alter role {auditor} nocreaterole",
                "auditor login.createrole",
            ),
            (
                "grant create on schema bfg_flowcontrol to {auditor}",
                "revoke create on schema bfg_flowcontrol from {auditor}",
                "auditor login.create",
            ),
            (
                "alter table bfg_flowcontrol.orders owner to {auditor}",
                "alter table bfg_flowcontrol.orders owner to {owner}",
                "auditor login.owner",
            ),
        ] {
            ground.admin(grant).await;
            let report = ground.attack(&ours(), TENANTS).await;
            ground.admin(revoke).await;
            // From Postgres 16 on, CREATEROLE no longer reaches other roles.
            if !(expected.ends_with("createrole") && report.leaks().next().is_none()) {
                assert_leaks(&report, &[expected]);
            }
            if expected.ends_with("login.create") {
                assert_leaks(
                    &report,
                    &["auditor schema.create-table", "auditor schema.create-view"],
                );
            }
            if expected.ends_with("set-role") {
                assert_leaks(&report, &[&ground.fill("auditor {verifier}.set-role")]);
            }
            // Even a superuser's attacks are rolled back.
            assert_unchanged(&report);
        }
        assert_held(&ground.attack(&ours(), TENANTS).await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_schema_with_other_names_is_proved_the_same_way() {
    on_ground(twin, |ground| async move {
        let report = ground.attack(&theirs(), ORGS).await;
        assert_held(&report);
        let fresh = verdict(&report, "application", "Trip Log.insert.other-tenant");
        assert_eq!(fresh, &ProbeVerdict::Held);
        verdict(&report, "application", "Trip Log.foreign-key.trip_truck");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_without_rows_or_fixture_is_unproved() {
    on_ground(twin, |ground| async move {
        let bare = ProbeSettings { fixtures: vec![], ..theirs() };
        let report = ground.attack(&bare, ORGS).await;
        assert!(report.leaks().next().is_none(), "{:?}", report.leaks().collect::<Vec<_>>());
        let objects: Vec<&str> = report.unproved().map(|p| p.object.as_str()).collect();
        assert!(!objects.is_empty() && objects.iter().all(|o| *o == "note"), "{objects:?}");
        for probe in
            ["select.other-tenant", "insert.other-tenant", "delete.blind", "select.no-tenant"]
        {
            let found = verdict(&report, "application", &format!("note.{probe}"));
            assert!(matches!(found, ProbeVerdict::Unproved(_)), "{probe}: {found:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_twins_mutations_are_caught_by_name() {
    on_ground(twin, |ground| async move {
        let report = ground
            .mutated(
                "set search_path = \"Depot\";
                create table ping_next partition of ping for values from ('2030-01-01') to ('2040-01-01');
                alter table ping_next owner to {owner};
                insert into ping select org_id, '2031-01-01', 'Lublin' from org;
                grant select on ping_next to {application};
                alter table \"Trip Log\" drop constraint trip_truck;
                create unique index truck_plate on truck (plate, org_id) ;
                alter table truck drop constraint truck_tow;
                alter table \"Trip Log\" add column boss uuid references org (org_id);
                update \"Trip Log\" set boss = org_id;
                create policy peek on note for select using (current_setting('app.org', true) <> 'x');
                grant insert on country to {application};",
                &theirs(),
                ORGS,
            )
            .await;
        assert_leaks(
            &report,
            &[
                "catalog ping_next.rls.enabled",
                "catalog ping_next.rls.forced",
                "application ping_next.select.other-tenant",
                "catalog Trip Log.foreign-key.Trip Log_boss_fkey",
                "catalog note.policy.peek.using",
                "application note.select.other-tenant",
                "catalog country.shared.write",
            ],
        );
        assert_eq!(leaking_objects(&report), ["Trip Log", "country", "note", "ping_next"]);
        assert_unchanged(&report);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_holds_no_row() {
    on_ground(migrated, |ground| async move {
        let canary = "canary-5f1c";
        ground
            .admin(&format!(
                "set search_path = bfg_flowcontrol;
                 update tenants set name = '{canary}';
                 update users set display_name = '{canary}';
                 update records set payload = '{{\"a\": \"{canary}\"}}';
                 alter policy tenant_insert on records with check (true);"
            ))
            .await;
        let report = ground.attack(&ours(), TENANTS).await;
        assert_leaks(&report, &["application records.insert.other-tenant"]);
        let text = serde_json::to_string(&report).expect("json");
        assert!(!text.contains(canary));
    })
    .await;
}
