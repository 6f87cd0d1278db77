//! The whole way to a staging that is cut over, with the program alone, and what every gate says
//! after each step.

use crate::rehearsal::site::{CONTRACTS, Judged, Site, WORDS, last_packet};
use crate::support;
use serde_json::Value;

const ANNA: &str = "user_md_anna";

/// What every gate says for profile staging once a step is done, in the order of `gates` after provider
/// contracts, which depend on nothing that is done here: connection, dry run, checklist, release,
/// rollback drill, preflight, runbook, cutover, provider acceptance, infrastructure, wiring, board,
/// readiness.
const STEPS: [(&str, &str); 12] = [
    ("fresh", "0/4 0/5 0/6 2/5 0/4 0/5 0/6 0/5 0/4 0/4 0/7 1/7 1/9"),
    ("seed", "0/4 0/5 0/6 3/5 0/4 2/5 2/6 1/5 0/4 0/4 0/7 1/7 1/9"),
    // What is proved for the demo profile is proved for nobody else.
    ("connect", "0/4 0/5 0/6 3/5 0/4 2/5 2/6 1/5 0/4 0/4 0/7 1/7 1/9"),
    ("rehearse", "4/4 5/5 0/6 4/5 0/4 3/5 3/6 2/5 0/4 0/4 0/7 1/7 3/9"),
    ("six owners", "4/4 5/5 6/6 5/5 0/4 4/5 4/6 2/5 0/4 0/4 0/7 7/7 4/9"),
    // Recording what was judged turns nothing.
    ("handoff", "4/4 5/5 6/6 5/5 0/4 4/5 4/6 2/5 0/4 0/4 0/7 7/7 4/9"),
    ("drill", "4/4 5/5 6/6 5/5 4/4 5/5 6/6 5/5 0/4 0/4 0/7 7/7 7/9"),
    ("reports", "4/4 5/5 6/6 5/5 4/4 5/5 6/6 5/5 0/4 0/4 0/7 7/7 7/9"),
    ("infrastructure", "4/4 5/5 6/6 5/5 4/4 5/5 6/6 5/5 0/4 4/4 4/7 7/7 8/9"),
    ("provider", "4/4 5/5 6/6 5/5 4/4 5/5 6/6 5/5 4/4 4/4 4/7 7/7 8/9"),
    ("wiring", "4/4 5/5 6/6 5/5 4/4 5/5 6/6 5/5 4/4 4/4 5/7 7/7 8/9"),
    ("cutover", "4/4 5/5 6/6 5/5 4/4 5/5 6/6 5/5 4/4 4/4 5/7 7/7 8/9"),
];

/// What a gate decides while it is held back.
const HELD: [(&str, &str); 7] = [
    ("release", "BLOCKED_PENDING_DRY_RUN"),
    ("rollback-drill", "BLOCKED_PENDING_DRY_RUN"),
    ("runbook", "BLOCKED_PENDING_PREFLIGHT"),
    ("cutover", "BLOCKED_PENDING_DATA_CUTOVER"),
    ("provider-acceptance", "NO-GO"),
    ("wiring", "BLOCKED_PENDING_INFRASTRUCTURE_OR_CREDENTIALS"),
    ("readiness", "NO-GO"),
];

/// The infrastructure decisions with their values.
const DECISIONS: [(&str, &str); 4] = [
    ("hosting", "--value provider=Hetzner --value account=bfg-staging"),
    ("region", "--value region=eu-central-1"),
    ("runtime-owner", "--value runtime_owner=Marek"),
    ("secrets-and-backup", "--value rpo=15m --value restore_owner=Olena"),
];

/// Judges staging and compares every gate with the table.
#[track_caller]
fn after(site: &Site, step: &str) -> Judged {
    let judged = site.judged("--for staging");
    holds(&judged, step);
    judged
}

#[track_caller]
fn holds(judged: &Judged, step: &str) {
    let (_, figures) = STEPS.iter().find(|(name, _)| *name == step).unwrap();
    assert_eq!(judged.figures(), format!("{CONTRACTS} {figures}"), "after {step}");
    let open = judged.open();
    for gate in judged.0["gates"].as_array().unwrap() {
        let id = gate["id"].as_str().unwrap();
        let held = HELD.iter().find(|(name, _)| *name == id).map(|(_, code)| *code);
        let expected = held.map(|code| if open.contains(&id) { code } else { "READY" });
        assert_eq!(judged.decision(id), expected, "{id} after {step}");
    }
    assert_eq!(judged.0["production"]["decision"], "NO-GO", "{step}");
    assert_eq!(judged.0["production"]["traffic"], "production_traffic_disabled", "{step}");
}

fn released(site: &Site) -> Vec<String> {
    let env = site.run("release env --for staging").expect(0).out;
    env.lines().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_way_to_a_staging_that_is_cut_over() {
    let test = "the_whole_way_to_a_staging_that_is_cut_over";
    if support::server_or_skip(test).is_none() {
        return;
    }
    let site = Site::new("staging").await;
    let adapter = site.adapter();
    site.amend(|text| {
        let eu = "residency = \"eu\"\n\n[profiles.production]";
        format!("{}{adapter}", text.replacen("\n[profiles.production]", eu, 1))
    });
    after(&site, "fresh");
    site.place().seed(240, 2);
    after(&site, "seed");
    site.run("connect --target external").expect(0);
    site.run("gates --require connection").expect(0);
    after(&site, "connect");

    // The console's order: rehearse, accept, hand over.
    site.run("snapshot freeze --out frozen.jsonl.zst").expect(0);
    site.run("--profile staging rehearse --target external --snapshot frozen.jsonl.zst").expect(0);
    let rehearsed = after(&site, "rehearse");
    assert_eq!(rehearsed.check("connection/write-probe")["verdict"], "ready");
    let held = "BFG_RELEASE_DECISION=BLOCKED_PENDING_DRY_RUN".to_owned();
    assert_eq!(released(&site).last(), Some(&held));
    site.run("gates --for staging --require release").expect(1);
    for (check, actor) in &WORDS[..6] {
        site.accepts(actor, check, "--for staging");
    }
    after(&site, "six owners");
    site.run("gates release --for staging --record").expect(0);
    assert_eq!(last_packet(&site, "ProductionReleaseHandoff.v1")["outcome"], "passed");
    after(&site, "handoff");
    let env = released(&site);
    for line in [
        "BFG_RELEASE_ENVIRONMENT=staging",
        "BFG_TENANT_MODE=single-tenant",
        "BFG_RELEASE_DECISION=READY",
    ] {
        assert!(env.iter().any(|l| l == line), "{line}: {env:?}");
    }

    let (confirmation, anna) = WORDS[6];
    site.accepts(anna, confirmation, "--for staging");
    site.run("rollback drill --target external --for staging --watch 1").expect(0);
    after(&site, "drill");
    for gate in ["preflight", "runbook"] {
        site.run(&format!("gates {gate} --for staging --record --require {gate}")).expect(0);
    }
    assert_eq!(last_packet(&site, "ProductionAdapterMigrationRunbook.v1")["outcome"], "passed");
    after(&site, "reports");

    infrastructure(&site);
    after(&site, "infrastructure");
    for id in ["live-provider", "auth-owner", "tenant-secrets", "live-wiring"] {
        site.accepts(ANNA, &format!("provider-acceptance/{id}"), "--for staging");
    }
    after(&site, "provider");
    site.run("--profile staging adapters check secrets").expect(0);
    after(&site, "wiring");

    let plan = site.run("--format json cutover plan --for staging").expect(0).json();
    assert_eq!(plan["decision"], "READY");
    batch_by_batch(&site).await;
    let whole = after(&site, "cutover");
    as_far_as_it_honestly_can_be(&site, &whole);
    site.place().evidence_verifies();
}

/// Whoever hosts it: not outside the Union, and not without values.
fn infrastructure(site: &Site) {
    let line = "accept infrastructure/region --as user_md_anna --for staging --value region=";
    let abroad = site.run(&format!("{line}us-east-1")).expect(2);
    assert!(abroad.err.contains("European Union"), "{abroad}");
    for (check, values) in DECISIONS {
        site.accepts(ANNA, &format!("infrastructure/{check}"), &format!("{values} --for staging"));
    }
    site.run("gates infrastructure --for staging --record").expect(0);
}

/// Each batch is there, and compared, before the next one begins.
async fn batch_by_batch(site: &Site) {
    let records = || site.records();
    let mut before = 0;
    for batch in ["tenant-and-rbac", "operations", "finance"] {
        let said = site.run(&format!("cutover run --for staging --until {batch}")).expect(0);
        assert!(said.out.contains("stopped as requested"), "{said}");
        assert_eq!(last_packet(site, "FlowControlCutoverStep.v1")["outcome"], "passed");
        let now = records().await;
        assert!(if batch == "tenant-and-rbac" { now == 0 } else { now > before }, "{batch}");
        before = now;
        // A cutover under way turns no gate.
        after(site, "wiring");
    }
    let done = site.run("--format json cutover run --for staging").expect(0).json();
    assert_eq!(done["complete"], true);
    assert_eq!(records().await, 240);
    let packet = last_packet(site, "FlowControlCutover.v1");
    assert_eq!(packet["body"]["restored_sha256"], packet["snapshot_sha256"]);
}

fn as_far_as_it_honestly_can_be(site: &Site, whole: &Judged) {
    for gate in ["release", "rollback-drill", "runbook", "cutover", "provider-acceptance"] {
        assert_eq!(whole.decision(gate), Some("READY"), "{gate}");
    }
    for gate in ["release", "rollback-drill", "preflight", "runbook", "cutover", "board"] {
        site.run(&format!("gates --for staging --require {gate}")).expect(0);
    }
    for gate in ["wiring", "provider-contracts", "readiness"] {
        site.run(&format!("gates --for staging --require {gate}")).expect(1);
    }
    // The store is there now and keeps its contract; nobody said how to sign in, and nothing hides
    // that.
    site.run("--profile staging adapters check store secrets").expect(0);
    let probed = site.judged("--for staging");
    holds(&probed, "cutover");
    assert_eq!(probed.open(), ["provider-contracts", "wiring", "readiness"]);
    let absent = "[adapters.oidc-rbac] is missing in the configuration";
    for check in ["wiring/oidc-claims", "wiring/live-credentials"] {
        assert_eq!(probed.reason(check), absent, "{check}");
        assert_eq!(probed.check(check)["command"], Value::Null, "{check}");
    }
    let contracts = probed.0["gates"][0]["checks"].as_array().unwrap();
    let ready = |check: &&Value| check["verdict"] == "ready";
    assert_eq!(contracts.iter().filter(ready).count().to_string(), CONTRACTS[..1]);
    for check in contracts.iter().filter(|check| !ready(check)) {
        let reason = check["reason"].as_str().unwrap();
        assert!(reason.starts_with("this version has no adapter"), "{reason}");
    }
    let next = &probed.0["readiness"]["next_action"];
    assert_eq!((&next["check"], &next["command"]), (&"wiring/oidc-claims".into(), &Value::Null));

    // The profile that was moved to says the same of its own scenario, which is in Postgres now.
    let swapped = Judged(site.run("--format json --profile staging gates").expect(0).json());
    assert_eq!(swapped.0["snapshot"], probed.0["snapshot"]);
    assert_eq!(swapped.figures(), probed.figures());

    // Production is another matter, and every open check says why in a sentence of its own.
    let production = site.judged("--for production");
    assert_eq!(production.0["production"]["decision"], "NO-GO");
    assert_eq!(production.figures(), format!("{CONTRACTS} {}", STEPS[1].1));
    for gate in production.0["gates"].as_array().unwrap() {
        for check in gate["checks"].as_array().unwrap().iter().filter(|c| c["verdict"] != "ready") {
            assert!(!check["reason"].as_str().unwrap().is_empty(), "{check}");
        }
    }
    for (check, why) in [
        (
            "connection/write-probe",
            "no ProductionAdapterConnection.v1 is recorded for profile production",
        ),
        (
            "dry-run/snapshot-export",
            "no ProductionAdapterDryRun.v1 is recorded for profile production",
        ),
        ("checklist/role-headers", "Marek Zielinski has not accepted it"),
        ("infrastructure/hosting", "Anna Kowalska has not accepted it"),
    ] {
        assert_eq!(production.reason(check), why);
    }
    assert!(production.reason("wiring/live-credentials").contains("no adapter document-ai"));
    // The handoff is ready for staging, and claims nothing of production.
    assert_eq!(released(site).last().map(String::as_str), Some("BFG_RELEASE_DECISION=READY"));
    let env = site.run("release env --for production").expect(0);
    assert!(env.out.contains("BFG_RELEASE_DECISION=BLOCKED_PENDING_DRY_RUN\n"), "{env}");
}
