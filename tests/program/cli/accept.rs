//! `accept`: owners' words, their refusals, and what they turn.

use super::place::{Place, line};
use flowcontrol_contract::{Digest, Timestamp};
use flowcontrol_evidence::canonical::canonical;
use flowcontrol_evidence::{Draft, EvidenceStore, KnownSecrets, Outcome, ProfileRef, schema};
use serde_json::{Value, json};

/// The checklist with its owners.
const SIX: [(&str, &str); 6] = [
    ("contracts-frozen", "user_md_anna"),
    ("role-headers", "user_dispatcher_marek"),
    ("scenario-store", "user_dispatcher_marek"),
    ("db-schema", "user_accountant_olena"),
    ("secrets-and-auth", "user_accountant_olena"),
    ("migration-rollback", "user_md_anna"),
];

fn score(place: &Place, line: &str) -> (u64, u64) {
    let gate = &place.run(&format!("{line} --format json")).json()["gates"][0];
    (gate["passed"].as_u64().unwrap(), gate["total"].as_u64().unwrap())
}

/// One check of a gate.
fn check(place: &Place, gate: &str, id: &str) -> Value {
    let whole = place.run(&format!("gates {gate} --format json")).json();
    let checks = whole["gates"][0]["checks"].as_array().unwrap();
    checks.iter().find(|c| c["id"] == id).unwrap().clone()
}

fn packets(place: &Place) -> usize {
    place.run("evidence list --format json").json()["packets"].as_array().unwrap().len()
}

#[test]
fn six_words_turn_the_checklist_and_the_board_and_a_new_record_turns_them_back() {
    let place = Place::seeded(60);
    let open = check(&place, "checklist", "role-headers");
    let command = "flowcontrol accept checklist/role-headers --as user_dispatcher_marek";
    assert_eq!((&open["command"], &open["verdict"]), (&command.into(), &"next".into()));
    assert_eq!(open["reason"], "Marek Zielinski has not accepted it");

    for (n, (id, actor)) in (1..).zip(SIX) {
        let said = place.run(&format!("accept checklist/{id} --as {actor}")).fine();
        assert!(said.contains(&format!("checklist is {n}/6")), "{said}");
        assert!(said.contains("mock: not proved; production does not accept it"), "{said}");
    }
    assert_eq!(score(&place, "gates checklist"), (6, 6));
    assert_eq!(score(&place, "gates board"), (7, 7));
    place.run("evidence verify").fine();
    let then = place.digest();
    let whole = place.run("evidence show 2 --format json").json();
    assert_eq!(whole["schema"], "FlowControlAcceptance.v1");
    assert_eq!(whole["snapshot_sha256"], then.as_str());
    assert_eq!(whole["body"]["bound"]["snapshot"], then.as_str());
    assert_eq!(whole["body"]["authentication"], "mock");

    let record = line("new", &json!({}));
    place.fed("scenario append - --tenant bfg-control", record.as_bytes()).fine();
    std::fs::remove_file(place.file("digest.jsonl")).unwrap();
    let now = place.digest();
    assert_eq!(score(&place, "gates checklist"), (0, 6));
    assert_eq!(score(&place, "gates board"), (1, 7));
    let stale = check(&place, "checklist", "role-headers");
    let reason = stale["reason"].as_str().unwrap();
    assert!(reason.contains(&then[..8]) && reason.contains(&now[..8]), "{reason}");
    assert_eq!((&stale["verdict"], &stale["command"]), (&"next".into(), &command.into()));

    // The word is one on the profile too.
    place.run("accept role-headers --as user_dispatcher_marek").fine();
    assert_eq!(score(&place, "gates checklist"), (1, 6));
    assert_eq!(score(&place, "gates checklist --for staging"), (0, 6));
    place.run("accept role-headers --as user_dispatcher_marek --for staging").fine();
    assert_eq!(score(&place, "gates checklist --for staging"), (1, 6));
    assert_eq!(score(&place, "gates checklist"), (1, 6), "each profile has its own");
}

#[test]
fn production_takes_no_mock_login() {
    let place = Place::seeded(60);
    place.run("accept role-headers --as user_dispatcher_marek --for production").fine();
    let whole = place.run("gates checklist --for production --format json").json();
    let reason = whole["gates"][0]["checks"][1]["reason"].as_str().unwrap();
    assert!(reason.contains("mock login, which production does not accept"), "{reason}");
}

#[test]
fn only_the_owner_decides_and_nothing_is_recorded_otherwise() {
    let place = Place::seeded(60);
    let said = place.run("accept contracts-frozen --as user_dispatcher_marek").refused(1);
    assert!(said.contains("is decided by Anna Kowalska (user_md_anna)"), "{said}");
    assert!(said.contains("not by Marek Zielinski"), "{said}");
    place.run("accept contracts-frozen --as driver_tarasenko --revoke").refused(1);
    let said = place.run("accept contracts-frozen --as user_md_anna --revoke").refused(1);
    assert!(said.contains("no acceptance of checklist/contracts-frozen for profile"), "{said}");
    assert_eq!(packets(&place), 0);

    let empty = Place::new();
    let said = empty.run("accept contracts-frozen --as user_md_anna").refused(1);
    assert!(said.contains("scenario is empty") && said.contains("demo seed"), "{said}");
    assert!(empty.names().is_empty(), "{:?}", empty.names());
}

#[test]
fn a_word_can_be_taken_back_and_given_again() {
    let place = Place::seeded(60);
    let line = "accept db-schema --as user_accountant_olena";
    for ready in [1, 1] {
        place.run(line).fine();
        assert_eq!(score(&place, "gates checklist"), (ready, 6));
        let said = place.run(&format!("{line} --revoke")).fine();
        assert!(said.contains("revoked the acceptance"), "{said}");
        let back = check(&place, "checklist", "db-schema");
        assert_eq!(back["reason"], "Olena Shevchenko revoked the acceptance");
        place.run(&format!("{line} --revoke")).refused(1);
    }
    assert_eq!(packets(&place), 4);
    place.run("evidence verify").fine();
}

#[test]
fn infrastructure_decisions_carry_values_that_fit() {
    let place = Place::new();
    place.run("init").fine();
    let toml = String::from_utf8(place.read("flowcontrol.toml")).unwrap();
    let sync = "sync = \"service-worker\"\n";
    place.write("flowcontrol.toml", toml.replace(sync, &format!("{sync}residency = \"eu\"\n")));
    place.run("demo seed --records 60").fine();
    let refused = |line: &str| place.run(&format!("accept {line} --as user_md_anna")).refused(2);
    let said = refused("hosting --value provider=Hetzner");
    assert!(said.contains("without account") && said.contains("account=ACCOUNT"), "{said}");
    let said = refused("region --value region=us-east-1");
    assert!(said.contains("us-east-1") && said.contains("European Union"), "{said}");
    assert!(refused("secrets-and-backup --value rpo=soon --value restore_owner=a").contains("15m"));
    for secret in ["postgres://anna:tajne@db/bfg", "password=tajne", "-----BEGINtajne"] {
        let said = refused(&format!("hosting --value provider=Hetzner --value account={secret}"));
        assert!(said.contains("credential") && !said.contains("tajne"), "{said}");
    }
    assert_eq!(packets(&place), 0);
    for line in [
        "hosting --value provider=Hetzner --value account=bfg-1",
        "region --value region=eu-central-1",
        "runtime-owner --value runtime_owner=Marek",
        "secrets-and-backup --value rpo=15m --value restore_owner=Anna",
    ] {
        place.run(&format!("accept {line} --as user_md_anna")).fine();
    }
    assert_eq!(score(&place, "gates infrastructure"), (4, 4));
    let shown = place.run("evidence show 4").fine();
    assert!(shown.contains("values.rpo=15m"), "{shown}");
}

#[test]
fn two_who_accept_at_once_both_stand_in_the_chain() {
    let place = Place::seeded(60);
    let lines = SIX.map(|(id, actor)| format!("accept {id} --as {actor}"));
    let running = lines.each_ref().map(|line| (line, place.start(line)));
    for (line, child) in running {
        let done = child.wait_with_output().unwrap();
        assert!(done.status.success(), "{line}: {}", String::from_utf8_lossy(&done.stderr));
    }
    assert_eq!((packets(&place), score(&place, "gates checklist")), (6, (6, 6)));
    place.run("evidence verify").fine();
    // The same word twice is two packets and one acceptance.
    let twice = [0, 1].map(|_| place.start(&lines[0]));
    for child in twice {
        assert!(child.wait_with_output().unwrap().status.success());
    }
    assert_eq!((packets(&place), score(&place, "gates checklist")), (8, (6, 6)));
}

#[test]
fn a_packet_that_contradicts_itself_is_never_sealed() {
    let place = Place::new();
    let draft = Draft {
        schema: schema::ACCEPTANCE.into(),
        created_at: Timestamp::from_micros(1_772_346_600_000_000).unwrap(),
        tool_version: "0.1.0".into(),
        ran: "accept".into(),
        profile: ProfileRef { name: "local-demo".into(), sha256: Digest::of("profile") },
        snapshot_sha256: None,
        target: None,
        checks: Vec::new(),
        outcome: Outcome::Failed,
        body: json!({}),
    };
    let store = EvidenceStore::at(&place.file(".flowcontrol"));
    let refused = store.append(draft, &KnownSecrets::new()).unwrap_err();
    assert!(refused.message.contains("its body is not a valid acceptance"), "{refused}");
}

#[test]
fn json_says_what_was_recorded() {
    let place = Place::seeded(60);
    let line = "accept hosting --as user_md_anna --value provider=a --value account=b";
    let said = place.run(&format!("{line} --format json")).json();
    assert_eq!(said["gate"], json!({"id": "infrastructure", "passed": 1, "total": 4}));
    assert_eq!(
        (&said["check"], &said["revoked"]),
        (&"infrastructure/hosting".into(), &false.into())
    );
    assert_eq!(said["values"], json!({"provider": "a", "account": "b"}));
}

#[test]
fn a_word_that_claims_a_login_nobody_can_verify_stops_the_gates() {
    let place = Place::seeded(60);
    place.run("accept role-headers --as user_dispatcher_marek").fine();
    let folder = place.file(".flowcontrol/evidence");
    let text = place.run("evidence show 1 --format json").json().to_string();
    // Sealed again as anybody with the folder could.
    let mut packet: Value = serde_json::from_str(&text).unwrap();
    packet.as_object_mut().unwrap().remove("sha256");
    packet["body"]["authentication"] = "signature".into();
    let sha256 = Digest::of(canonical(&packet).unwrap());
    packet["sha256"] = sha256.to_string().into();
    for entry in std::fs::read_dir(&folder).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    let name = format!("00001-FlowControlAcceptance.v1-{}.json", &sha256.to_string()[..8]);
    std::fs::write(folder.join(&name), format!("{}\n", canonical(&packet).unwrap())).unwrap();
    for line in ["gates", "accept db-schema --as user_accountant_olena"] {
        let said = place.run(line).refused(1);
        assert!(said.contains(&name), "{said}");
        assert!(said.contains("claims authentication signature"), "{said}");
    }
}
