//! A hundred packets of every schema: no single byte of them, nor of `HEAD`, can change unseen.

use super::{entry, link, no_secrets, recorded};
use flowcontrol_contract::{Digest, Timestamp};
use flowcontrol_evidence::chain::{Head, verify};
use flowcontrol_evidence::schema::{self, KNOWN, Schema};
use flowcontrol_evidence::{
    Anchors, CheckResult, Draft, Flaw, ForgeryCheck, Outcome, Packet, PacketFile, ProfileRef,
    Sealed, Verdict,
};
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

const LENGTH: usize = 100;

/// As small as the schema lets a packet be that passed: the work grows with the square of it.
fn smallest(known: &Schema, n: i64) -> Draft {
    let check = |id: &str| CheckResult {
        id: id.to_owned(),
        title: "t".into(),
        verdict: Verdict::Ready,
        reason: "r".into(),
        figures: Default::default(),
    };
    let mut draft = Draft {
        schema: format!("{}.v{}", known.name, known.version),
        created_at: Timestamp::from_micros(1_772_346_600_000_000 + n).unwrap(),
        tool_version: "0.1.0".into(),
        ran: "x".into(),
        profile: ProfileRef { name: "p".into(), sha256: Digest::of("profile") },
        snapshot_sha256: known.snapshot.then(|| Digest::of("snapshot")),
        target: known.target.then(|| json!({"kind": "local"})),
        checks: known.checks.iter().map(|id| check(id)).collect(),
        outcome: Outcome::Passed,
        body: json!({ "n": n }),
    };
    match draft.schema.as_str() {
        schema::IMPORTED => draft.body = json!({"packets": n, "head": Digest::of("elsewhere")}),
        schema::ACCEPTANCE => {
            draft.checks = vec![check("gate/check")];
            draft.body = json!({"check": "gate/check", "actor": "a", "authentication": "mock",
                "values": {"n": n.to_string()}, "revoked": false, "bound": {
                    "profile": draft.profile.sha256, "snapshot": draft.snapshot_sha256,
                    "evidence": []}});
        }
        _ => {}
    }
    draft
}

/// A sound chain of `length` packets, each schema in turn, after `first`.
pub fn mixed(length: usize, first: i64) -> Vec<PacketFile> {
    let mut previous = None;
    let kinds = KNOWN.iter().filter(|known| {
        // A schema that asks for more than `smallest` knows has its own tests.
        schema::judge(&smallest(known, 1).link(1, None)).is_empty()
    });
    let mut entries = Vec::new();
    for (place, known) in (1..).zip(kinds.cycle().take(length)) {
        let packet = smallest(known, first + i64::try_from(place).unwrap()).link(place, previous);
        let sealed = Sealed::seal(packet, &no_secrets()).unwrap();
        previous = Some(sealed.sha256());
        entries.push(entry(&sealed));
    }
    entries
}

/// Whether verification finds that `entries[at]` holds `bytes`. Bytes that are no packet are found
/// by that alone, which is by far the most frequent and the cheap answer.
fn found(
    entries: &[PacketFile],
    anchors: &Anchors,
    at: usize,
    bytes: Vec<u8>,
    whole: bool,
) -> bool {
    let is_none = !matches!(Sealed::parse(&bytes), Ok(_) | Err(Flaw::Schema { .. }));
    if is_none && !whole {
        return true;
    }
    let mut edited = entries.to_vec();
    edited[at].bytes = bytes;
    let result = verify(&edited, anchors);
    let named = result.problems.iter().any(|p| p.file == entries[at].name);
    let told = matches!(result.edit_inside, ForgeryCheck::Found { .. });
    assert!(named || !is_none, "a shortcut that verification does not take");
    !result.passed() && told
}

#[test]
fn every_single_byte_edit_in_a_chain_of_a_hundred_is_found() {
    let entries = mixed(LENGTH, 0);
    let kinds: std::collections::BTreeSet<_> =
        entries.iter().map(|e| Sealed::parse(&e.bytes).unwrap().packet().schema.clone()).collect();
    for known in [schema::CONNECTION, schema::DRY_RUN, schema::REHEARSAL, schema::ACCEPTANCE] {
        assert!(kinds.contains(known), "{kinds:?}");
    }
    let anchors = recorded(&entries);
    assert!(verify(&entries, &anchors).passed());
    let (edits, verified) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let workers = thread::available_parallelism().map_or(2, usize::from);
    let next = AtomicUsize::new(0);
    let work = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(sound) = entries.get(at).map(|e| &e.bytes) else { return };
            let mut tried = 0;
            let mut edit = |bytes: Vec<u8>, place: usize| {
                // Every so often the whole way, so that the short one stays an honest answer.
                let whole = tried % 797 == at % 797;
                tried += 1;
                assert!(found(&entries, &anchors, at, bytes, whole), "packet {at}, byte {place}");
                verified.fetch_add(usize::from(whole), Ordering::Relaxed);
            };
            for place in 0..sound.len() {
                // The neighbour in the code, and the same letter in the other case: a digit turns
                // into another digit, and JSON's punctuation into something else.
                for flip in [0x01, 0x20] {
                    let mut bytes = sound.clone();
                    bytes[place] ^= flip;
                    edit(bytes, place);
                }
                if place % 13 == at % 13 {
                    let mut bytes = sound.clone();
                    bytes.remove(place);
                    edit(bytes, place);
                    for put in [b' ', sound[place]] {
                        let mut bytes = sound.clone();
                        bytes.insert(place, put);
                        edit(bytes, place);
                    }
                }
            }
            for tail in [&b"\n"[..], b" ", b"\0", b"{}\n"] {
                edit([sound, tail].concat(), sound.len());
            }
            edits.fetch_add(tried, Ordering::Relaxed);
        }
    };
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(work);
        }
    });
    let (edits, verified) = (edits.into_inner(), verified.into_inner());
    let bytes: usize = entries.iter().map(|e| e.bytes.len()).sum();
    assert!(edits > 2 * bytes && verified > LENGTH, "{edits} of {bytes}, {verified} whole");
}

#[test]
fn every_single_byte_edit_of_the_head_of_a_hundred_is_found() {
    let entries = mixed(LENGTH, 0);
    let Head::Names { sequence, sha256, .. } = recorded(&entries).recorded else { unreachable!() };
    let sound = Head::Names { sequence, sha256, signature: None }.render().into_bytes();
    let seen = |recorded: Head| {
        let result = verify(&entries, &Anchors { recorded, kept: None, trusted: Vec::new() });
        let named = result.problems.iter().any(|p| p.file == "HEAD");
        named && matches!(result.cut_at_tail, ForgeryCheck::Found { .. })
    };
    assert!(seen(Head::Unreadable));
    for place in 0..sound.len() {
        // Most edits leave no head at all, and of those that do, two at each place are verified.
        let mut heads = Vec::new();
        let mut edit = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut bytes = sound.clone();
            change(&mut bytes);
            match Head::parse(&bytes) {
                Head::Unreadable => assert_ne!(bytes, sound),
                head => heads.push(head),
            }
        };
        for byte in (0..=u8::MAX).filter(|byte| *byte != sound[place]) {
            edit(&|bytes| bytes[place] = byte);
            edit(&|bytes| bytes.insert(place, byte));
        }
        edit(&|bytes| bytes.truncate(place));
        edit(&|bytes| {
            bytes.remove(place);
        });
        for head in [heads.first(), heads.last()].into_iter().flatten() {
            assert!(seen(head.clone()), "byte {place}: {head:?}");
        }
    }
}

#[test]
fn a_cut_tail_of_any_length_and_a_chain_made_anew_need_a_kept_head() {
    let honest = mixed(LENGTH, 0);
    let kept = |entry: &PacketFile| Some(link(entry).1);
    for left in [1, 2, 50, 98, 99] {
        let cut = &honest[..left];
        let blind = verify(cut, &recorded(cut));
        assert!(blind.passed(), "whoever cuts rewrites HEAD too");
        assert!(matches!(blind.cut_at_tail, ForgeryCheck::Unproved { .. }));
        let seen = verify(cut, &Anchors { kept: kept(&honest[LENGTH - 1]), ..recorded(cut) });
        assert!(!seen.passed() && matches!(seen.cut_at_tail, ForgeryCheck::Either { .. }));
    }
    let forged = mixed(LENGTH, 1_000);
    let blind = verify(&forged, &recorded(&forged));
    assert!(blind.passed() && matches!(blind.recomputed_from_root, ForgeryCheck::Unproved { .. }));
    for place in [0, 1, 50, LENGTH - 1] {
        let anchors = Anchors { kept: kept(&honest[place]), ..recorded(&forged) };
        let seen = verify(&forged, &anchors);
        assert!(!seen.passed() && matches!(seen.recomputed_from_root, ForgeryCheck::Either { .. }));
    }
    // Recomputed from the middle on: found by any head kept after that, and by none before.
    let mut packets: Vec<Packet> =
        honest.iter().map(|e| Sealed::parse(&e.bytes).unwrap().packet().clone()).collect();
    packets[60].ran = "y".into();
    let mut from_middle = honest[..60].to_vec();
    for packet in &mut packets[60..] {
        packet.previous = kept(from_middle.last().unwrap());
        from_middle.push(entry(&Sealed::seal(packet.clone(), &no_secrets()).unwrap()));
    }
    for (place, passes) in [(59, true), (60, false), (99, false)] {
        let anchors = Anchors { kept: kept(&honest[place]), ..recorded(&from_middle) };
        assert_eq!(verify(&from_middle, &anchors).passed(), passes, "head of packet {place}");
    }
    let anchors = Anchors { kept: kept(&honest[59]), ..recorded(&from_middle) };
    let ForgeryCheck::Sound { why } = verify(&from_middle, &anchors).cut_at_tail else { panic!() };
    assert!(why.contains("up to packet 60") && why.contains("40 here"), "{why}");
}
