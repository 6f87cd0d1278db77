//! `dossier`.

use super::place::Place;
use flowcontrol_contract::Digest;
use serde_json::Value;
use std::process::Command;

fn json(place: &Place, dir: &str) -> Value {
    serde_json::from_slice(&place.read(&format!("{dir}/dossier.json"))).unwrap()
}

fn page(place: &Place, dir: &str) -> String {
    String::from_utf8(place.read(&format!("{dir}/dossier.html"))).unwrap()
}

fn names(place: &Place, dir: &str) -> Vec<String> {
    let entries = std::fs::read_dir(place.file(dir)).unwrap();
    let mut names: Vec<_> =
        entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn in_a_fresh_place_it_says_what_is_missing() {
    let place = Place::new();
    let said = place.run("dossier --out review/first").fine();
    assert_eq!(names(&place, "review/first"), ["dossier.html", "dossier.json"]);
    assert_eq!(place.names(), ["review"], "and nothing else is left");
    let (document, page) = (json(&place, "review/first"), page(&place, "review/first"));
    assert_eq!(document["schema"], "FlowControlDossier.v1");
    let gates = place.run("gates --format json").json();
    for (one, other) in
        document["gates"].as_array().unwrap().iter().zip(gates["gates"].as_array().unwrap())
    {
        assert_eq!(one["checks"], other["checks"], "{}", one["id"]);
    }
    assert_eq!(document["readiness"], gates["readiness"]);
    assert_eq!(document["production"]["blockers"].as_array().unwrap().len(), 14);
    let sha256 = Digest::of(place.read("review/first/dossier.json")).to_string();
    assert!(said.contains(&sha256) && page.contains(&sha256), "{said}");
    assert!(said.contains("production NO-GO, readiness 1/9 areas"), "{said}");
    let sql = place.run("migrate runbook").fine();
    assert_eq!(document["runbook"]["sql"], sql.as_str(), "the very text that is printed");
}

#[test]
fn after_a_seed_and_words_it_says_who_said_what_and_whether_it_counts() {
    let place = Place::seeded(60);
    place.run("accept role-headers --as user_dispatcher_marek").fine();
    place.run("accept role-headers --as user_dispatcher_marek --for production").fine();
    place.run("accept db-schema --as user_accountant_olena").fine();
    place.run("accept db-schema --as user_accountant_olena --revoke").fine();
    let said = place.run("dossier --out review --format json").json();
    let document = json(&place, "review");
    assert_eq!(said["head"], document["packets"][3]["sha256"]);
    assert_eq!(document["chain"]["sound"], true);
    let words = document["acceptances"].as_array().unwrap();
    let worth: Vec<_> = words
        .iter()
        .map(|w| (w["counts"].as_bool().unwrap(), w["reason"].as_str().unwrap()))
        .collect();
    assert!(worth[0].0 && worth[0].1.starts_with("Marek Zielinski accepted it at"), "{worth:?}");
    assert_eq!(
        worth[1..],
        [
            (false, "it was given for profile production"),
            (false, "it was replaced by a later acceptance of the same owner"),
            (false, "Olena Shevchenko revoked the acceptance"),
        ]
    );
    let page = page(&place, "review");
    for packet in document["packets"].as_array().unwrap() {
        let sequence = packet["sequence"].as_u64().unwrap();
        assert!(page.contains(packet["sha256"].as_str().unwrap()), "{packet}");
        let shown = place.run(&format!("evidence show {sequence}")).fine();
        assert_eq!(packet["text"], shown.as_str());
    }
    let production = place.run("dossier --out production --for production --format json").json();
    assert_eq!(production["profile"]["name"], "production");
    let words = &json(&place, "production")["acceptances"];
    let reason = words[1]["reason"].as_str().unwrap();
    assert!(reason.contains("mock login, which production does not accept"), "{reason}");
}

/// A reviewer's commands are run as they stand in the page.
#[test]
fn its_digests_can_be_checked_without_the_program() {
    let place = Place::seeded(60);
    place.run("accept role-headers --as user_dispatcher_marek").fine();
    place.run("dossier --out review").fine();
    let (document, page) = (json(&place, "review"), page(&place, "review"));
    let text =
        |escaped: &str| escaped.replace("&quot;", "\"").replace("&gt;", ">").replace("&amp;", "&");
    let lines: Vec<String> = page
        .split("<pre class=\"line\">")
        .skip(1)
        .map(|rest| text(rest.split("</pre>").next().unwrap()))
        .collect();
    let run = |starts: &str, dir: &str| {
        let line = lines.iter().find(|l| l.starts_with(starts)).expect(starts);
        let out =
            Command::new("sh").args(["-c", line]).current_dir(place.file(dir)).output().unwrap();
        assert!(out.status.success(), "{line}");
        String::from_utf8(out.stdout).unwrap()[..64].to_owned()
    };
    let sealed = run("sed ", ".flowcontrol/evidence");
    assert_eq!(document["packets"][0]["sha256"], sealed.as_str());
    let whole = run("sha256sum ", "review");
    assert!(page.contains(&whole));
    // What needs our own program or jq is tried by its words.
    let head = document["chain"]["head"].as_str().unwrap();
    place.run("evidence export --out evidence.tar.zst").fine();
    place.run(&format!("evidence verify --archive evidence.tar.zst --head {head}")).fine();
    assert!(lines.contains(&format!(
        "flowcontrol evidence verify --archive evidence.tar.zst --head {head}"
    )));
    assert_eq!(lines.last().unwrap(), "flowcontrol gates");
    let sql = document["runbook"]["sql"].as_str().unwrap();
    assert_eq!(document["runbook"]["sha256"], Digest::of(sql).to_string());
}

#[test]
fn an_earlier_dossier_is_replaced_and_nothing_else_is() {
    let place = Place::new();
    place.run("dossier --out review").fine();
    place.run("demo seed --records 60").fine();
    place.run("dossier --out review").fine();
    assert!(json(&place, "review")["subject"]["snapshot"].is_string());
    assert_eq!(names(&place, "review"), ["dossier.html", "dossier.json"]);
    for (name, foreign) in [
        ("dossier.html", "<!DOCTYPE html>\n<p>mine"),
        ("dossier.html", ""),
        ("dossier.json", "{\"schema\": \"Mine.v1\"}"),
        ("dossier.json", "[]"),
    ] {
        let before = place.read("review/dossier.html");
        place.run("dossier --out other").fine();
        place.write(&format!("other/{name}"), foreign);
        let said = place.run("dossier --out other").refused(2);
        assert!(said.contains(name) && said.contains("--out"), "{said}");
        assert_eq!(place.read(&format!("other/{name}")), foreign.as_bytes());
        assert_eq!(
            names(&place, "other"),
            ["dossier.html", "dossier.json"],
            "nothing half-written"
        );
        std::fs::remove_dir_all(place.file("other")).unwrap();
        assert_eq!(place.read("review/dossier.html"), before);
    }
    // A link is followed by nobody.
    std::fs::create_dir(place.file("linked")).unwrap();
    place.write("target.json", "{\"schema\": \"FlowControlDossier.v1\"}");
    std::os::unix::fs::symlink("../target.json", place.file("linked/dossier.json")).unwrap();
    place.run("dossier --out linked").refused(2);
    assert_eq!(place.read("target.json"), b"{\"schema\": \"FlowControlDossier.v1\"}");
    place.write("file", "");
    let said = place.run("dossier --out file").refused(3);
    assert!(said.contains("--out"), "{said}");
}

#[test]
fn a_chain_that_does_not_verify_gives_no_dossier() {
    let place = Place::seeded(60);
    place.run("accept role-headers --as user_dispatcher_marek").fine();
    let folder = place.file(".flowcontrol/evidence");
    let packet = std::fs::read_dir(&folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .find(|p| p.extension().is_some_and(|e| e == "json"))
        .unwrap();
    let text = std::fs::read_to_string(&packet).unwrap();
    std::fs::write(&packet, text.replacen("marek", "olena", 1)).unwrap();
    let said = place.run("dossier --out review").refused(1);
    assert!(said.contains("does not verify") && said.contains("evidence verify"), "{said}");
    assert!(!place.file("review").exists());
}

#[test]
fn a_secret_is_never_written_down() {
    let place = Place::new();
    place.run("init").fine();
    place.run("demo seed --records 60").fine();
    // A secret that the configuration refers to, in a migration's comment.
    let folder = place.file("sql/verify");
    std::fs::create_dir_all(folder).unwrap();
    place.write("sql/0001_a.up.sql", "-- kanarek-7f3a\ncreate table a ();\n");
    place.write("sql/0001_a.down.sql", "drop table a;\n");
    place.write("sql/verify/0001_a.sql", "select true;\n");
    let toml = String::from_utf8(place.read("flowcontrol.toml")).unwrap();
    let toml = toml.replacen("[migrations]\n", "[migrations]\ndir = \"sql\"\n", 1);
    let toml = format!("{toml}\n[adapters.custom]\nkey = {{ file = \"secret\" }}\n");
    place.write("flowcontrol.toml", toml);
    place.run("dossier --out review").fine();
    place.write("secret", "kanarek-7f3a\n");
    let said = place.run("dossier --out review2").refused(1);
    assert!(said.contains("the runbook") && said.contains("migration files"), "{said}");
    assert!(!said.contains("kanarek") && !place.file("review2").exists(), "{said}");
    place.write("secret", "other\n");
    place.write("sql/0001_a.up.sql", "alter role anna password 'tajne';\n");
    let said = place.run("dossier --out review2").refused(1);
    assert!(said.contains("the runbook") && !said.contains("tajne"), "{said}");
}
