//! `demo seed` and `scenario`.

use super::place::{Place, Said, line};
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[test]
fn equal_seeds_give_equal_scenarios() {
    let [one, same, other] = [1, 1, 2].map(|seed| {
        let place = Place::new();
        place.run(&format!("demo seed --records 500 --seed {seed}")).fine();
        place.digest()
    });
    assert_eq!(one, same);
    assert_ne!(one, other);
}

#[test]
fn the_demo_scenario_is_what_the_specification_says() {
    let place = Place::seeded(2_000);
    let shown = place.run("scenario show --format json").json();
    let first = &shown["tenants"][0];
    let permissions = |id: &str| {
        let actors = first["actors"].as_array().unwrap();
        let actor = actors.iter().find(|a| a["id"] == id).unwrap();
        actor["permissions"].as_array().unwrap().len()
    };
    let ids = [
        "user_md_anna",
        "user_dispatcher_marek",
        "user_accountant_olena",
        "driver_tarasenko",
        "cp_client_lviv_farma",
    ];
    assert_eq!(ids.map(permissions), [5, 4, 4, 3, 3]);
    assert_eq!(first["actors"].as_array().unwrap().len(), 5);
    assert_eq!(first["kinds"].as_object().unwrap().len(), 9, "{}", first["kinds"]);

    place.digest();
    let text = String::from_utf8(place.read("digest.jsonl")).unwrap();
    assert!(text.contains(|c: char| "ąćęłńóśźżŁŻŚ".contains(c)), "Polish text");
    assert!(
        text.contains(|c: char| ('а'..='я').contains(&c) || "іїєґ".contains(c)),
        "Ukrainian text"
    );
    let mut amounts = 0;
    for record in text.lines().map(|l| serde_json::from_str::<Value>(l).unwrap()) {
        for money in ["price", "gross", "net", "paid"].map(|key| &record["payload"][key]) {
            if money.is_object() {
                let amount = money["amount"].as_str().expect("an amount is a string");
                assert!(amount.parse::<f64>().is_ok() && money["currency"].is_string(), "{money}");
                amounts += 1;
            }
        }
    }
    assert!(amounts > 500, "{amounts}");
}

#[test]
fn seeding_again_changes_nothing_and_says_so() {
    let place = Place::seeded(60);
    let before = place.digest();
    let said = place.run("demo seed --records 60 --format json").json();
    assert_eq!((&said["records"], &said["kept"]), (&json!(0), &json!(60)));
    let said = place.run("demo seed --records 60").fine();
    assert!(said.contains("60 of the same scenario were there already"), "{said}");
    assert_eq!(place.digest(), before);
}

#[test]
fn seeding_a_store_that_holds_something_else_is_refused_by_name() {
    let place = Place::seeded(60);
    let before = place.digest();
    for (arguments, named) in [
        ("--records 60 --seed 2", "bfg-control that are not of this scenario: record "),
        (
            "--records 30",
            "already holds 30 records of tenant bfg-control, and this scenario has only 16",
        ),
    ] {
        let said = place.run(&format!("demo seed {arguments}")).refused(2);
        assert!(said.contains("already holds ") && said.contains(named), "{said}");
        assert!(said.contains("hint: "), "{said}");
        assert_eq!(place.digest(), before, "{arguments}");
    }
    // A record of somebody's own, after some of the demo's: the demo cannot go on around it.
    let own = line("own-1", &json!({"level": "low"}));
    place.fed("scenario append - --tenant bfg-control", own.as_bytes()).fine();
    let before = place.digest();
    for records in [60, 600] {
        let said = place.run(&format!("demo seed --records {records}")).refused(2);
        assert!(said.contains("tenant bfg-control"), "{said}");
        assert_eq!(place.digest(), before, "nothing of the other tenants is written either");
    }
}

/// Bytes in the store.
fn size(folder: &std::path::Path) -> u64 {
    // It is not there at first, and files come and go while they are listed.
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let of = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => size(&entry.path()),
        Ok(meta) => meta.len(),
        Err(_) => 0,
    };
    entries.flatten().map(of).sum()
}

#[test]
fn a_seeding_that_was_killed_is_completed_by_the_same_command() {
    const RECORDS: u64 = 12_000;
    // A store that recovers from a kill may say so on standard error.
    let result = |said: Said| {
        assert_eq!(said.code, Some(0), "{said:?}");
        serde_json::from_str::<Value>(&said.out).unwrap()
    };
    let seed = format!("demo seed --records {RECORDS} --tenants 3 --seed 5 --format json");
    let whole = Place::new();
    whole.run(&seed).json();
    let store = |place: &Place| place.file(".flowcontrol/store");
    let full = size(&store(&whole));

    let place = Place::new();
    let began = std::time::Instant::now();
    let mut left = Vec::new();
    // Within the first tenant, and again within a later one.
    for part in [3, 8] {
        let mut seeding = place.start(&seed);
        while size(&store(&place)) < full * part / 10 {
            assert!(seeding.try_wait().unwrap().is_none(), "it ended before it was killed");
            assert!(began.elapsed().as_secs() < 120, "it does not go on");
        }
        // SIGKILL.
        seeding.kill().unwrap();
        seeding.wait().unwrap();
        let shown = result(place.run("scenario show --format json"));
        let tenants = shown["tenants"].as_array().unwrap().iter();
        left.push(tenants.map(|t| t["head"].as_u64().unwrap()).sum::<u64>());
    }
    assert!(0 < left[0] && left[0] < left[1] && left[1] < RECORDS, "{left:?}");
    let other = place.run("demo seed --records 12000 --tenants 3 --seed 6").refused(2);
    assert!(other.contains("not of this scenario"), "{other}");
    let said = result(place.run(&seed));
    assert_eq!((&said["kept"], &said["records"]), (&json!(left[1]), &json!(RECORDS - left[1])));
    assert_eq!(place.digest(), whole.digest());
}

#[test]
fn an_empty_store_says_how_to_fill_it() {
    let place = Place::new();
    assert!(place.run("scenario show").fine().contains("`flowcontrol demo seed`"));
    for command in
        ["scenario tail --tenant bfg", "scenario append - --tenant bfg", "snapshot freeze --out f"]
    {
        let said = place.run(command).refused(2);
        assert!(said.contains("`flowcontrol demo seed`"), "{command}: {said}");
    }
    assert!(!place.file("f").exists());
}

#[test]
fn lines_that_are_no_records_are_named_and_nothing_is_written() {
    let place = Place::seeded(60);
    let before = place.digest();
    let good = line("r-1", &json!({"level": "low"}));
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("empty", vec![]),
        ("blank", b"\n\n \n".to_vec()),
        ("second-line", format!("{good}nonsense\n").into()),
        ("not-closed", good[..40].into()),
        ("kind", good.replace("risk", "party").into()),
        ("time", good.replace("2026-03-01T06:30:00Z", "yesterday").into()),
        ("field", good.replace("\"payload\"", "\"paylod\"").into()),
        ("order", good.replace("risk", "order").into()),
        ("duplicate-key", good.replace("{\"level\"", "{\"level\":1,\"level\"").into()),
        ("nul", good.replace("low", "a\\u0000").into()),
        ("actor", good.replace("user_md_anna", "bob").into()),
        ("twice", format!("{good}{good}").into()),
        ("binary", (0..=255).cycle().take(4_000).collect()),
        ("huge", vec![b'{'; 30_000_000]),
    ];
    let mut all = String::new();
    for (name, content) in cases {
        place.write(name, content);
        let said = place.run(&format!("scenario append {name} --tenant bfg-control")).refused(2);
        all.push_str(&said);
    }
    all.push_str(&place.run("scenario append absent --tenant bfg-control").refused(2));
    all.push_str(&place.run("scenario append . --tenant bfg-control").refused(2));
    all.push_str(&place.run("scenario append twice --tenant bfg").refused(2));
    all.push_str(&place.run("scenario tail --tenant bfg").refused(2));
    insta::assert_snapshot!("lines_that_are_no_records", all);
    assert_eq!(place.digest(), before);
}

#[test]
fn appending_again_changes_nothing_and_another_content_is_a_conflict() {
    let place = Place::seeded(60);
    let record = line("r-1", &json!({"level": "low", "text": "Żółć, Львів"}));
    let append = "scenario append - --tenant bfg-control";
    assert_eq!(
        place.fed(append, record.as_bytes()).fine(),
        "appended 1 record to bfg-control: 31 to 31\n"
    );
    let after = place.digest();
    let said = place.fed(append, record.as_bytes()).fine();
    assert!(said.contains("nothing was written"), "{said}");
    let said = place.fed(append, record.replace("low", "high").as_bytes()).refused(1);
    assert!(said.contains("r-1") && said.contains("hint: "), "{said}");
    let said =
        place.fed(&format!("{append} --expect 7"), line("r-2", &json!({})).as_bytes()).refused(1);
    assert!(said.contains("number 31, not 7"), "{said}");
    assert_eq!(place.digest(), after);
    place.fed(&format!("{append} --expect 31"), line("r-2", &json!({})).as_bytes()).fine();
    let tail = place.run("scenario tail --tenant bfg-control -n 2").fine();
    let ids: Vec<_> =
        tail.lines().map(|l| serde_json::from_str::<Value>(l).unwrap()["id"].clone()).collect();
    assert_eq!(ids, ["r-1", "r-2"]);
    assert_eq!(place.run("scenario tail --tenant bfg-control -n 0").fine(), "");
}

/// Every append is there with its actor, and a replayed one is there once.
#[test]
fn the_trail_tells_of_each_append_once() {
    let place = Place::seeded(60);
    let append = "scenario append - --tenant bfg-control";
    let seeded = place.run("scenario trail --tenant bfg-control").fine().lines().count();
    assert!(seeded > 0);
    for id in ["r-1", "r-2", "r-1"] {
        place.fed(append, line(id, &json!({"level": "low"})).as_bytes()).fine();
    }
    let all = place.run("scenario trail --tenant bfg-control").fine();
    assert_eq!(all.lines().count(), seeded + 2);
    let new = place.run("scenario trail --tenant bfg-control --after 30").fine();
    assert!(all.ends_with(&new));
    let events: Vec<Value> = new.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let told = events
        .iter()
        .map(|e| (e["payload"]["first"].as_u64().unwrap(), e["payload"]["last"].as_u64().unwrap()));
    assert_eq!(told.collect::<Vec<_>>(), [(31, 31), (32, 32)]);
    assert!(events.iter().all(|e| e["actor"].is_string() && e["source"].is_string()));
    let document = place.run("scenario trail --tenant bfg-control --after 30 --format json").json();
    assert_eq!(document["events"].as_array().unwrap(), &events);
    assert_eq!(place.run("scenario trail --tenant bfg-control --after 99").fine(), "");
    let said = place.run("scenario trail --tenant nobody").refused(2);
    assert!(said.contains("no tenant nobody") && said.contains("bfg-control"), "{said}");
}

#[test]
fn a_payload_of_a_megabyte_is_kept_as_it_is() {
    let place = Place::seeded(60);
    let text = "ż".repeat(524_288);
    place
        .fed(
            "scenario append - --tenant bfg-control",
            line("big", &json!({"text": text})).as_bytes(),
        )
        .fine();
    let tail = place.run("scenario tail --tenant bfg-control -n 1 --format json").json();
    assert_eq!(tail["records"][0]["payload"]["text"], text);
    let too_big = line("too-big", &json!({"text": "x".repeat(5 << 20)}));
    let said = place.fed("scenario append - --tenant bfg-control", too_big.as_bytes()).refused(2);
    assert!(said.contains("line 1") && said.len() < 500, "{said}");
}

#[test]
fn a_frozen_scenario_refuses_writes_until_it_is_thawed() {
    let place = Place::seeded(60);
    let before = place.digest();
    let record = line("r-1", &json!({"level": "low"}));
    let append = "scenario append - --tenant bfg-control";
    let mut freeze = place.command("scenario freeze --minutes 30 --format json --reason");
    let frozen = Said::from(freeze.arg("Próba wycofania").output().unwrap()).json();
    let window = &frozen["window"];
    let (id, end) = (window["id"].as_str().unwrap(), window["expires_at"].as_str().unwrap());
    assert!(id.starts_with("freeze-"), "{frozen}");
    assert_eq!(frozen["tenants"].as_array().unwrap().len(), 3);

    let said = place.fed(append, record.as_bytes()).refused(1);
    for part in ["Próba wycofania", id, end, "hint: ", "flowcontrol scenario thaw"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let said = place.run("demo seed --records 60").refused(1);
    assert!(said.contains("is frozen until"), "{said}");
    assert_eq!(place.digest(), before, "reading goes on");

    let shown = place.run("scenario show").fine();
    assert!(shown.contains(&format!("frozen   until {end} by window {id}")), "{shown}");
    assert!(shown.contains("2 writes were refused since"), "{shown}");
    let shown = place.run("scenario show --format json").json();
    assert_eq!(shown["frozen"]["window"], *window);
    assert_eq!(shown["frozen"]["refused"], 2);

    let second = place.run("scenario freeze --minutes 5 --reason other").refused(1);
    assert!(second.contains(id) && second.contains("is frozen already"), "{second}");
    let line = format!("scenario freeze --minutes 60 --reason other --id {id}");
    let moved = place.run(&format!("{line} --format json")).json();
    assert_eq!(moved["window"]["reason"], "Próba wycofania");
    assert!(moved["window"]["expires_at"].as_str().unwrap() > end, "{moved}");

    let other = place.run("scenario thaw --id freeze-0").refused(1);
    assert!(other.contains("\"freeze-0\" is in force"), "{other}");
    let thawed = place.run("scenario thaw").fine();
    assert!(thawed.contains(id) && thawed.contains("2 writes were refused"), "{thawed}");
    place.fed(append, record.as_bytes()).fine();
    let shown = place.run("scenario show --format json").json();
    assert_eq!(shown["frozen"], Value::Null);
    assert!(!place.run("scenario show").fine().contains("frozen"));
    assert!(place.run("scenario thaw").refused(1).contains("no freeze window is in force"));
    assert!(place.run(&line).refused(1).contains("was lifted already"), "an id is used once");
}

#[test]
fn what_cannot_be_frozen_is_refused_by_name() {
    let empty = Place::new();
    let said = empty.run("scenario freeze --minutes 5 --reason drill").refused(2);
    assert!(said.contains("no tenant to freeze") && said.contains("demo seed"), "{said}");
    assert!(empty.names().is_empty(), "nothing is left behind: {:?}", empty.names());
    assert!(empty.run("scenario thaw").refused(1).contains("no freeze window"));
    let place = Place::seeded(60);
    for (arguments, why) in [
        ("--minutes 0 --reason drill", "is not in 1 to 10080"),
        ("--minutes 10081 --reason drill", "is not in 1 to 10080"),
        ("--minutes 5 --reason drill --id Drill", "the id of a freeze window"),
        ("--minutes 5 --reason drill --id ..", "the id of a freeze window"),
        ("--minutes 5", "--reason"),
        ("--minutes soon --reason drill", "soon"),
    ] {
        let said = place.run(&format!("scenario freeze {arguments}")).refused(2);
        assert!(said.contains(why), "{arguments}: {said}");
    }
    let mut lines = place.command("scenario freeze --minutes 5 --reason");
    let said = Said::from(lines.arg("two\nlines").output().unwrap()).refused(2);
    assert!(said.contains("one line of 1 to 200 characters"), "{said}");
    assert!(!place.run("scenario show").fine().contains("frozen"));
}

#[test]
fn a_damaged_fence_refuses_writes_and_is_named() {
    let place = Place::seeded(60);
    place.run("scenario freeze --minutes 5 --reason drill").fine();
    place.write(".flowcontrol/store/fence", "bfgfence1 nonsense");
    let record = line("r-1", &json!({}));
    for said in [
        place.fed("scenario append - --tenant bfg-control", record.as_bytes()).refused(1),
        place.run("scenario thaw").refused(1),
    ] {
        assert!(said.contains(".flowcontrol/store/fence is damaged"), "{said}");
        assert!(said.contains("hint: ") && said.contains("delete it"), "{said}");
    }
    place.run("scenario tail --tenant bfg-control").fine();
}

#[test]
fn two_programs_that_append_at_once_lose_nothing() {
    let place = Place::seeded(60);
    let children: Vec<_> = (0..2)
        .map(|writer| {
            for n in 0..8 {
                let lines: String =
                    (0..5).map(|i| line(&format!("w{writer}-{n}-{i}"), &json!({}))).collect();
                place.write(&format!("w{writer}-{n}"), lines);
            }
            let runs: Vec<_> = (0..8)
                .map(|n| {
                    place.start(&format!("scenario append w{writer}-{n} --tenant bfg-control"))
                })
                .collect();
            runs
        })
        .collect();
    for child in children.into_iter().flatten() {
        let said = super::place::Said::from(child.wait_with_output().unwrap());
        said.fine();
    }
    let tail = place.run("scenario tail --tenant bfg-control -n 80 --format json").json();
    let records = tail["records"].as_array().unwrap();
    let ids: BTreeSet<_> = records.iter().map(|r| r["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 80);
    let seqs: Vec<_> = records.iter().map(|r| r["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (31..=110).collect::<Vec<_>>());
}
