//! `release env`, `rollback env`, `gates --record`: what is handed to an environment and a reviewer.

use super::place::{Place, page};
use serde_json::Value;

/// The console's blocks, letter for letter.
const RELEASE: &str = "\
BFG_RELEASE_ENVIRONMENT=local-demo
BFG_RELEASE_TARGET=db-auth-session-adapter
BFG_SCENARIO_ADAPTER=ScenarioStore.v1
BFG_STORAGE_ADAPTER=file-local
BFG_AUTH_MODE=mock-auth-header
BFG_TENANT_MODE=single-tenant-local
BFG_ROLLBACK_OWNER=user_md_anna
BFG_RELEASE_EVIDENCE=ProductionAdapterDryRun.v1
BFG_RELEASE_DECISION=BLOCKED_PENDING_DRY_RUN
";
const ROLLBACK: &str = "\
BFG_ROLLBACK_DECISION=BLOCKED_PENDING_DRY_RUN
BFG_ROLLBACK_OWNER=user_md_anna
BFG_ROLLBACK_STORAGE=file-local
BFG_ROLLBACK_AUTH=mock-auth-header
BFG_ROLLBACK_EVIDENCE=ProductionReleaseHandoff.v1
BFG_ROLLBACK_PACKET=ProductionRollbackDrill.v1
";

#[test]
fn the_fresh_environments_are_the_consoles_and_leave_nothing() {
    let place = Place::new();
    assert_eq!(place.run("release env").fine(), RELEASE);
    assert_eq!(place.run("rollback env").fine(), ROLLBACK);
    assert!(place.names().is_empty(), "{:?}", place.names());
    for (line, block) in [("release env", RELEASE), ("rollback env", ROLLBACK)] {
        let json = place.run(&format!("{line} --format json")).json();
        let spelled: String = block
            .lines()
            .map(|line| line.split_once('=').unwrap())
            .map(|(name, _)| format!("{name}={}\n", json[name].as_str().unwrap()))
            .collect();
        assert_eq!(
            (spelled.as_str(), json.as_object().unwrap().len()),
            (block, block.lines().count())
        );
    }
    // Where the page is at hand, it says the same.
    if let Some(page) = page("the_fresh_environments_are_the_consoles_and_leave_nothing") {
        assert!(page.contains(RELEASE.trim_end()) && page.contains(ROLLBACK.trim_end()));
    }
}

#[test]
fn another_profile_hands_over_its_own_kinds() {
    let place = Place::new();
    let staging = place.run("release env --for staging").fine();
    for line in [
        "BFG_RELEASE_ENVIRONMENT=staging",
        "BFG_RELEASE_TARGET=db-auth-session-adapter",
        "BFG_STORAGE_ADAPTER=postgres-rls",
        "BFG_AUTH_MODE=oidc-rbac",
        "BFG_TENANT_MODE=single-tenant",
    ] {
        assert!(staging.lines().any(|l| l == line), "{line}\n{staging}");
    }
    let production = place.run("release env --for production").fine();
    assert!(production.contains("BFG_RELEASE_TARGET=tenant-rbac-adapter\n"), "{production}");
    assert!(production.contains("BFG_TENANT_MODE=multi-tenant\n"), "{production}");
}

#[test]
fn values_that_a_shell_would_read_otherwise_are_quoted_and_half_an_environment_is_none() {
    let place = Place::new();
    place.run("init").fine();
    let text = String::from_utf8(place.read("flowcontrol.toml")).unwrap();
    let odd = text
        .replace("[profiles.local-demo]", "[profiles.\"$(touch pwned) it's\"]")
        .replace("profile = \"local-demo\"", "profile = \"$(touch pwned) it's\"");
    place.write("flowcontrol.toml", &odd);
    place.run("demo seed --records 60").fine();
    place.write("release.env", place.run("release env").fine());
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", ". ./release.env; printf %s \"$BFG_RELEASE_ENVIRONMENT\""]);
    let said = shell.current_dir(place.path()).output().unwrap();
    assert_eq!(String::from_utf8(said.stdout).unwrap(), "$(touch pwned) it's");
    assert!(!place.names().contains(&"pwned".to_owned()));
    // A mixture of kinds is no known bundle, so there is no target to name.
    place.write("flowcontrol.toml", text.replacen("mock-auth-header", "oidc-rbac", 1));
    let refused = place.run("release env").refused(1);
    assert!(refused.contains("do not form a known bundle"), "{refused}");
    assert!(refused.contains("flowcontrol gates release"), "{refused}");
    let json = place.run("gates release --format json").json();
    assert_eq!(json["gates"][0]["checks"][0]["verdict"], "next", "{json}");
}

#[test]
fn a_gates_answer_becomes_its_packet_with_the_consoles_lines() {
    let place = Place::seeded(60);
    let gates = ["preflight", "release", "runbook", "infrastructure", "wiring"];
    for (n, gate) in (1..).zip(gates) {
        let said = place.run(&format!("gates {gate} --record"));
        assert_eq!((said.code, said.err.contains("sealed")), (Some(0), true), "{}", said.err);
        let packet = place.run(&format!("evidence show {n} --format json")).json();
        let judged = place.run(&format!("gates {gate} --format json")).json();
        assert_eq!(packet["schema"], judged["gates"][0]["packet"]);
        let verdicts = |value: &Value| -> Vec<Value> {
            value.as_array().unwrap().iter().map(|c| c["verdict"].clone()).collect()
        };
        assert_eq!(verdicts(&packet["checks"]), verdicts(&judged["gates"][0]["checks"]));
        assert_eq!(packet["outcome"], "failed", "not one of them is complete");
    }
    let digest = place.digest();
    let shown = place.run("evidence show 1").fine();
    let block = format!(
        "ProductionAdapterMigrationPreflight.v1\nschema=BFGScenarioSnapshot.v1\n\
         target=db-auth-session-adapter\nsession=grant-demo-local\nchecksum=bfg-{}\nrows=60\n\
         adapter_contract=ScenarioStore.v1\ndry_run=0/5\nconnection=0/4\n\
         rollback_decision=BLOCKED_PENDING_DRY_RUN\n",
        &digest[..8]
    );
    assert!(shown.starts_with(&block), "{shown}");
    let release = place.run("evidence show 2").fine();
    assert!(release.starts_with(&format!("ProductionReleaseHandoff.v1\n{RELEASE}")), "{release}");
    place.run("evidence verify").fine();
    // Recording turns nothing: the gates are what they were.
    let fresh = Place::seeded(60);
    let figures = |place: &Place| -> Vec<Value> {
        let whole = place.run("gates --format json").json();
        whole["gates"].as_array().unwrap().iter().map(|g| g["passed"].clone()).collect()
    };
    assert_eq!(figures(&place), figures(&fresh));
}

#[test]
fn what_something_else_has_to_seal_cannot_be_recorded_by_judging() {
    let place = Place::seeded(60);
    for gate in ["connection", "dry-run", "rollback-drill", "cutover", "checklist", "board"] {
        let refused = place.run(&format!("gates {gate} --record")).refused(2);
        assert!(refused.contains(&format!("nothing to record for {gate}")), "{refused}");
    }
    place.run("gates --record").refused(2);
    assert_eq!(place.run("evidence list --format json").json()["packets"], serde_json::json!([]));
}
