//! `adapters check` and `adapters plan`.

use super::place::Place;
use serde_json::{Value, json};

#[test]
fn a_store_that_keeps_its_contract_is_recorded_as_that() {
    let place = Place::seeded(60);
    let said = place.run("adapters check store").fine();
    assert!(said.contains("3 tenants with 15 actors and 60 records"), "{said}");
    let packet = place.run("evidence show 1 --format json").json();
    assert_eq!(packet["schema"], "FlowControlAdapterCheck.v1");
    assert_eq!(packet["checks"][0]["id"], "store");
    assert_eq!(packet["checks"][0]["figures"]["mode"], "local");
    assert_eq!(packet["outcome"], "passed");
    place.run("evidence verify").fine();
}

#[test]
fn every_port_is_told_of_and_what_is_not_built_is_no_success() {
    let place = Place::seeded(60);
    let said = place.run("adapters check --format json");
    assert_eq!(said.code, Some(1), "{}", said.err);
    let packet: Value = serde_json::from_str(&said.out).unwrap();
    let ids: Vec<&str> =
        packet["checks"].as_array().unwrap().iter().map(|c| c["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["store", "auth", "ocr", "ksef", "eta", "sync", "secrets"]);
    for check in packet["checks"].as_array().unwrap() {
        let built = ["store", "auth", "ksef", "secrets"].contains(&check["id"].as_str().unwrap());
        assert_eq!(check["verdict"], if built { "ready" } else { "next" }, "{check}");
    }
    // What is named is told of, and nothing else.
    let packet = place.run("adapters check secrets store --format json").json();
    let ids: Vec<_> = packet["checks"].as_array().unwrap().iter().map(|c| &c["id"]).collect();
    assert_eq!(
        (ids, &packet["outcome"]),
        (vec![&json!("store"), &json!("secrets")], &json!("passed"))
    );
    assert_eq!(packet["ran"], "adapters check secrets store");
    for (typed, meant) in [("stroe", "store"), ("store secret", "secrets")] {
        let unknown = place.run(&format!("adapters check {typed}")).refused(2);
        assert!(unknown.contains(&format!("did you mean {meant}?")), "{unknown}");
    }
}

#[test]
fn a_damaged_store_is_a_finding_and_an_absent_secret_is_named_and_never_shown() {
    let place = Place::seeded(60);
    let tenants = std::fs::read_dir(place.file(".flowcontrol/store/tenants")).unwrap();
    let roster = tenants.map(|e| e.unwrap().path().join("roster")).next().unwrap();
    std::fs::write(&roster, "{}").unwrap();
    let said = place.run("adapters check store");
    assert_eq!(said.code, Some(1), "{}{}", said.out, said.err);
    assert!(said.out.contains("next    store: "), "{}", said.out);

    let place = Place::new();
    place.run("init").fine();
    let text = String::from_utf8(place.read("flowcontrol.toml")).unwrap();
    let section = "\n[adapters.postgres-rls]\nhost = \"127.0.0.1\"\nport = 1\ndatabase = \"bfg\"\n\
         user = \"bfg_application\"\npassword = { env = \"BFG_APPLICATION_PASSWORD\" }\n\
         tenants = [\"bfg-control\"]\n";
    place.write("flowcontrol.toml", format!("{text}{section}"));
    let check = |said: super::place::Said, id: &str| -> Value {
        let packet: Value =
            serde_json::from_str(&said.out).unwrap_or_else(|e| panic!("{e} {said:?}"));
        packet["checks"].as_array().unwrap().iter().find(|c| c["id"] == id).unwrap().clone()
    };
    let line = "--profile staging adapters check --format json";
    let absent = check(place.run(line), "secrets");
    assert_eq!(absent["verdict"], "next");
    assert!(absent["reason"].as_str().unwrap().contains("BFG_APPLICATION_PASSWORD"), "{absent}");
    let said = place.with("BFG_APPLICATION_PASSWORD", "kanarek-7f3a", line);
    assert!(!said.out.contains("kanarek") && !said.err.contains("kanarek"), "{said:?}");
    let store = check(place.with("BFG_APPLICATION_PASSWORD", "kanarek-7f3a", line), "store");
    assert_eq!(store["verdict"], "next", "nothing listens there: {store}");
    let found = check(said, "secrets");
    assert_eq!((&found["verdict"], &found["figures"]["references"]), (&json!("ready"), &json!(1)));
}

#[test]
fn a_swap_names_every_port_and_the_gates_that_it_puts_back() {
    let place = Place::seeded(60);
    let plan = place.run("adapters plan --to staging --format json").json();
    assert_eq!((&plan["from"], &plan["to"]), (&json!("local-demo"), &json!("staging")));
    let changes: Vec<&str> = plan["ports"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|p| p["changes"] == true)
        .map(|p| p["port"].as_str().unwrap())
        .collect();
    assert_eq!(changes, ["store", "auth"]);
    assert_eq!(plan["gates"], json!([]), "nothing was proved yet");
    place.run("accept role-headers --as user_dispatcher_marek").fine();
    let plan = place.run("adapters plan --to staging --format json").json();
    assert_eq!(
        plan["gates"],
        json!([{"gate": "checklist", "ready_now": 1, "ready_then": 0, "total": 6,
            "checks": ["role-headers"]}])
    );
    let text = place.run("adapters plan --to staging").fine();
    assert!(text.contains("checklist 1/6 -> 0/6: role-headers"), "{text}");
    let unknown = place.run("adapters plan --to stagging").refused(2);
    assert!(unknown.contains("did you mean staging?"), "{unknown}");
}
