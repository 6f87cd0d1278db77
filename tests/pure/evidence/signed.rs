//! Signed chains: whose signature is on what, and that a chain made without the key is found.

use super::archive::contents;
use super::{append, chain, draft, entry, files, kinds, link, no_secrets, store};
use flowcontrol_evidence::chain::verify;
use flowcontrol_evidence::keys::{PrivateKey, PublicKey};
use flowcontrol_evidence::{
    Anchors, ChainProblemKind, ChainVerification, EvidenceStore, Flaw, ForgeryCheck, Head,
    ImportRequest, Joined, PacketFile, Sealed, schema,
};
use std::fs;
use std::path::Path;

fn key(seed: u8) -> PrivateKey {
    PrivateKey::from_seed(&[seed; 32]).unwrap()
}

fn again(state: &Path, key: Option<PrivateKey>) -> EvidenceStore {
    let store = EvidenceStore::at(state);
    match key {
        Some(key) => store.signed_by(key),
        None => store,
    }
}

/// A chain of `n` packets; `signer` says who signs each.
fn sealed(n: u64, signer: impl Fn(u64) -> Option<PrivateKey>) -> Vec<PacketFile> {
    let mut previous = None;
    (1..=n)
        .map(|i| {
            let packet = draft(i64::try_from(i).unwrap()).link(i, previous);
            let mut sealed = Sealed::seal(packet, &no_secrets()).unwrap();
            if let Some(key) = signer(i) {
                sealed = sealed.signed(&key).unwrap();
            }
            previous = Some(sealed.sha256());
            entry(&sealed)
        })
        .collect()
}

/// What somebody who trusts `trusted` says of a chain whose `HEAD` is signed by `head`.
fn trusting(
    entries: &[PacketFile],
    head: Option<&PrivateKey>,
    trusted: &[PublicKey],
) -> ChainVerification {
    verify(entries, &anchors(entries, head, trusted))
}

fn anchors(entries: &[PacketFile], head: Option<&PrivateKey>, trusted: &[PublicKey]) -> Anchors {
    let recorded = entries.last().map_or(Head::Absent, |last| {
        Head::of(Sealed::parse(&last.bytes).unwrap().link()).signed(head)
    });
    Anchors { recorded, kept: None, trusted: trusted.to_vec() }
}

fn unsigned(entry: &PacketFile) -> PacketFile {
    let sealed = Sealed::parse(&entry.bytes).unwrap();
    let plain = Sealed::seal(sealed.packet().clone(), &no_secrets()).unwrap();
    assert_eq!(plain.sha256(), sealed.sha256(), "a signature is outside what is hashed");
    super::entry(&plain)
}

#[test]
fn a_chain_signed_throughout_is_proved_but_for_an_older_one_put_back() {
    let ours = key(1);
    let entries = sealed(5, |_| Some(key(1)));
    let result = trusting(&entries, Some(&ours), &[ours.public()]);
    assert!(result.passed() && result.notes.is_empty(), "{result:?}");
    assert!(matches!(result.recomputed_from_root, ForgeryCheck::Sound { .. }), "{result:?}");
    let ForgeryCheck::Unproved { why } = &result.cut_at_tail else { panic!("{result:?}") };
    assert!(why.contains("older copy of the chain") && why.contains("--head"), "{why}");
    // A digest kept elsewhere answers that as well.
    let kept = Anchors {
        kept: Some(link(&entries[4]).1),
        ..anchors(&entries, Some(&ours), &[ours.public()])
    };
    let result = verify(&entries, &kept);
    assert!(matches!(result.cut_at_tail, ForgeryCheck::Sound { .. }), "{result:?}");
    assert!(matches!(result.recomputed_from_root, ForgeryCheck::Sound { .. }), "{result:?}");
    // Put back: the chain as it was two packets ago, with the head it had. It verifies, and says so.
    let back = trusting(&entries[..3], Some(&ours), &[ours.public()]);
    assert!(back.passed() && matches!(back.cut_at_tail, ForgeryCheck::Unproved { .. }), "{back:?}");
    let kept = Anchors {
        kept: Some(link(&entries[4]).1),
        ..anchors(&entries[..3], Some(&ours), &[ours.public()])
    };
    assert!(!verify(&entries[..3], &kept).passed());
    // Nobody said whose signatures they should be.
    let unasked = trusting(&entries, Some(&ours), &[]);
    let ForgeryCheck::Unproved { why } = unasked.recomputed_from_root else { panic!() };
    assert!(why.contains("--signed-by"), "{why}");
}

#[test]
fn a_cut_tail_is_found_when_head_is_not_signed_for_the_last_packet() {
    let (ours, other) = (key(1), key(2));
    let entries = sealed(5, |_| Some(key(1)));
    let cut = &entries[..3];
    for head in [None, Some(&other)] {
        let result = trusting(cut, head, &[ours.public()]);
        assert_eq!(kinds(&result), [ChainProblemKind::Head], "{result:?}");
        assert!(matches!(result.cut_at_tail, ForgeryCheck::Found { .. }), "{result:?}");
        assert!(matches!(result.recomputed_from_root, ForgeryCheck::Sound { .. }), "{result:?}");
    }
    // The head as it was, beside fewer packets.
    let left = anchors(&entries, Some(&ours), &[ours.public()]);
    let result = verify(cut, &left);
    assert!(matches!(result.cut_at_tail, ForgeryCheck::Found { .. }), "{result:?}");
    // Its signature put on another end.
    let Head::Names { signature, .. } = left.recorded else { panic!() };
    let (sequence, sha256) = link(&cut[2]);
    let moved = Head::Names { sequence, sha256, signature };
    assert_eq!(Head::parse(moved.render().as_bytes()), Head::Unreadable);
    // A head that is gone.
    let gone = Anchors { recorded: Head::Absent, kept: None, trusted: vec![ours.public()] };
    assert!(matches!(verify(cut, &gone).cut_at_tail, ForgeryCheck::Found { .. }));
}

#[test]
fn a_chain_computed_anew_without_the_key_is_found() {
    let ours = key(1).public();
    for (what, forger) in [("unsigned", None), ("signed by another", Some(key(2)))] {
        let forged = sealed(4, |_| forger.clone());
        let result = trusting(&forged, forger.as_ref(), &[ours]);
        assert_eq!(kinds(&result), [ChainProblemKind::Signature], "{what}: {result:?}");
        let ForgeryCheck::Found { why } = &result.recomputed_from_root else {
            panic!("{result:?}")
        };
        assert!(why.contains("no packet is signed") && why.contains(&ours.short()), "{why}");
    }
    // From the third packet on, after signed ones.
    for forger in [None, Some(key(2))] {
        let forged = sealed(5, |i| if i < 3 { Some(key(1)) } else { forger.clone() });
        let result = trusting(&forged, forger.as_ref(), &[ours]);
        let named: Vec<_> = result.problems.iter().map(|p| p.file.clone()).collect();
        assert_eq!(named, forged[2..].iter().map(|e| e.name.clone()).collect::<Vec<_>>());
        assert!(result.problems[0].message.contains("packet 1 before it is signed"));
        assert!(matches!(result.recomputed_from_root, ForgeryCheck::Found { .. }), "{result:?}");
        assert!(matches!(result.cut_at_tail, ForgeryCheck::Unproved { .. }), "{result:?}");
    }
    // In the middle, and continued by the honest machine, which signs again.
    let covered = sealed(5, |i| (i != 3).then(|| key(1)));
    let result = trusting(&covered, Some(&key(1)), &[ours]);
    assert_eq!(kinds(&result), [ChainProblemKind::Signature]);
    assert_eq!(result.problems[0].file, covered[2].name);
    // A digest kept before the forged packets does not talk them away.
    let kept = Anchors { kept: Some(link(&covered[1]).1), ..anchors(&covered, None, &[ours]) };
    assert!(matches!(verify(&covered, &kept).recomputed_from_root, ForgeryCheck::Found { .. }));
}

#[test]
fn a_chain_that_began_without_a_key_says_what_its_first_signature_covers() {
    let ours = key(1);
    let entries = sealed(5, |i| (i > 2).then(|| key(1)));
    let result = trusting(&entries, Some(&ours), &[ours.public()]);
    assert!(result.passed(), "{result:?}");
    assert_eq!(result.notes, ["signatures begin with packet 3"]);
    let ForgeryCheck::Unproved { why } = &result.recomputed_from_root else { panic!("{result:?}") };
    assert!(why.contains("packets up to 2 are as they were when packet 3 was signed"), "{why}");
    // Signatures taken off the first packets prove no more than that, and never less.
    let mut stripped = sealed(5, |_| Some(key(1)));
    stripped[0] = unsigned(&stripped[0]);
    let result = trusting(&stripped, Some(&ours), &[ours.public()]);
    assert!(matches!(result.recomputed_from_root, ForgeryCheck::Unproved { .. }), "{result:?}");
    // Off a later one, it is found by name.
    let mut stripped = sealed(5, |_| Some(key(1)));
    stripped[3] = unsigned(&stripped[3]);
    let result = trusting(&stripped, Some(&ours), &[ours.public()]);
    assert_eq!(result.problems[0].file, stripped[3].name, "{result:?}");
}

#[test]
fn one_of_several_trusted_keys_is_enough() {
    let both = [key(1).public(), key(2).public()];
    let entries = sealed(4, |i| Some(key(if i < 3 { 1 } else { 2 })));
    let result = trusting(&entries, Some(&key(2)), &both);
    assert!(result.passed(), "{result:?}");
    assert!(matches!(result.recomputed_from_root, ForgeryCheck::Sound { .. }));
    assert!(!trusting(&entries, Some(&key(2)), &both[..1]).passed());
}

/// Every bit of the signature's member, and every bit of a signed `HEAD`.
#[test]
fn a_flipped_bit_in_a_signature_is_found_without_any_key_to_trust() {
    let entries = sealed(2, |_| Some(key(1)));
    let text = String::from_utf8(entries[1].bytes.clone()).unwrap();
    let from = text.find("\"signature\"").unwrap();
    let to = from + text[from..].find('}').unwrap();
    for at in from..=to {
        for bit in 0..8 {
            let mut edited = entries.clone();
            edited[1].bytes[at] ^= 1 << bit;
            let result = trusting(&edited[..1], None, &[]);
            assert!(result.passed());
            let result = verify(&edited, &anchors(&entries, Some(&key(1)), &[]));
            assert!(
                matches!(result.edit_inside, ForgeryCheck::Found { .. }),
                "byte {at}, bit {bit}"
            );
        }
    }
    let head = anchors(&entries, Some(&key(1)), &[]).recorded.render().into_bytes();
    assert_eq!(Head::parse(&head).signed_by(), Some(key(1).public()));
    for at in 0..head.len() {
        for bit in 0..8 {
            let mut edited = head.clone();
            edited[at] ^= 1 << bit;
            let anchors =
                Anchors { recorded: Head::parse(&edited), ..anchors(&entries, None, &[]) };
            assert!(!verify(&entries, &anchors).passed(), "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn a_signature_of_another_packet_or_key_is_a_flaw() {
    let entries = sealed(2, |_| Some(key(1)));
    let read =
        |n: usize| -> serde_json::Value { serde_json::from_slice(&entries[n].bytes).unwrap() };
    let flaw = |packet: &serde_json::Value| {
        let text = flowcontrol_evidence::canonical::canonical(packet).unwrap();
        Sealed::parse(format!("{text}\n").as_bytes()).unwrap_err()
    };
    let mut moved = read(0);
    moved["signature"] = read(1)["signature"].clone();
    assert_eq!(flaw(&moved), Flaw::Signature(key(1).public()));
    let mut renamed = read(0);
    renamed["signature"]["key"] = key(2).public().to_string().into();
    assert_eq!(flaw(&renamed), Flaw::Signature(key(2).public()));
    for (name, value) in [("further", "1"), ("key", "ed25519:00"), ("value", "00")] {
        let mut wrong = read(0);
        wrong["signature"][name] = value.into();
        assert!(
            flaw(&wrong).to_string().contains("its signature is not valid"),
            "{}",
            flaw(&wrong)
        );
    }
    let mut none = read(0);
    none["signature"] = serde_json::Value::Null;
    assert!(flaw(&none).to_string().contains("signature"));
}

#[test]
fn a_store_with_a_key_signs_what_it_seals_and_its_head() {
    let (state, plain) = store();
    append(&plain, 1).unwrap();
    let ours = again(state.path(), Some(key(1)));
    // A crash in the first signed append: the packet is there, and HEAD names the one before.
    append(&ours, 2).unwrap();
    let trusted = [key(1).public()];
    let head = fs::read(ours.folder().join("HEAD")).unwrap();
    append(&ours, 3).unwrap();
    fs::write(ours.folder().join("HEAD"), head).unwrap();
    let result = plain.verify_signed(None, &trusted).unwrap();
    assert!(result.passed(), "{result:?}");
    append(&ours, 4).unwrap();
    let result = plain.verify_signed(None, &trusted).unwrap();
    assert!(result.passed(), "{result:?}");
    let listing = plain.list().unwrap();
    let signers: Vec<_> =
        listing.packets.iter().map(|l| l.read.as_ref().unwrap().signed_by()).collect();
    assert_eq!(signers[0], None);
    assert!(signers[1..].iter().all(|s| *s == Some(key(1).public())), "{signers:?}");
    // One that continues it without a key leaves its signatures as they are.
    append(&plain, 5).unwrap();
    assert!(plain.verify(None).unwrap().passed());
    let result = plain.verify_signed(None, &trusted).unwrap();
    assert_eq!(kinds(&result), [ChainProblemKind::Signature]);
    let ForgeryCheck::Found { why } = &result.recomputed_from_root else { panic!("{result:?}") };
    assert!(why.contains("the packets before 5 are as they were signed"), "{why}");
}

/// The first append with a key may crash between packet and head, as any other.
#[test]
fn the_head_before_the_first_signed_packet_is_signed_first() {
    let (state, plain) = store();
    append(&plain, 1).unwrap();
    append(&plain, 2).unwrap();
    let ours = again(state.path(), Some(key(1)));
    let contradicts = flowcontrol_evidence::Draft { checks: Vec::new(), ..draft(3) };
    assert!(ours.append(contradicts, &no_secrets()).is_err());
    let head = Head::parse(&fs::read(ours.folder().join("HEAD")).unwrap());
    assert_eq!(head.signed_by(), Some(key(1).public()));
    assert!(matches!(head, Head::Names { sequence: 2, .. }));
}

#[test]
fn the_key_itself_never_comes_into_a_packet() {
    let (_state, plain) = store();
    let ours = plain.clone().signed_by(key(7));
    for form in key(7).forms() {
        let mut leaky = draft(1);
        leaky.checks[0].reason = format!("cannot read {}", form.expose());
        let refused = ours.append(leaky, &no_secrets()).unwrap_err();
        assert!(refused.message.contains("/checks/0/reason"), "{refused}");
        assert!(!refused.message.contains(form.expose()), "{refused}");
    }
    assert!(files(plain.folder()).iter().all(|name| !name.ends_with(".json")));
    assert!(!format!("{ours:?}").contains(key(7).forms()[0].expose()));
}

#[test]
fn export_and_import_carry_signatures_and_the_signed_head() {
    let (state, plain) = store();
    let ours = again(state.path(), Some(key(1)));
    for n in 1..=3 {
        append(&ours, n).unwrap();
    }
    let trusted = [key(1).public()];
    let file = state.path().join("evidence.tar.zst");
    plain.export(&file, "0.1.0").unwrap();
    let second = state.path().join("second.tar.zst");
    ours.export(&second, "0.1.0").unwrap();
    assert_eq!(fs::read(&file).unwrap(), fs::read(&second).unwrap());
    let archive = flowcontrol_evidence::transfer::open(&file).unwrap();
    assert!(archive.book.verify_signed(None, &trusted).passed());
    assert!(!archive.book.verify_signed(None, &[key(2).public()]).passed());

    let import = |store: &EvidenceStore| {
        store.import(&ImportRequest { file: &file, kept: None, link: None, tool_version: "0.1.0" })
    };
    let head = |store: &EvidenceStore| fs::read(store.folder().join("HEAD")).unwrap();
    for signer in [None, Some(key(2))] {
        let (there, _) = super::store();
        let desk = again(there.path(), signer);
        assert_eq!(import(&desk).unwrap().joined, Joined::Began);
        assert_eq!(contents(&desk), contents(&plain));
        assert_eq!(head(&desk), head(&plain));
        assert!(desk.verify_signed(None, &trusted).unwrap().passed());
        // Killed before the end had its signed head, the same import goes on.
        let last = Head::of(Sealed::parse(&contents(&desk)[2].1).unwrap().link());
        fs::write(desk.folder().join("HEAD"), last.render()).unwrap();
        assert!(!desk.verify_signed(None, &trusted).unwrap().passed());
        assert_eq!(import(&desk).unwrap().joined, Joined::Unchanged);
        assert_eq!(head(&desk), head(&plain));
    }
}

#[test]
fn a_linked_chain_keeps_its_signatures_and_its_link_is_signed() {
    let (there, _) = store();
    let ci = again(there.path(), Some(key(1)));
    append(&ci, 1).unwrap();
    let file = there.path().join("evidence.tar.zst");
    ci.export(&file, "0.1.0").unwrap();
    let (here, _) = store();
    let desk = again(here.path(), Some(key(2)));
    append(&desk, 9).unwrap();
    let profile = Some(draft(1).profile);
    let order = ImportRequest { file: &file, kept: None, link: profile, tool_version: "0.1.0" };
    assert_eq!(desk.import(&order).unwrap().joined, Joined::Linked);
    let result = desk.verify_signed(None, &[key(2).public()]).unwrap();
    assert!(result.passed(), "{result:?}");
    let linking = desk.load("2").unwrap();
    assert_eq!(linking.packet().schema, schema::IMPORTED);
    assert_eq!(linking.signed_by(), Some(key(2).public()));
    // An altered signature in the linked chain is found there.
    let folder = fs::read_dir(desk.folder().join("imported")).unwrap().next().unwrap().unwrap();
    let name = files(&folder.path()).remove(0);
    let path = folder.path().join(name);
    let text = fs::read_to_string(&path).unwrap();
    let at = text.find("\"value\":\"").unwrap() + 9;
    let digit = if text.as_bytes()[at] == b'0' { "1" } else { "0" };
    let text = format!("{}{digit}{}", &text[..at], &text[at + 1..]);
    fs::remove_file(&path).unwrap();
    fs::write(&path, text).unwrap();
    let result = desk.verify(None).unwrap();
    assert!(kinds(&result).contains(&ChainProblemKind::Signature), "{result:?}");
}

#[test]
fn chains_without_signatures_are_what_they_were() {
    let entries = chain(3);
    assert!(trusting(&entries, None, &[]).passed());
    let head = anchors(&entries, None, &[]).recorded;
    assert_eq!(head.render(), format!("3 {}\n", link(&entries[2]).1));
    assert_eq!(Head::parse(head.render().as_bytes()), head);
}
