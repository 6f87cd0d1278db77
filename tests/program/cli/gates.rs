//! `gates`.

use super::place::Place;

#[test]
fn the_fresh_state_is_the_consoles_and_looking_at_it_leaves_nothing() {
    let place = Place::new();
    insta::assert_snapshot!("fresh_gates", place.run("gates").fine());
    insta::assert_snapshot!("fresh_gate", place.run("gates release").fine());
    assert!(place.names().is_empty(), "{:?}", place.names());
}

#[test]
fn json_has_every_gate_check_and_decision() {
    let place = Place::new();
    let whole = place.run("gates --format json").json();
    let members = |value: &serde_json::Value| -> Vec<String> {
        let mut names: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
        names.sort();
        names
    };
    assert_eq!(
        members(&whole),
        ["as_of", "gates", "production", "profile", "readiness", "snapshot"]
    );
    let gates = whole["gates"].as_array().unwrap();
    assert_eq!(gates.len(), 14);
    for gate in gates {
        assert_eq!(members(gate), ["checks", "decision", "id", "packet", "passed", "total"]);
        for check in gate["checks"].as_array().unwrap() {
            assert_eq!(
                members(check),
                ["command", "evidence", "id", "owner", "reason", "title", "verdict"]
            );
            assert!(!check["reason"].as_str().unwrap().is_empty(), "{check}");
        }
    }
    assert_eq!(
        members(&whole["readiness"]),
        ["formula", "next_action", "passed", "percent", "total"]
    );
    assert_eq!(members(&whole["readiness"]["next_action"]), ["check", "command", "owner"]);
    assert_eq!(
        whole["production"],
        serde_json::json!({"decision": "NO-GO", "traffic": "production_traffic_disabled"})
    );
    assert_eq!((&whole["profile"], &whole["snapshot"]), (&"local-demo".into(), &().into()));
    let one = place.run("gates board --format json").json();
    assert_eq!(one["gates"].as_array().unwrap().len(), 1);
    assert_eq!(one["readiness"], whole["readiness"], "the whole is judged all the same");
}

#[test]
fn commands_that_gates_name_are_commands_of_this_program() {
    for place in [Place::new(), Place::seeded(60)] {
        for line in
            ["gates", "gates --for staging", "gates --for production", "--profile local-demo gates"]
        {
            let whole = place.run(&format!("{line} --format json")).json();
            let checks = whole["gates"].as_array().unwrap().iter();
            let checks = checks.flat_map(|g| g["checks"].as_array().unwrap());
            let commands: Vec<&str> = checks.filter_map(|c| c["command"].as_str()).collect();
            assert!(!commands.is_empty(), "{line}");
            for command in commands.iter().flat_map(|c| c.split(" && ")) {
                let words = command.strip_prefix("flowcontrol ").unwrap();
                place.run(&format!("{words} --help")).fine();
            }
        }
    }
}

#[test]
fn a_required_gate_that_is_not_ready_ends_with_one() {
    let place = Place::new();
    let said = place.run("gates --require readiness");
    assert_eq!((said.code, said.err.as_str()), (Some(1), ""));
    assert!(said.out.starts_with("Gates of profile local-demo"), "{}", said.out);
}

#[test]
fn the_snapshot_in_force_is_the_one_that_freezing_gives() {
    let place = Place::seeded(300);
    let sha = place.digest();
    let whole = place.run("gates preflight --format json").json();
    assert_eq!(whole["snapshot"], sha.as_str());
    let payload = &whole["gates"][0]["checks"][0];
    assert_eq!(
        (&payload["id"], &payload["verdict"]),
        (&"snapshot-payload".into(), &"ready".into())
    );
    assert_eq!(payload["evidence"][0], sha.as_str());
    let state = std::fs::read_dir(place.file(".flowcontrol")).unwrap();
    let names: Vec<_> = state.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    assert!(!names.iter().any(|n| n.starts_with("gates-")), "{names:?}");
}

#[test]
fn another_profile_is_judged_over_the_active_ones_scenario() {
    let place = Place::seeded(60);
    let whole = place.run("gates --for production --format json").json();
    assert_eq!(whole["profile"], "production");
    assert_eq!(whole["snapshot"], place.digest().as_str());
    let checks = whole["gates"][4]["checks"].as_array().unwrap();
    assert!(checks[1]["reason"].as_str().unwrap().contains("tenant-rbac-adapter"), "{checks:?}");
}

#[test]
fn nothing_is_judged_on_a_chain_that_does_not_verify() {
    let place = Place::new();
    std::fs::create_dir_all(place.file(".flowcontrol/evidence")).unwrap();
    place.write(".flowcontrol/evidence/00001-ProductionAdapterDryRun.v1-1a2b3c4d.json", "{}\n");
    let said = place.run("gates").refused(1);
    assert!(
        said.contains("does not verify") && said.contains("flowcontrol evidence verify"),
        "{said}"
    );
}

#[test]
fn markdown_is_a_table_of_gates_or_of_one_gates_checks() {
    let place = Place::new();
    let whole = place.run("gates --report markdown").fine();
    assert!(whole.starts_with("## Gates of profile local-demo: NO-GO\n"), "{whole}");
    let rows = |said: &str| said.lines().filter(|l| l.starts_with('|')).count();
    assert_eq!(rows(&whole), 2 + 14, "{whole}");
    assert!(whole.contains("Next: connection/endpoint-reachability"), "{whole}");
    let one = place.run("gates release --report markdown").fine();
    insta::assert_snapshot!("fresh_gate_markdown", one);
    let json = place.run("gates release --format json").json();
    assert_eq!(rows(&one), 2 + json["gates"][0]["checks"].as_array().unwrap().len());
    assert_eq!(place.run("gates --report markdown --require readiness").code, Some(1));
    let said = place.run("gates --report markdown --format json");
    assert!(said.code == Some(2) && said.err.contains("cannot be combined"), "{said:?}");
}
