//! Policies that leave the tenant to a function: what the catalog shows of it, and what only the
//! attacks can tell.

use crate::isolation::ground::{
    Ground, assert_held, assert_leaks, leaking_objects, on_ground, verdict,
};
use crate::isolation::schema::{ORGS, twin};
use crate::isolation::theirs;
use flowcontrol_isolation::{IsolationReport, ProbeVerdict};

/// The twin after `mutation`, attacked.
async fn attacked(ground: &Ground, mutation: &str) -> IsolationReport {
    let mutation = format!("set search_path = \"Depot\"; {mutation}");
    ground.mutated(&mutation, &theirs(), ORGS).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_shows_the_tenant_setting_holds() {
    on_ground(twin, |ground| async move {
        // One keeps its body parsed, one as text; one lives in another schema.
        let report = attacked(
            &ground,
            "create function parsed() returns uuid language sql stable
               begin atomic; select nullif(current_setting('app.org', true), '')::uuid; end;
             create function public.spelled() returns uuid language plpgsql stable as $$
             begin
               return nullif(CURRENT_SETTING('App.Org', true), '')::uuid;
             end $$;
             alter policy mine on truck using (org_id = (select parsed())) with check (org_id = parsed());
             alter policy mine on \"Trip Log\" using (org_id = public.spelled()) with check (org_id = (select public.spelled()));",
        )
        .await;
        assert_held(&report);
        for id in ["truck.policy.mine.using", "truck.policy.mine.check", "Trip Log.policy.mine.using"] {
            assert_eq!(verdict(&report, "catalog", id), &ProbeVerdict::Held, "{id}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_does_not_show_it_is_unproved_and_the_attacks_decide() {
    on_ground(twin, |ground| async move {
        // The one keeps tenants apart through another function; the other lets everybody in.
        let report = attacked(
            &ground,
            "create function behind() returns uuid language sql stable as 'select \"Depot\".current_org()';
             create function anyone(org uuid) returns boolean language plpgsql stable as
               'begin return org is not null; end';
             alter policy mine on truck using (org_id = behind()) with check (org_id = current_org());
             alter policy mine on \"Trip Log\" using (anyone(org_id)) with check (org_id = current_org());",
        )
        .await;
        for (table, function) in [("truck", "behind()"), ("Trip Log", "anyone(uuid)")] {
            let found = verdict(&report, "catalog", &format!("{table}.policy.mine.using"));
            let ProbeVerdict::Unproved(why) = found else { panic!("{table}: {found:?}") };
            for named in ["mine", table, function, "current_setting('app.org')"] {
                assert!(why.contains(named), "{named}: {why}");
            }
            let check = verdict(&report, "catalog", &format!("{table}.policy.mine.check"));
            assert_eq!(check, &ProbeVerdict::Held, "{table}");
        }
        assert_eq!(verdict(&report, "application", "truck.select.other-tenant"), &ProbeVerdict::Held);
        assert_leaks(
            &report,
            &["application Trip Log.select.other-tenant", "auditor Trip Log.select.other-tenant"],
        );
        assert_eq!(
            leaking_objects(&report),
            ["Trip Log", "trips"],
            "the function alone makes no leak"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_asks_for_nothing_stays_a_leak_beside_one_that_asks_by_function() {
    on_ground(twin, |ground| async move {
        let report = attacked(
            &ground,
            "create policy open on org for select using (true);
             alter policy mine on truck using (org_id = current_org()) with check (true);
             alter policy mine on note using (org_id is not null) with check (org_id = current_org());",
        )
        .await;
        assert_leaks(
            &report,
            &[
                "catalog org.policy.open.using",
                "application org.select.other-tenant",
                "catalog truck.policy.mine.check",
                "application truck.insert.other-tenant",
                "catalog note.policy.mine.using",
                "application note.select.other-tenant",
            ],
        );
        assert_eq!(verdict(&report, "catalog", "org.policy.mine.using"), &ProbeVerdict::Held);
        assert_eq!(verdict(&report, "catalog", "truck.policy.mine.using"), &ProbeVerdict::Held);
    })
    .await;
}
