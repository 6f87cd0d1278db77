//! A chain that came to harm: each command says so, and none of them makes it worse.

use super::place::Place;
use flowcontrol_contract::{Digest, Timestamp};
use flowcontrol_evidence::canonical::canonical;
use flowcontrol_evidence::chain::Head;
use flowcontrol_evidence::{
    ChainSet, Draft, EvidenceStore, KnownSecrets, Outcome, PacketFile, ProfileRef, Sealed, archive,
    schema,
};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

const EVIDENCE: &str = ".flowcontrol/evidence";

fn draft(run: u32) -> Draft {
    Draft {
        schema: schema::STEP.into(),
        created_at: Timestamp::from_micros(1_772_346_600_000_000).unwrap(),
        tool_version: "0.1.0".into(),
        ran: "rehearse".into(),
        profile: ProfileRef { name: "dev".into(), sha256: Digest::of("profile") },
        snapshot_sha256: None,
        target: None,
        checks: Vec::new(),
        outcome: Outcome::Passed,
        body: json!({ "run": run }),
    }
}

fn append(place: &Place, run: u32) {
    let store = EvidenceStore::at(&place.file(".flowcontrol"));
    store.append(draft(run), &KnownSecrets::new()).unwrap();
}

/// A seeded scenario and a chain of three packets.
fn three() -> Place {
    let place = Place::seeded(60);
    (1..=3).for_each(|run| append(&place, run));
    place
}

/// Every file below `folder` with its content.
fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).into_iter().flatten().map(|e| e.unwrap().path());
    let named = |path: std::path::PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            let inner = tree(&path).into_iter();
            inner.map(|(n, bytes)| (format!("{name}/{n}"), bytes)).collect::<Vec<_>>()
        } else {
            vec![(name, fs::read(path).unwrap())]
        }
    };
    entries.flat_map(named).collect()
}

fn packets(place: &Place) -> Vec<PacketFile> {
    let files = tree(&place.file(EVIDENCE)).into_iter().filter(|(name, _)| name.ends_with(".json"));
    files.map(|(name, bytes)| PacketFile { name, bytes }).collect()
}

fn entry(sealed: &Sealed) -> PacketFile {
    PacketFile { name: sealed.file_name(), bytes: format!("{}\n", sealed.text()).into_bytes() }
}

/// The packet with another schema, sealed as the version that knows it would.
fn resealed(old: &PacketFile, schema: &str) -> PacketFile {
    let mut packet: Value = serde_json::from_slice(&old.bytes).unwrap();
    packet.as_object_mut().unwrap().remove("sha256");
    packet["schema"] = schema.into();
    let sha256 = Digest::of(canonical(&packet).unwrap()).to_string();
    let name =
        format!("{:05}-{schema}-{}.json", packet["sequence"].as_u64().unwrap(), &sha256[..8]);
    packet["sha256"] = sha256.into();
    PacketFile { name, bytes: format!("{}\n", canonical(&packet).unwrap()).into_bytes() }
}

fn pipe(path: &Path) -> io::Result<()> {
    Ok(mknodat(CWD, path, FileType::Fifo, Mode::RUSR, 0)?)
}

/// One way to come to harm: its name, what verification says of it, and how it happens.
type Harm = (&'static str, &'static str, fn(&mut Vec<PacketFile>));

const HARMS: [Harm; 10] = [
    ("gap", "packet 2 is missing", |e| drop(e.remove(1))),
    ("gaps", "packets 1 to 2 are missing", |e| drop(e.drain(..2))),
    ("fork", "claims sequence number 3", |e| {
        let previous = Sealed::parse(&e[1].bytes).unwrap().sha256();
        let packet = draft(9).link(3, Some(previous));
        e.push(entry(&Sealed::seal(packet, &KnownSecrets::new()).unwrap()));
    }),
    ("rename", "it was renamed", |e| e[1].name = e[1].name.replace("00002", "00004")),
    ("copy", "it is the same packet", |e| {
        let name = e[1].name.replace("00002", "00004");
        e.push(PacketFile { name, bytes: e[1].bytes.clone() });
    }),
    ("half", "its last line has no line break", |e| e[1].bytes.truncate(200)),
    ("half at the end", "its last line has no line break", |e| e[2].bytes.truncate(200)),
    ("empty", "it is empty", |e| e[1].bytes.clear()),
    ("edit", "its content has digest", |e| {
        let text = String::from_utf8(e[1].bytes.clone()).unwrap();
        e[1].bytes = text.replace("\"run\":2", "\"run\":7").into_bytes();
    }),
    ("newer", "newer than version 1", |e| e[2] = resealed(&e[2], "FlowControlRehearsalStep.v2")),
];

/// The folder with `entries` in place of its packets.
fn put(place: &Place, entries: &[PacketFile]) {
    let folder = place.file(EVIDENCE);
    for old in packets(place) {
        fs::remove_file(folder.join(old.name)).unwrap();
    }
    for entry in entries {
        fs::write(folder.join(&entry.name), &entry.bytes).unwrap();
    }
}

#[test]
fn every_command_refuses_a_chain_that_came_to_harm_and_changes_nothing() {
    let place = three();
    let (sound, head) = (packets(&place), place.read(&format!("{EVIDENCE}/HEAD")));
    place.run("evidence export --out good.tar.zst").fine();
    for (harm, says, change) in HARMS {
        let mut entries = sound.clone();
        change(&mut entries);
        put(&place, &entries);
        place.write(&format!("{EVIDENCE}/HEAD"), &head);
        let before = tree(&place.file(EVIDENCE));

        let verified = place.run("evidence verify --format json");
        assert_eq!((verified.code, verified.err.as_str()), (Some(1), ""), "{harm}");
        assert!(verified.out.contains(says), "{harm}: {}", verified.out);
        for line in [
            "gates",
            "gates --require readiness",
            "accept role-headers --as user_dispatcher_marek",
            "evidence export --out bad.tar.zst",
            "evidence import good.tar.zst",
            "evidence import good.tar.zst --link",
        ] {
            let said = place.run(line).refused(1);
            assert!(said.contains("flowcontrol evidence verify"), "{harm}: {line}: {said}");
        }
        place.run("evidence list").fine();
        assert_eq!(tree(&place.file(EVIDENCE)), before, "{harm}");
        assert!(!place.file("bad.tar.zst").exists(), "{harm}");
    }
    put(&place, &sound);
    place.run("evidence verify").fine();
}

#[test]
fn an_archive_of_a_chain_that_came_to_harm_is_refused_and_nothing_is_imported() {
    let source = three();
    let sound = packets(&source);
    let last = Sealed::parse(&sound[2].bytes).unwrap().link();
    let (empty, desk) = (Place::new(), three());
    append(&desk, 4);
    let before = tree(&desk.file(EVIDENCE));
    for (harm, _, change) in HARMS {
        let mut own = sound.clone();
        change(&mut own);
        let book = ChainSet { own, head: Head::Absent, imported: BTreeMap::new() };
        let bytes = archive::write(&book, last, "0.1.0").unwrap();
        for place in [&empty, &desk] {
            place.write("e.tar.zst", &bytes);
            for line in [
                "evidence import e.tar.zst",
                "evidence import e.tar.zst --link",
                &format!("evidence import e.tar.zst --head {}", last.sha256),
            ] {
                let said = place.run(line).refused(1);
                assert!(said.contains("e.tar.zst"), "{harm}: {said}");
            }
            let verified = place.run("evidence verify --archive e.tar.zst");
            assert_eq!(verified.code, Some(1), "{harm}: {verified:?}");
        }
        assert_eq!(tree(&desk.file(EVIDENCE)), before, "{harm}");
        assert_eq!(empty.names(), ["e.tar.zst"], "{harm}");
    }
}

#[test]
fn a_cut_tail_and_a_chain_made_anew_are_told_by_a_kept_head_alone() {
    let place = three();
    let kept = place.run("evidence verify --format json").json()["head"].clone();
    let kept = kept.as_str().unwrap().to_owned();
    let whole = packets(&place);
    let folder = place.file(EVIDENCE);
    for harm in ["cut", "anew"] {
        let mut entries = whole.clone();
        match harm {
            "cut" => drop(entries.pop()),
            _ => {
                let mut previous = None;
                entries.clear();
                for (place, run) in (1..).zip([7, 8, 9]) {
                    let packet = draft(run).link(place, previous);
                    let sealed = Sealed::seal(packet, &KnownSecrets::new()).unwrap();
                    previous = Some(sealed.sha256());
                    entries.push(entry(&sealed));
                }
            }
        }
        put(&place, &entries);
        let link = Sealed::parse(&entries.last().unwrap().bytes).unwrap().link();
        fs::write(folder.join("HEAD"), format!("{} {}\n", link.sequence, link.sha256)).unwrap();
        let blind = place.run("evidence verify --format json").json();
        for question in ["cut_at_tail", "recomputed_from_root"] {
            assert_eq!(blind[question]["result"], "unproved", "{harm}: {blind}");
        }
        let said = place.run("evidence verify").fine();
        assert!(said.contains("--head"), "{harm}: {said}");
        let seen = place.run(&format!("evidence verify --head {kept} --format json"));
        assert_eq!((seen.code, seen.err.as_str()), (Some(1), ""), "{harm}");
        let seen: Value = serde_json::from_str(&seen.out).unwrap();
        for question in ["cut_at_tail", "recomputed_from_root"] {
            assert_eq!(seen[question]["result"], "either", "{harm}: {seen}");
        }
    }
    put(&place, &whole);
    place.write(&format!("{EVIDENCE}/HEAD"), format!("3 {kept}\n"));
    place.run(&format!("evidence verify --head {kept}")).fine();
}

#[test]
fn what_a_crash_leaves_half_written_is_named_and_stops_nothing() {
    let place = three();
    let half = &packets(&place)[2].bytes[..200];
    place.write(&format!("{EVIDENCE}/.partial-00004-Xy12"), half);
    place.write(&format!("{EVIDENCE}/.partial-HEAD-Xy12"), "3 ");
    fs::create_dir(place.file(&format!("{EVIDENCE}/.partial-import-Xy12"))).unwrap();
    let said = place.run("evidence verify").fine();
    assert_eq!(said.matches("left partly written by a crash").count(), 3, "{said}");
    place.run("accept role-headers --as user_dispatcher_marek").fine();
    place.run("gates").fine();
    place.run("evidence export --out e.tar.zst").fine();
    let desk = Place::new();
    desk.write("e.tar.zst", place.read("e.tar.zst"));
    desk.run("evidence import e.tar.zst").fine();
    assert_eq!(tree(&desk.file(EVIDENCE)).keys().filter(|n| n.contains("partial")).count(), 0);
    assert_eq!(packets(&desk), packets(&place));
}

#[test]
fn what_only_looks_like_a_packet_is_named_and_is_no_failure_of_the_machine() {
    let place = three();
    let before = packets(&place);
    let odd = place.file(&format!("{EVIDENCE}/00004-FlowControlRehearsalStep.v1-00000000.json"));
    for made in ["folder", "link", "pipe", "nothing"] {
        match made {
            "folder" => fs::create_dir(&odd).unwrap(),
            "link" => std::os::unix::fs::symlink("nowhere", &odd).unwrap(),
            "pipe" => pipe(&odd).unwrap(),
            _ => fs::write(&odd, "").unwrap(),
        }
        let said = place.run("evidence verify");
        assert_eq!((said.code, said.err.as_str()), (Some(1), ""), "{made}: {said:?}");
        assert!(said.out.contains("00004-"), "{made}: {}", said.out);
        assert!(said.out.contains("it is empty"), "{made}: {}", said.out);
        for line in ["gates", "accept role-headers --as user_dispatcher_marek"] {
            assert!(place.run(line).refused(1).contains("00004-"), "{made}: {line}");
        }
        match made {
            "folder" => fs::remove_dir(&odd).unwrap(),
            _ => fs::remove_file(&odd).unwrap(),
        }
    }
    let head = place.file(&format!("{EVIDENCE}/HEAD"));
    let names = fs::read(&head).unwrap();
    fs::remove_file(&head).unwrap();
    pipe(&head).unwrap();
    assert!(place.run("gates").refused(1).contains("HEAD: it was edited"));
    fs::remove_file(&head).unwrap();
    fs::write(head, names).unwrap();
    place.run("evidence verify").fine();
    assert_eq!(packets(&place), before);
}
