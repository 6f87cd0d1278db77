//! Evidence from one machine's folder to another's.

use super::place::Place;
use flowcontrol_contract::{Digest, Timestamp};
use flowcontrol_evidence::{Draft, EvidenceStore, KnownSecrets, Outcome, ProfileRef, schema};
use serde_json::json;

/// A folder whose chain has a packet for each of `runs`.
fn with(runs: &[u32]) -> Place {
    let place = Place::new();
    let store = EvidenceStore::at(&place.file(".flowcontrol"));
    for run in runs {
        let draft = Draft {
            schema: schema::STEP.into(),
            created_at: Timestamp::from_micros(1_772_346_600_000_000).unwrap(),
            tool_version: "0.1.0".into(),
            ran: "rehearse".into(),
            profile: ProfileRef { name: "dev".into(), sha256: Digest::of("profile") },
            snapshot_sha256: None,
            target: None,
            checks: Vec::new(),
            outcome: Outcome::Passed,
            body: json!({"run": run}),
        };
        store.append(draft, &KnownSecrets::new()).unwrap();
    }
    place
}

#[test]
fn an_archive_goes_from_one_folder_to_another() {
    let ci = with(&[1, 2]);
    let made = ci.run("evidence export --out e.tar.zst --format json").json();
    assert_eq!(made["schema"], "FlowControlEvidenceArchive.v1");
    assert_eq!((&made["packets"], &made["linked"]), (&json!(2), &json!(0)));
    assert_eq!(made["sha256"], Digest::of(ci.read("e.tar.zst")).to_string());
    assert!(ci.run("evidence export --out e.tar.zst").refused(2).contains("already exists"));

    let desk = Place::new();
    desk.write("e.tar.zst", ci.read("e.tar.zst"));
    let head = made["head"].as_str().unwrap();
    let line = format!("evidence verify --archive e.tar.zst --head {head} --format json");
    assert_eq!(desk.run(&line).json()["sound"], true);
    let wrong = Digest::of("another");
    let said = desk.run(&format!("evidence verify --archive e.tar.zst --head {wrong}"));
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(!desk.file(".flowcontrol").exists(), "to verify an archive takes no store");

    let done = desk.run("evidence import e.tar.zst --format json").json();
    assert_eq!((&done["joined"], &done["added"]), (&json!("began"), &json!(2)));
    assert_eq!(done["head"], head);
    let verified = desk.run(&format!("evidence verify --head {head} --format json")).json();
    assert_eq!((&verified["sound"], &verified["packets"]), (&json!(true), &json!(2)));
    let again = desk.run("evidence import e.tar.zst").fine();
    assert!(
        again.starts_with("Nothing to import: the local chain already has all of the 2 packets"),
        "{again}"
    );
}

#[test]
fn a_folder_with_a_history_of_its_own_links_the_archive_when_it_is_told_to() {
    let ci = with(&[1, 2]);
    ci.run("evidence export --out e.tar.zst").fine();
    let desk = with(&[7]);
    desk.write("e.tar.zst", ci.read("e.tar.zst"));
    let refused = desk.run("evidence import e.tar.zst").refused(1);
    assert!(refused.contains("packet 1 has digest") && refused.contains("--link"), "{refused}");
    let done = desk.run("evidence import e.tar.zst --link --format json").json();
    assert_eq!((&done["joined"], &done["packets"]), (&json!("linked"), &json!(2)));
    let listed = desk.run("evidence list").fine();
    assert!(listed.contains("FlowControlImportedChain.v1"), "{listed}");
    assert!(desk.run("evidence verify").fine().contains("SOUND"));
}

#[test]
fn a_damaged_archive_is_a_failed_check_and_writes_nothing() {
    let ci = with(&[1]);
    ci.run("evidence export --out e.tar.zst").fine();
    let desk = Place::new();
    let bytes = ci.read("e.tar.zst");
    desk.write("e.tar.zst", &bytes[..bytes.len() - 1]);
    for line in ["evidence import e.tar.zst", "evidence verify --archive e.tar.zst"] {
        assert!(desk.run(line).refused(1).contains("it is truncated"));
    }
    assert_eq!(desk.names(), ["e.tar.zst"]);
}

/// Killed at whatever moment: what is there is sound, and the same import goes on.
#[test]
fn a_killed_import_leaves_a_sound_chain_and_goes_on() {
    let runs: Vec<u32> = (1..=60).collect();
    let ci = with(&runs);
    let made = ci.run("evidence export --out e.tar.zst --format json").json();
    let desk = Place::new();
    desk.write("e.tar.zst", ci.read("e.tar.zst"));
    let packets = || {
        let names = std::fs::read_dir(desk.file(".flowcontrol/evidence")).ok();
        names
            .into_iter()
            .flatten()
            .filter(|n| n.as_ref().unwrap().file_name().to_str().unwrap().ends_with(".json"))
            .count()
    };
    let mut left = Vec::new();
    for goal in [0, 1, 7, 20, 40] {
        let mut import = desk.start("evidence import e.tar.zst");
        while packets() < goal && import.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        import.kill().unwrap();
        import.wait().unwrap();
        left.push(packets());
        let said = desk.run("evidence verify --format json").json();
        assert_eq!(said["sound"], true, "{said}");
    }
    // How many the kills came in time for is the disk's affair; each is sound either way.
    eprintln!("packets after each kill: {left:?}");
    assert!(left.is_sorted(), "an import took packets away: {left:?}");
    desk.run("evidence import e.tar.zst").fine();
    let head = made["head"].as_str().unwrap();
    let said = desk.run(&format!("evidence verify --head {head} --format json")).json();
    assert_eq!((&said["sound"], &said["packets"]), (&json!(true), &json!(60)));
}
