//! Folders that cannot be read or written, and words whose ground has moved.

use super::place::{Place, Said};
use flowcontrol_contract::{Digest, Timestamp};
use flowcontrol_evidence::schema::{self, KNOWN};
use flowcontrol_evidence::{
    CheckResult, Draft, EvidenceStore, KnownSecrets, Outcome, ProfileRef, Verdict,
};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;

const NOBODY: u32 = 65_534;
const WORD: &str = "accept checklist/role-headers --as user_dispatcher_marek";

fn allow(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The program as a user whom permissions hold: the one who runs the tests, or nobody where that
/// is root. `None` where that user cannot reach the program.
fn bound(place: &Place, line: &str) -> Option<Said> {
    let mut command = place.command(line);
    if nix::unistd::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    Some(command.output().ok()?.into())
}

#[test]
fn a_folder_that_cannot_be_read_or_written_is_the_environments_failure() {
    let place = Place::seeded(60);
    place.run(WORD).fine();
    let (state, evidence) = (place.file(".flowcontrol"), place.file(".flowcontrol/evidence"));
    allow(place.path(), 0o755);
    if bound(&place, "--version").is_none_or(|said| said.code != Some(0)) {
        eprintln!("skipped: whom permissions hold cannot start the program where it stands");
        return;
    }
    let refused = |line: &str| {
        let said = bound(&place, line).unwrap().refused(3);
        assert!(said.contains("hint: ") && said.contains(".flowcontrol"), "{line}: {said}");
    };
    // Written by somebody else: it can be looked at, and nothing is judged or recorded half.
    allow(&evidence, 0o555);
    allow(&state, 0o555);
    for line in ["evidence list", "evidence show 1", "evidence verify"] {
        bound(&place, line).unwrap().fine();
    }
    for line in [WORD, "gates", "gates --require readiness"] {
        refused(line);
    }
    // Not to be looked at either.
    allow(&evidence, 0o000);
    for line in ["evidence list", "evidence verify", "evidence show 1", "gates", WORD] {
        refused(line);
    }
    allow(&evidence, 0o755);
    allow(&state, 0o755);
    let listed = place.run("evidence list --format json").json();
    assert_eq!(listed["packets"].as_array().unwrap().len(), 1);
    place.run("evidence verify").fine();
    place.run(WORD).fine();
}

#[test]
fn a_file_in_the_place_of_the_folder_is_named() {
    let place = Place::seeded(60);
    place.write(".flowcontrol/evidence", "");
    for line in ["evidence list", "evidence verify", "gates", WORD] {
        let said = place.run(line).refused(3);
        assert!(said.contains(".flowcontrol/evidence"), "{line}: {said}");
    }
    assert_eq!(place.read(".flowcontrol/evidence"), b"");
}

/// A dry run of the scenario in force, in which everything was ready.
fn rehearsed(place: &Place, word: &Value, second: i64) -> Digest {
    let known = KNOWN.iter().find(|s| schema::DRY_RUN.starts_with(s.name)).unwrap();
    let check = |id: &&str| CheckResult {
        id: (*id).to_owned(),
        title: "t".into(),
        verdict: Verdict::Ready,
        reason: "it was seen".into(),
        figures: Default::default(),
    };
    let digest = |value: &Value| Digest::parse(value.as_str().unwrap()).unwrap();
    let profile = ProfileRef {
        name: word["profile"]["name"].as_str().unwrap().to_owned(),
        sha256: digest(&word["profile"]["sha256"]),
    };
    let draft = Draft {
        schema: schema::DRY_RUN.into(),
        created_at: Timestamp::from_micros(1_772_346_600_000_000 + second * 1_000_000).unwrap(),
        tool_version: "0.1.0".into(),
        ran: "rehearse".into(),
        profile,
        snapshot_sha256: Some(digest(&word["bound"]["snapshot"])),
        target: Some(json!({"kind": "local"})),
        checks: known.checks.iter().map(check).collect(),
        outcome: Outcome::Passed,
        body: json!({"migrations_sha256": flowcontrol_runbook::embedded().unwrap().digest()}),
    };
    let store = EvidenceStore::at(&place.file(".flowcontrol"));
    store.append(draft, &KnownSecrets::new()).unwrap().sealed.sha256()
}

#[test]
fn a_word_does_not_outlive_the_evidence_it_was_given_on() {
    let place = Place::seeded(60);
    let check = || {
        let gate = place.run("gates checklist --format json").json()["gates"][0].clone();
        gate["checks"].as_array().unwrap().iter().find(|c| c["id"] == "role-headers").cloned()
    };
    let mut ground = "none".to_owned();
    for second in 1..4 {
        let word = place.run(&format!("{WORD} --format json")).json();
        assert_eq!(check().unwrap()["verdict"], "ready");
        let now = rehearsed(&place, &word, second).short();
        let stale = check().unwrap();
        assert_eq!(stale["verdict"], "next", "{stale}");
        let says = format!("accepted evidence {ground}, but the current one is {now}");
        assert!(stale["reason"].as_str().unwrap().ends_with(&says), "{stale}");
        assert_eq!(stale["command"], format!("flowcontrol {WORD}"));
        // What is stale can still be taken back, and a word that was taken back cannot.
        if second == 3 {
            place.run(&format!("{WORD} --revoke")).fine();
            place.run(&format!("{WORD} --revoke")).refused(1);
        }
        ground = now;
    }
    place.run("evidence verify").fine();
}

#[test]
fn what_is_required_decides_the_exit_code_and_nothing_else_does() {
    let place = Place::seeded(60);
    for (id, actor) in [
        ("contracts-frozen", "user_md_anna"),
        ("role-headers", "user_dispatcher_marek"),
        ("scenario-store", "user_dispatcher_marek"),
        ("db-schema", "user_accountant_olena"),
        ("secrets-and-auth", "user_accountant_olena"),
        ("migration-rollback", "user_md_anna"),
    ] {
        place.run(&format!("accept {id} --as {actor}")).fine();
    }
    for (line, code) in [
        ("gates --require checklist", 0),
        ("gates --require checklist --format json", 0),
        ("gates wiring --require board", 0),
        ("gates checklist --require wiring", 1),
        ("gates --require readiness", 1),
        ("gates --require readiness --format json", 1),
        ("gates --require readiness --for production", 1),
        ("gates --require checklist --for production", 1),
        ("gates --for production", 0),
    ] {
        let said = place.run(line);
        assert_eq!((said.code, said.err.as_str()), (Some(code), ""), "{line}");
        assert!(!said.out.is_empty(), "{line}: the answer is printed either way");
    }
}
