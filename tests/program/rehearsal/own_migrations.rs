//! A team's own migrations, without the scenario's tables: `[migrations] scenario = false`.

use crate::support;
use flowcontrol_testkit::place::Place;
use serde_json::{Value, json};
use std::path::PathBuf;

const NAMES: &str = r#"[migrations]
dir = "db"
scenario = false
schema = "depot"
tenant_setting = "yard.firm"
tenant_column = "firm"
"#;

const FIRMS: &str = r#"
[[migrations.fixtures]]
table = "firms"
rows = [{ firm = "north", label = "North yard" }, { firm = "south", label = "South yard" }]
"#;

const PARCELS: &str = r#"
[[migrations.fixtures]]
table = "parcels"
rows = [
  { firm = "north", parcel = 1, weight = 2.5, note = "fragile" },
  { firm = "south", parcel = 1, weight = 4, note = "heavy" },
]
"#;

const SCANS: &str = r#"
[[migrations.fixtures]]
table = "scans"
rows = [
  { firm = "north", parcel = 1, at = "2026-01-05T06:00:00Z" },
  { firm = "south", parcel = 1, at = "2026-01-05T06:00:00Z" },
]
"#;

const REHEARSE: [&str; 5] = ["--format", "json", "rehearse", "--target", "local"];

/// The made-up team's folder `db` and a configuration that names it, with these fixtures.
fn depot(fixtures: &[&str]) -> Place {
    let place = Place::new();
    let template = flowcontrol::config::TEMPLATE;
    let (before, rest) = template.split_once("[migrations]").unwrap();
    let (_, after) = rest.split_once("# Database roles are cluster-wide").unwrap();
    let text =
        format!("{before}{NAMES}{}\n# Database roles are cluster-wide{after}", fixtures.concat());
    std::fs::write(place.work().join("flowcontrol.toml"), text).unwrap();
    let from = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/migrations-depot");
    for folder in ["", "verify"] {
        let to = place.work().join("db").join(folder);
        std::fs::create_dir_all(&to).unwrap();
        for entry in std::fs::read_dir(from.join(folder)).unwrap() {
            let entry = entry.unwrap();
            if entry.path().is_file() {
                std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
            }
        }
    }
    place
}

/// One more migration in `db`.
fn add(place: &Place, name: &str, up: &str, down: &str, verify: &str) {
    let db = place.work().join("db");
    std::fs::write(db.join(format!("{name}.up.sql")), up).unwrap();
    std::fs::write(db.join(format!("{name}.down.sql")), down).unwrap();
    std::fs::write(db.join(format!("verify/{name}.sql")), verify).unwrap();
}

fn ids(steps: &Value) -> Vec<&str> {
    steps.as_array().unwrap().iter().map(|s| s["id"].as_str().unwrap()).collect()
}

fn status<'r>(report: &'r Value, id: &str) -> &'r str {
    let steps = report["steps"].as_array().unwrap();
    steps.iter().find(|s| s["id"] == id).unwrap()["status"].as_str().unwrap()
}

/// Nothing of a scenario stands in the report: neither a step nor a result.
fn of_migrations_alone(report: &Value) {
    assert_eq!(report["scope"], "migrations");
    assert_eq!(ids(&report["steps"]), ["target", "migrate", "isolation", "evidence"]);
    for part in ["snapshot", "replay", "verify", "rollback"] {
        assert!(report[part].is_null(), "{part}: {report:#}");
    }
    for check in report["checks"].as_array().unwrap() {
        assert_eq!(check["gate"], "connection", "{check}");
    }
    let schemas: Vec<&str> = report["packets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["schema"].as_str().unwrap())
        .collect();
    assert_eq!(schemas.last(), Some(&"FlowControlMigrationRehearsal.v1"));
    assert!(!schemas.iter().any(|s| s.contains("DryRun")), "{schemas:?}");
}

#[test]
fn a_teams_own_schema_is_proved_and_nothing_is_replayed() {
    if support::server_or_skip("a_teams_own_schema_is_proved_and_nothing_is_replayed").is_none() {
        return;
    }
    let place = depot(&[FIRMS, PARCELS, SCANS]);
    let report = place.run(&REHEARSE).expect(0).json();
    of_migrations_alone(&report);
    assert_eq!(report["decision"], "GO");
    assert_eq!(report["unproved"], json!([]));
    assert_eq!(report["findings"], json!([]));
    for step in report["steps"].as_array().unwrap() {
        assert_eq!(step["status"], "passed", "{step}");
    }
    let migrations = report["migrations"].as_array().unwrap();
    let names: Vec<&str> = migrations.iter().map(|m| m["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["base", "access", "parcels_by_state"]);
    assert_eq!(report["isolation"]["leaks"], json!([]));
    for case in report["isolation"]["cases"].as_array().unwrap() {
        assert!(case["probes"].as_u64().unwrap() > 0, "{case}");
    }

    let out = place.work().join("out").display().to_string();
    let text = place
        .run(&["rehearse", "--target", "local", "--report", "json,junit,markdown", "--out", &out])
        .expect(0)
        .out;
    for said in ["Steps: 4 of 4 passed", "Migrations: 3 applied and verified", "Isolation: "] {
        assert!(text.contains(said), "{said}: {text}");
    }
    assert!(text.contains("GO:") || text.contains("\nGO"), "{text}");
    let read = |name: &str| std::fs::read_to_string(place.work().join("out").join(name)).unwrap();
    for written in [text, read("rehearsal.md"), read("rehearsal.junit.xml")] {
        // What this rehearsal is not about is not shown as if it were missing.
        for absent in ["Replay", "replay", "Read back", "not frozen", "Rollback", "Roll back"] {
            assert!(!written.contains(absent), "{absent}: {written}");
        }
    }
    let kept: Value = serde_json::from_str(&read("rehearsal.json")).unwrap();
    of_migrations_alone(&kept);
    place.evidence_verifies();
    assert_eq!(place.left_over(), Vec::<String>::new());
}

#[test]
fn a_broken_policy_of_a_team_is_named_with_its_table() {
    if support::server_or_skip("a_broken_policy_of_a_team_is_named_with_its_table").is_none() {
        return;
    }
    let place = depot(&[FIRMS, PARCELS, SCANS]);
    // It names the tenant's column and setting, so that lint has nothing to say: the attacks do.
    add(
        &place,
        "0004_lookup",
        "do $$ begin execute format('create policy lookup on depot.parcels for select to %I \
         using (firm = nullif(current_setting(''yard.firm'', true), '''') or firm is not null)', \
         current_setting('yard.application_role')); end $$;",
        "drop policy if exists lookup on depot.parcels;",
        "select count(*) = 1 from pg_catalog.pg_policies where policyname = 'lookup';",
    );
    add(
        &place,
        "0005_open",
        "do $$ begin execute format('create policy everybody on depot.firms for select to %I \
         using (label <> '''')', current_setting('yard.application_role')); end $$;",
        "drop policy if exists everybody on depot.firms;",
        "select count(*) = 1 from pg_catalog.pg_policies where policyname = 'everybody';",
    );
    let ended = place.run(&REHEARSE).expect(1);
    let report = ended.json();
    of_migrations_alone(&report);
    assert_eq!(report["decision"], "NO-GO");
    assert_eq!(status(&report, "isolation"), "failed");
    let leaks = report["isolation"]["leaks"].as_array().unwrap();
    let named = |object: &str, text: &str| {
        leaks.iter().any(|l| l["object"] == object && l["message"].as_str().unwrap().contains(text))
    };
    assert!(named("parcels", "parcels.select.other-tenant as application"), "{leaks:#?}");
    assert!(named("firms", "firms.policy.everybody.using"), "{leaks:#?}");
    assert!(named("firms", "firms.select.other-tenant as application"), "{leaks:#?}");
    assert!(!leaks.iter().any(|l| l["object"] == "scans"), "{leaks:#?}");
    let text = place.run(&["rehearse", "--target", "local"]).expect(1).out;
    assert!(text.contains("NO-GO") && text.contains("everybody") && text.contains("parcels"));
    place.evidence_verifies();
}

#[test]
fn a_table_of_a_team_without_fixtures_is_unproved_and_no_go() {
    if support::server_or_skip("a_table_of_a_team_without_fixtures_is_unproved_and_no_go").is_none()
    {
        return;
    }
    let place = depot(&[FIRMS, PARCELS]);
    let report = place.run(&REHEARSE).expect(1).json();
    of_migrations_alone(&report);
    assert_eq!(report["decision"], "NO-GO");
    assert_eq!(status(&report, "isolation"), "failed");
    assert_eq!(report["isolation"]["leaks"], json!([]));
    let unproved = report["unproved"].as_array().unwrap();
    assert!(!unproved.is_empty());
    let (named, rest): (Vec<&Value>, Vec<&Value>) = unproved
        .iter()
        .partition(|u| u["what"].as_str().unwrap().contains("isolation probe scans"));
    assert!(named.iter().any(|u| u["why"].as_str().unwrap().contains("fixture")), "{named:#?}");
    // Only how many there are besides: no other table is in doubt.
    assert!(rest.iter().all(|u| u["what"].as_str().unwrap().contains("more")), "{rest:#?}");

    // Without any there is nobody to keep apart.
    let place = depot(&[]);
    let ended = place.run(&REHEARSE).expect(2);
    assert!(ended.out.contains("[[migrations.fixtures]]"), "{ended}");
    assert_eq!(place.left_over(), Vec::<String>::new());
}

#[test]
fn a_lint_error_in_a_teams_folder_is_no_go_and_its_file_is_named() {
    let test = "a_lint_error_in_a_teams_folder_is_no_go_and_its_file_is_named";
    if support::server_or_skip(test).is_none() {
        return;
    }
    let place = depot(&[FIRMS, PARCELS, SCANS]);
    add(
        &place,
        "0004_rename",
        "alter view depot.waiting rename to idle;",
        "alter view if exists depot.idle rename to waiting;",
        "select count(*) = 1 from pg_catalog.pg_views where viewname = 'idle';",
    );
    let report = place.run(&REHEARSE).expect(1).json();
    of_migrations_alone(&report);
    assert_eq!(report["decision"], "NO-GO");
    assert_eq!(status(&report, "migrate"), "failed");
    // The rest is proved all the same.
    assert_eq!(status(&report, "isolation"), "passed", "{report:#}");
    let findings = report["findings"].as_array().unwrap();
    let found = findings.iter().find(|f| f["rule"] == "rename").unwrap();
    assert_eq!(found["file"], "db/0004_rename.up.sql", "as seen from where the command ran");
    assert_eq!((&found["line"], &found["severity"]), (&json!(1), &json!("error")));
    let linted = place.run(&["migrate", "lint", "--report", "github"]);
    assert!(linted.out.contains("db/0004_rename.up.sql"), "{linted}");
}
