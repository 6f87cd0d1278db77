//! `migrate` and `evidence` without a server.

use super::place::{Place, page};

#[test]
fn what_needs_a_server_says_what_to_configure() {
    let place = Place::new();
    for command in ["up", "down --to 0", "status", "verify"] {
        let said = place.run(&format!("migrate {command}")).refused(2);
        assert!(said.contains("[target.external]") && said.contains("flowcontrol.toml"), "{said}");
    }
    assert!(place.run("connect").refused(2).contains("[target.external]"));
    assert!(place.run("migrate plan").fine().contains("up 0001 runbook"));
    assert!(place.run("migrate roles").fine().contains("CREATE ROLE \"bfg_owner\""));
    assert!(place.run("migrate lint --files-only").fine().starts_with("0 errors, 0 warnings"));
    assert!(place.names().is_empty());
}

#[test]
fn the_sarif_of_lint_alone_is_a_successful_run() {
    let log = Place::new().run("migrate lint --files-only --report sarif").json();
    assert_eq!(log["runs"][0]["invocations"][0]["executionSuccessful"], true);
    assert!(!log["runs"][0]["results"].as_array().unwrap().is_empty());
}

#[test]
fn the_runbook_names_the_scenario_as_it_stands() {
    let place = Place::new();
    place.run("demo seed --records 30").fine();
    let digest = place.digest();
    let text = place.run("migrate runbook").fine();
    assert!(text.contains(&format!("-- checksum=bfg-{}\n-- rows=30\n", &digest[..8])), "{text}");
}

/// The seed stands beside the repository on some machines only.
#[test]
fn the_runbook_begins_as_the_seed_prints_it() {
    let text = Place::new().run("migrate runbook").fine();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "-- ProductionAdapterMigrationRunbook.v1");
    assert_eq!(lines[3], "-- session=grant-demo-local");
    assert_eq!(lines[6], "-- runbook_decision=BLOCKED_PENDING_PREFLIGHT");
    let Some(seed) = page("the_runbook_begins_as_the_seed_prints_it") else { return };
    let begin = seed.find("\n-- ProductionAdapterMigrationRunbook.v1").unwrap() + 1;
    let printed = &seed[begin..begin + seed[begin..].find("\nRunbook decision").unwrap()];
    let (header, sql) = printed.split_at(printed.find("create schema").unwrap());
    let names = |text: &str| -> Vec<String> {
        text.lines().take(7).map(|l| l.split('=').next().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&text), names(header));
    assert!(text.contains(sql.trim_end()), "0001 is the seed's SQL");
}

#[test]
fn evidence_of_an_empty_folder() {
    let place = Place::new();
    assert_eq!(place.run("evidence list").fine(), "0 packets\n");
    assert_eq!(place.run("evidence list --format json").json()["packets"], serde_json::json!([]));
    place.run("evidence verify").fine();
    assert!(place.run("evidence show 1").refused(2).contains("flowcontrol evidence list"));
    let said = place.run(&format!("evidence verify --head {}", "0".repeat(64)));
    assert_eq!(said.code, Some(1), "a kept head that is not there was cut off: {}", said.out);
    assert!(place.names().is_empty());
}
