//! The evidence chain: what it stores, and that every way of tampering with it is found.

use flowcontrol_base::{Exit, Failure};
use flowcontrol_contract::{Digest, Secret, Timestamp};
use flowcontrol_evidence::chain::{Head, verify};
use flowcontrol_evidence::{
    Anchors, ChainProblemKind, ChainVerification, CheckResult, Draft, EvidenceStore, Flaw,
    ForgeryCheck, KnownSecrets, Outcome, PacketFile, ProfileRef, Sealed, Verdict, schema, text,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

mod archive;
mod edits;
mod import;
mod parsing;
mod signed;

fn check(id: &str, verdict: Verdict) -> CheckResult {
    let figures = json!({"attempts": 1, "seconds": 0.25});
    let Value::Object(figures) = figures else { unreachable!() };
    CheckResult {
        id: id.into(),
        title: format!("Check {id}"),
        verdict,
        reason: "answered in time".into(),
        figures,
    }
}

fn draft(n: i64) -> Draft {
    Draft {
        schema: schema::CONNECTION.into(),
        created_at: Timestamp::from_micros(1_772_346_600_000_000 + n * 1_000_000).unwrap(),
        tool_version: "0.1.0".into(),
        ran: "connect".into(),
        profile: ProfileRef { name: "staging".into(), sha256: Digest::of("profile") },
        snapshot_sha256: None,
        target: Some(json!({"kind": "external", "database": "bfg", "place": "Dębica"})),
        checks: ["endpoint-reachability", "tls-fingerprint", "rbac-session", "write-probe"]
            .map(|id| check(id, Verdict::Ready))
            .into(),
        outcome: Outcome::Passed,
        body: json!({"endpoint": "db.example:5432/bfg", "run": n, "ratio": 0.1}),
    }
}

fn no_secrets() -> KnownSecrets {
    KnownSecrets::new()
}

/// A sound chain of `n` packets, as files.
fn chain(n: i64) -> Vec<PacketFile> {
    let mut previous = None;
    (1..=n)
        .map(|i| {
            let place = u64::try_from(i).unwrap();
            let sealed = Sealed::seal(draft(i).link(place, previous), &no_secrets()).unwrap();
            previous = Some(sealed.sha256());
            entry(&sealed)
        })
        .collect()
}

fn entry(sealed: &Sealed) -> PacketFile {
    PacketFile { name: sealed.file_name(), bytes: format!("{}\n", sealed.text()).into_bytes() }
}

fn link(entry: &PacketFile) -> (u64, Digest) {
    let sealed = Sealed::parse(&entry.bytes).unwrap();
    (sealed.packet().sequence, sealed.sha256())
}

/// Anchors as the store would have left them for `entries`.
fn recorded(entries: &[PacketFile]) -> Anchors {
    let recorded = entries.last().map_or(Head::Absent, |last| {
        let (sequence, sha256) = link(last);
        Head::Names { sequence, sha256, signature: None }
    });
    Anchors { recorded, kept: None, trusted: Vec::new() }
}

fn kinds(verification: &ChainVerification) -> Vec<ChainProblemKind> {
    verification.problems.iter().map(|p| p.kind).collect()
}

#[test]
fn a_sound_chain_passes_and_says_what_it_could_not_check() {
    let entries = chain(4);
    let result = verify(&entries, &recorded(&entries));
    assert!(result.passed(), "{:?}", result.problems);
    assert_eq!((result.packets, result.head), (4, Some(link(&entries[3]).1)));
    assert!(matches!(result.edit_inside, ForgeryCheck::Sound { .. }));
    assert!(matches!(result.cut_at_tail, ForgeryCheck::Unproved { .. }));
    assert!(matches!(result.recomputed_from_root, ForgeryCheck::Unproved { .. }));
    let anchors = Anchors { kept: Some(link(&entries[3]).1), ..recorded(&entries) };
    let result = verify(&entries, &anchors);
    assert!(matches!(result.cut_at_tail, ForgeryCheck::Sound { .. }));
    assert!(matches!(result.recomputed_from_root, ForgeryCheck::Sound { .. }));
}

/// Every byte of a chain in turn: each of its bits flipped, the byte removed, a byte put before it.
/// The packets are small, since the work grows with the square of their size.
#[test]
fn every_single_byte_edit_is_found() {
    let mut previous = None;
    let entries = [1, 2, 3].map(|n| {
        let mut small = draft(n);
        small.schema = schema::STEP.into();
        small.checks.clear();
        small.target = None;
        let place = u64::try_from(n).unwrap();
        let sealed = Sealed::seal(small.link(place, previous), &no_secrets()).unwrap();
        previous = Some(sealed.sha256());
        entry(&sealed)
    });
    let anchors = recorded(&entries);
    let mut edits = 0;
    for file in 0..entries.len() {
        let sound = &entries[file].bytes;
        for at in 0..sound.len() {
            let flips = (0..8).map(|bit| {
                let mut bytes = sound.clone();
                bytes[at] ^= 1 << bit;
                bytes
            });
            let without = {
                let mut bytes = sound.clone();
                bytes.remove(at);
                bytes
            };
            let inserts = [b' ', b'0', b'\n', sound[at]].map(|byte| {
                let mut bytes = sound.clone();
                bytes.insert(at, byte);
                bytes
            });
            for bytes in flips.chain([without]).chain(inserts) {
                let mut edited = entries.clone();
                edited[file].bytes = bytes;
                let result = verify(&edited, &anchors);
                assert!(!result.passed(), "file {file}, byte {at}");
                assert!(matches!(result.edit_inside, ForgeryCheck::Found { .. }));
                assert!(
                    result.problems.iter().any(|p| p.file == entries[file].name),
                    "names the file: {:?}",
                    result.problems
                );
                edits += 1;
            }
        }
    }
    assert!(edits > 10_000, "{edits}");
}

#[test]
fn every_single_byte_edit_of_head_is_found() {
    let entries = chain(3);
    let sound = recorded(&entries).recorded.render().into_bytes();
    assert!(verify(&entries, &recorded(&entries)).passed());
    for at in 0..sound.len() {
        for change in (0..8).map(|bit| 1u8 << bit) {
            let mut bytes = sound.clone();
            bytes[at] ^= change;
            let anchors = Anchors { recorded: Head::parse(&bytes), ..recorded(&entries) };
            let result = verify(&entries, &anchors);
            assert_eq!(kinds(&result), [ChainProblemKind::Head], "byte {at} ^ {change}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn any_replacement_of_a_stretch_is_found(
        file in 0usize..3,
        from in 0usize..2000,
        length in 0usize..40,
        put in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let entries = chain(3);
        let mut edited = entries.clone();
        let bytes = &mut edited[file].bytes;
        let from = from % bytes.len();
        let to = (from + length).min(bytes.len());
        prop_assume!(bytes[from..to] != put[..]);
        bytes.splice(from..to, put);
        prop_assume!(edited != entries);
        prop_assert!(!verify(&edited, &recorded(&entries)).passed());
    }

    #[test]
    fn the_order_of_files_does_not_matter(order in Just((0..5).collect::<Vec<usize>>()).prop_shuffle()) {
        let entries = chain(5);
        let shuffled: Vec<PacketFile> = order.iter().map(|&i| entries[i].clone()).collect();
        let anchors = recorded(&entries);
        prop_assert_eq!(verify(&shuffled, &anchors), verify(&entries, &anchors));
    }

    #[test]
    fn any_bytes_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Sealed::parse(&bytes).is_err());
    }
}

#[test]
fn what_is_removed_added_or_swapped_is_found_by_name() {
    let sound = chain(5);
    let anchors = recorded(&sound);
    let edit = |change: &dyn Fn(&mut Vec<PacketFile>)| {
        let mut entries = sound.clone();
        change(&mut entries);
        verify(&entries, &anchors)
    };

    let gap = edit(&|e| drop(e.drain(1..3)));
    assert_eq!(kinds(&gap), [ChainProblemKind::Missing]);
    assert!(gap.problems[0].message.contains("packets 2 to 3 are missing"));
    assert_eq!(gap.problems[0].file, sound[3].name);

    let first = edit(&|e| drop(e.remove(0)));
    assert_eq!(kinds(&first), [ChainProblemKind::Missing]);

    let renamed = edit(&|e| e[2].name = e[2].name.replace("00003", "00009"));
    assert_eq!(kinds(&renamed), [ChainProblemKind::Edited]);

    let copied = edit(&|e| {
        let copy = PacketFile { name: "copy.json".into(), ..e[2].clone() };
        e.push(copy);
    });
    // The copy sorts first, having no number, so either of the two may be called the double.
    assert!(kinds(&copied).contains(&ChainProblemKind::Duplicate), "{:?}", copied.problems);

    // A second packet after packet 2: sealed properly, and a fork all the same.
    let fork = edit(&|e| {
        let packet = draft(77).link(3, Some(link(&e[1]).1));
        e.push(entry(&Sealed::seal(packet, &no_secrets()).unwrap()));
    });
    assert!(kinds(&fork).contains(&ChainProblemKind::Fork), "{:?}", fork.problems);

    // The same put in the place of packet 3: what follows no longer follows.
    let replaced = edit(&|e| {
        let packet = draft(77).link(3, Some(link(&e[1]).1));
        e[2] = entry(&Sealed::seal(packet, &no_secrets()).unwrap());
    });
    assert_eq!(kinds(&replaced), [ChainProblemKind::Unlinked]);
    assert_eq!(replaced.problems[0].file, sound[3].name);

    let other_root = edit(&|e| {
        let packet = draft(1).link(1, Some(Digest::of("elsewhere")));
        e[0] = entry(&Sealed::seal(packet, &no_secrets()).unwrap());
    });
    assert_eq!(kinds(&other_root), [ChainProblemKind::Unlinked, ChainProblemKind::Unlinked]);

    let huge = edit(&|e| {
        let packet = draft(9).link(9_000_000_000_000_000, None);
        e.push(entry(&Sealed::seal(packet, &no_secrets()).unwrap()));
    });
    assert!(kinds(&huge).contains(&ChainProblemKind::Missing));
}

#[test]
fn a_cut_tail_is_found_by_head_and_proved_only_by_a_kept_digest() {
    let whole = chain(5);
    let cut = &whole[..3];
    let careless = verify(cut, &recorded(&whole));
    assert_eq!(kinds(&careless), [ChainProblemKind::Head]);
    assert!(careless.problems[0].message.contains("packets were removed from the end"));
    assert!(matches!(careless.cut_at_tail, ForgeryCheck::Found { .. }));

    // Whoever rewrites HEAD as well passes, and the answer does not call that proved.
    let careful = verify(cut, &recorded(cut));
    assert!(careful.passed());
    assert!(matches!(careful.cut_at_tail, ForgeryCheck::Unproved { .. }));

    let kept = Anchors { kept: Some(link(&whole[4]).1), ..recorded(cut) };
    let caught = verify(cut, &kept);
    assert!(!caught.passed());
    assert!(matches!(caught.cut_at_tail, ForgeryCheck::Either { .. }));

    // A damaged last packet is an edit, and not called a cut.
    let mut damaged = whole.clone();
    damaged[4].bytes[20] ^= 1;
    let anchors = Anchors { kept: Some(link(&whole[4]).1), ..recorded(&whole) };
    let result = verify(&damaged, &anchors);
    assert_eq!(kinds(&result), [ChainProblemKind::Edited]);
    assert!(matches!(result.cut_at_tail, ForgeryCheck::Unproved { .. }), "{result:?}");
    assert!(matches!(result.recomputed_from_root, ForgeryCheck::Unproved { .. }), "{result:?}");

    // A digest kept two packets ago proves the chain up to there and says so.
    let older = Anchors { kept: Some(link(&whole[2]).1), ..recorded(&whole) };
    let ForgeryCheck::Sound { why } = verify(&whole, &older).cut_at_tail else { panic!() };
    assert!(why.contains("up to packet 3"), "{why}");

    // Nor does it vouch for what HEAD shows to be gone after it.
    let older = Anchors { kept: Some(link(&whole[1]).1), ..recorded(&whole) };
    let result = verify(&whole[..4], &older);
    assert!(matches!(result.cut_at_tail, ForgeryCheck::Found { .. }), "{result:?}");
    assert!(matches!(result.recomputed_from_root, ForgeryCheck::Sound { .. }), "{result:?}");

    let emptied = verify(&[], &recorded(&whole));
    assert_eq!(kinds(&emptied), [ChainProblemKind::Head]);
}

#[test]
fn a_chain_computed_anew_is_found_by_a_kept_digest_alone() {
    let honest = chain(4);
    let mut previous = None;
    let forged: Vec<PacketFile> = (1..=4)
        .map(|i| {
            let mut packet = draft(i).link(u64::try_from(i).unwrap(), previous);
            packet.body = json!({"endpoint": "elsewhere.example:5432/bfg"});
            let sealed = Sealed::seal(packet, &no_secrets()).unwrap();
            previous = Some(sealed.sha256());
            entry(&sealed)
        })
        .collect();
    let unseen = verify(&forged, &recorded(&forged));
    assert!(unseen.passed());
    assert!(matches!(unseen.recomputed_from_root, ForgeryCheck::Unproved { .. }));
    let anchors = Anchors { kept: Some(link(&honest[3]).1), ..recorded(&forged) };
    let seen = verify(&forged, &anchors);
    assert!(!seen.passed());
    assert!(matches!(seen.recomputed_from_root, ForgeryCheck::Either { .. }));
}

/// Reseals a packet's JSON after `change`, as a forger would who knows the format.
fn reseal(
    entry: &PacketFile,
    change: impl FnOnce(&mut serde_json::Map<String, Value>),
) -> PacketFile {
    let Value::Object(mut members) = serde_json::from_slice(&entry.bytes).unwrap() else {
        unreachable!()
    };
    members.remove("sha256");
    change(&mut members);
    let canonical = |members: &serde_json::Map<String, Value>| {
        flowcontrol_contract::json::canonicalize(&serde_json::to_string(members).unwrap()).unwrap()
    };
    let sha256 = Digest::of(canonical(&members)).to_string();
    let name = format!(
        "{:05}-{}-{}.json",
        members["sequence"].as_u64().unwrap(),
        members["schema"].as_str().unwrap(),
        &sha256[..8]
    );
    members.insert("sha256".into(), sha256.into());
    PacketFile { name, bytes: format!("{}\n", canonical(&members)).into_bytes() }
}

#[test]
fn rules_are_judged_again_even_when_the_seal_holds() {
    let sound = chain(1);
    for (what, says, change) in [
        (
            "a verdict turned",
            "its outcome is passed although check write-probe is blocked",
            (|m| m["checks"][3]["verdict"] = json!("blocked"))
                as fn(&mut serde_json::Map<String, Value>),
        ),
        ("a check dropped", "check write-probe is missing", |m| {
            m["checks"].as_array_mut().unwrap().pop();
        }),
        ("a check doubled", "twice", |m| m["checks"][3]["id"] = json!("rbac-session")),
        ("no target", "it names no target", |m| m["target"] = Value::Null),
        ("no reason", "lacks its id, title or reason", |m| m["checks"][0]["reason"] = json!("")),
        ("body", "not an object", |m| m["body"] = json!([])),
    ] {
        let entries = [reseal(&sound[0], change)];
        let result = verify(&entries, &recorded(&entries));
        assert!(kinds(&result).iter().all(|k| *k == ChainProblemKind::Rule), "{what}: {result:?}");
        assert!(result.problems.iter().any(|p| p.message.contains(says)), "{what}: {result:?}");
    }
}

#[test]
fn a_newer_schema_and_an_unknown_member_are_not_believed() {
    let sound = chain(3);
    let newer = reseal(&sound[2], |m| m["schema"] = json!("ProductionAdapterConnection.v2"));
    let entries = [sound[0].clone(), sound[1].clone(), newer];
    let result = verify(&entries, &Anchors { recorded: Head::Absent, ..recorded(&sound) });
    assert_eq!(kinds(&result), [ChainProblemKind::Schema, ChainProblemKind::Head]);
    assert!(result.problems[0].message.contains("newer than version 1"));

    let signed = reseal(&sound[2], |m| {
        m.insert("signature".into(), json!({"algorithm": "ed25519"}));
    });
    let Err(Flaw::Edited(why)) = Sealed::parse(&signed.bytes) else { panic!() };
    assert!(why.contains("signature"), "{why}");
}

#[test]
fn a_packet_that_contradicts_itself_is_not_sealed() {
    let mut wrong = draft(1);
    wrong.checks[0].verdict = Verdict::Next;
    let refused = Sealed::seal(wrong.link(1, None), &no_secrets()).unwrap_err();
    assert!(refused.message.contains("endpoint-reachability is next"), "{refused}");
    let mut failed = draft(1);
    failed.checks[0].verdict = Verdict::Next;
    failed.outcome = Outcome::Failed;
    assert!(Sealed::seal(failed.link(1, None), &no_secrets()).is_ok());
    let unknown = Draft { schema: "Surprise.v1".into(), ..draft(1) };
    let refused = Sealed::seal(unknown.link(1, None), &no_secrets()).unwrap_err();
    assert_eq!(refused.exit, Exit::Usage);
    assert!(refused.message.contains("ProductionAdapterDryRun.v1"), "{refused}");
}

#[test]
fn the_digest_is_of_the_canonical_json_without_the_seal() {
    let sealed = Sealed::seal(draft(1).link(1, None), &no_secrets()).unwrap();
    let suffix = format!(",\"sha256\":\"{}\"", sealed.sha256());
    assert!(sealed.text().contains(&suffix));
    assert_eq!(Digest::of(sealed.text().replacen(&suffix, "", 1)), sealed.sha256());
    assert_eq!(Sealed::parse(&entry(&sealed).bytes).unwrap(), sealed);
    insta::assert_snapshot!(sealed.text());
}

#[test]
fn the_text_form_reads_like_the_console() {
    insta::assert_snapshot!(text::text(&draft(1).link(2, Some(Digest::of("first")))));
}

fn store() -> (tempfile::TempDir, EvidenceStore) {
    let state = tempfile::tempdir().unwrap();
    let store = EvidenceStore::at(state.path());
    (state, store)
}

fn append(store: &EvidenceStore, n: i64) -> Result<std::path::PathBuf, Failure> {
    store.append(draft(n), &no_secrets()).map(|stored| stored.path)
}

fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .map(|l| l.map(|f| f.unwrap().file_name().into_string().unwrap()).collect())
        .unwrap_or_default();
    names.sort();
    names
}

#[test]
fn a_store_appends_lists_loads_and_verifies() {
    let (_state, store) = store();
    assert!(store.list().unwrap().packets.is_empty());
    assert!(store.verify(None).unwrap().passed());
    for n in 1..=3 {
        append(&store, n).unwrap();
    }
    let listing = store.list().unwrap();
    assert_eq!(listing.packets.len(), 3);
    assert_eq!((listing.partial.len(), listing.strays.len()), (0, 0));
    let last = listing.packets[2].read.clone().unwrap();
    let result = store.verify(Some(last.sha256())).unwrap();
    assert!(result.passed() && result.notes.is_empty(), "{result:?}");
    let hex = last.sha256().to_string();
    for name in ["3", &hex, &hex[..8], &last.sha256().short(), &last.file_name()] {
        assert_eq!(store.load(name).unwrap(), last, "{name}");
    }
    for name in ["9", "ffffffff", "", "../HEAD", "12"] {
        assert_eq!(store.load(name).unwrap_err().exit, Exit::Usage, "{name}");
    }
}

#[test]
fn nothing_is_written_when_a_secret_is_in_the_packet() {
    let (state, store) = store();
    append(&store, 1).unwrap();
    let before = files(store.folder());
    let mut known = no_secrets();
    known.add(Secret::new("kanarek-5f1c"));
    let mut leaky = draft(2);
    leaky.checks[1].reason = "FATAL: login with kanarek-5f1c refused".into();
    let refused = store.append(leaky, &known).unwrap_err();
    assert!(refused.message.contains("/checks/1/reason"), "{refused}");
    assert!(!format!("{refused:?}").contains("kanarek"), "{refused:?}");
    assert_eq!(files(store.folder()), before);
    for file in before {
        let bytes = fs::read(store.folder().join(file)).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("kanarek"));
    }
    drop(state);
}

#[test]
fn a_crash_before_or_after_the_rename_is_no_tampering() {
    let (_state, store) = store();
    append(&store, 1).unwrap();
    let head = fs::read(store.folder().join("HEAD")).unwrap();
    append(&store, 2).unwrap();
    // After the rename and before HEAD.
    fs::write(store.folder().join("HEAD"), head).unwrap();
    // Before the rename.
    fs::write(store.folder().join(".partial-00003-x1"), b"{\"body\":{\"endp").unwrap();
    let result = store.verify(None).unwrap();
    assert!(result.passed(), "{:?}", result.problems);
    assert_eq!(result.notes.len(), 2, "{:?}", result.notes);
    assert_eq!(store.list().unwrap().partial, [".partial-00003-x1"]);
    // HEAD is in step before the next packet is there, so that a second crash is none either.
    let contradicts = Draft { checks: Vec::new(), ..draft(3) };
    assert!(store.append(contradicts, &no_secrets()).is_err());
    assert_eq!(store.verify(None).unwrap().notes.len(), 1);
    append(&store, 3).unwrap();
    let result = store.verify(None).unwrap();
    assert!(result.passed() && result.packets == 3, "{result:?}");
    assert_eq!(result.notes.len(), 1, "{:?}", result.notes);
}

#[test]
fn a_damaged_end_is_not_built_upon() {
    for damage in ["edit", "cut", "head", "no head", "gap", "all gone"] {
        let (_state, store) = store();
        let paths: Vec<_> = (1..=3).map(|n| append(&store, n).unwrap()).collect();
        let head = store.folder().join("HEAD");
        match damage {
            "edit" => {
                let text = fs::read_to_string(&paths[2]).unwrap().replace("db.", "dd.");
                fs::remove_file(&paths[2]).unwrap();
                fs::write(&paths[2], text).unwrap();
            }
            "cut" => fs::remove_file(&paths[2]).unwrap(),
            "head" => fs::write(head, "nonsense\n").unwrap(),
            "no head" => fs::remove_file(head).unwrap(),
            "gap" => fs::remove_file(&paths[1]).unwrap(),
            _ => paths.iter().for_each(|p| fs::remove_file(p).unwrap()),
        }
        let before = files(store.folder());
        let refused = append(&store, 4).unwrap_err();
        assert!(refused.message.contains("cannot be continued"), "{damage}: {refused}");
        assert_eq!(refused.exit, Exit::Check, "{damage}");
        assert_eq!(files(store.folder()), before, "{damage}");
        assert!(!store.verify(None).unwrap().passed(), "{damage}");
    }
}

#[test]
fn two_writers_at_once_make_one_chain() {
    let (_state, store) = store();
    std::thread::scope(|scope| {
        for writer in 0..4 {
            // A store of its own for each: only the lock file is shared, as between processes.
            let store = EvidenceStore::at(store.folder().parent().unwrap());
            scope.spawn(move || {
                for n in 0..10 {
                    append(&store, writer * 100 + n).unwrap();
                    let seen = store.verify(None).unwrap();
                    assert!(seen.passed(), "{:?}", seen.problems);
                }
            });
        }
    });
    let result = store.verify(None).unwrap();
    assert!(result.passed(), "{:?}", result.problems);
    assert_eq!(result.packets, 40);
}

#[cfg(unix)]
#[test]
fn a_packet_is_read_only_and_a_folder_that_cannot_be_written_is_named() {
    use std::os::unix::fs::PermissionsExt as _;
    let (state, store) = store();
    let path = append(&store, 1).unwrap();
    assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o444);
    // A file where the folder should be: the same failure for root and for a user.
    let blocked = state.path().join("file");
    fs::write(&blocked, "").unwrap();
    let refused = append(&EvidenceStore::at(&blocked), 1).unwrap_err();
    assert_eq!(refused.exit, Exit::Environment);
    assert!(refused.message.contains("file/evidence"), "{refused}");
}
