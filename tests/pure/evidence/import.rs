//! Imports: what is joined, what is refused, and that a refusal changes nothing.

use super::archive::{contents, exported, packed};
use super::{append, draft, files, no_secrets, store};
use flowcontrol_base::{Exit, Failure};
use flowcontrol_contract::Digest;
use flowcontrol_evidence::{
    ChainProblemKind, ChainVerification, EvidenceStore, ForgeryCheck, ImportRequest, ImportResult,
    Joined, ProfileRef, Sealed, archive, schema,
};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

fn import(store: &EvidenceStore, file: &Path) -> Result<ImportResult, Failure> {
    store.import(&ImportRequest { file, kept: None, link: None, tool_version: "0.1.0" })
}

fn link(store: &EvidenceStore, file: &Path) -> Result<ImportResult, Failure> {
    let profile = ProfileRef { name: "staging".into(), sha256: Digest::of("profile") };
    store.import(&ImportRequest { file, kept: None, link: Some(profile), tool_version: "0.1.0" })
}

/// Every file below `folder` with its content.
fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for name in files(folder) {
        let path = folder.join(&name);
        if path.is_dir() {
            found.extend(tree(&path).into_iter().map(|(n, b)| (format!("{name}/{n}"), b)));
        } else {
            found.insert(name, fs::read(path).unwrap());
        }
    }
    found
}

fn unlinked(result: &ChainVerification) -> bool {
    result.notes.iter().any(|note| note.contains("is ignored"))
}

/// Packets `numbers` appended to a new store.
fn chain_of(numbers: &[i64]) -> (tempfile::TempDir, EvidenceStore) {
    let (state, store) = store();
    for n in numbers {
        append(&store, *n).unwrap();
    }
    (state, store)
}

#[test]
fn a_chain_comes_to_another_machine_and_goes_on_there() {
    let (_state, source, file) = exported(3);
    let (_desk, desk) = store();
    let done = import(&desk, &file).unwrap();
    assert_eq!((done.joined, done.added, done.packets), (Joined::Began, 3, 3));
    assert_eq!(tree(desk.folder()), tree(source.folder()));
    let result = desk.verify(Some(done.head)).unwrap();
    assert!(result.passed() && result.notes.is_empty(), "{result:?}");
    append(&desk, 4).unwrap();
    assert!(desk.verify(Some(done.head)).unwrap().passed());
    // What came from there is a part of what is here now.
    let again = import(&desk, &file).unwrap();
    assert_eq!((again.joined, again.added, again.packets), (Joined::Unchanged, 0, 4));
    // The way back extends the chain it began as.
    let back = file.with_file_name("back.tar.zst");
    desk.export(&back, "0.1.0").unwrap();
    let done = import(&source, &back).unwrap();
    assert_eq!((done.joined, done.added, done.packets), (Joined::Extended, 1, 4));
    assert_eq!(tree(desk.folder()), tree(source.folder()));
}

#[cfg(unix)]
#[test]
fn imported_packets_are_read_only_as_appended_ones_are() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_state, _, file) = exported(1);
    let (_desk, desk) = chain_of(&[8]);
    link(&desk, &file).unwrap();
    let (_empty, empty) = store();
    import(&empty, &file).unwrap();
    for folder in [desk.folder(), empty.folder()] {
        for name in tree(folder).keys().filter(|n| n.ends_with(".json")) {
            let mode = fs::metadata(folder.join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o444, "{name}");
        }
    }
}

#[test]
fn a_diverging_chain_is_refused_with_the_place_and_both_digests() {
    let (_state, theirs, file) = exported(3);
    let (_desk, desk) = chain_of(&[1, 7, 8, 9]);
    let before = tree(desk.folder());
    let refused = import(&desk, &file).unwrap_err();
    assert_eq!(refused.exit, Exit::Check);
    let [here, there] = [&desk, &theirs].map(|s| s.load("2").unwrap().sha256());
    let says = format!("packet 2 has digest {there} there and {here} here");
    assert!(refused.message.contains(&says), "{refused}");
    assert!(refused.hint.unwrap().contains("--link"));
    assert_eq!(tree(desk.folder()), before);
}

#[test]
fn a_linked_chain_is_kept_verified_and_exported() {
    let (_state, theirs, file) = exported(3);
    let (desk_state, desk) = chain_of(&[8, 9]);
    let done = link(&desk, &file).unwrap();
    assert_eq!((done.joined, done.added, done.packets), (Joined::Linked, 1, 3));
    let packet = desk.load("3").unwrap();
    assert_eq!(packet.packet().schema, schema::IMPORTED);
    assert_eq!(packet.packet().body["head"], json!(done.imported_head));
    assert_eq!(packet.packet().checks[0].figures["head_kept_elsewhere"], json!(false));
    let kept = desk.folder().join("imported").join(done.imported_head.to_string());
    let held: Vec<_> = tree(&kept).into_iter().collect();
    assert_eq!(held, contents(&theirs));
    let result = desk.verify(Some(done.head)).unwrap();
    assert!(result.passed() && !unlinked(&result), "{result:?}");
    let ForgeryCheck::Sound { why } = &result.edit_inside else { panic!("{result:?}") };
    assert!(why.contains("so were the packets (3) of 1 linked chain"), "{why}");
    assert_eq!(link(&desk, &file).unwrap().joined, Joined::Unchanged);
    assert_eq!(import(&desk, &file).unwrap().joined, Joined::Unchanged);

    // A reviewer gets both, and a desk in between passes on what it was given.
    let whole = desk_state.path().join("whole.tar.zst");
    assert_eq!(desk.export(&whole, "0.1.0").unwrap().linked, 1);
    let (_reviewer, reviewer) = store();
    assert_eq!(import(&reviewer, &whole).unwrap().joined, Joined::Began);
    assert_eq!(tree(reviewer.folder()), tree(desk.folder()));
    let (third_state, third) = chain_of(&[5]);
    assert_eq!(link(&third, &whole).unwrap().joined, Joined::Linked);
    assert!(third.verify(None).unwrap().passed());
    let nested = third_state.path().join("nested.tar.zst");
    assert_eq!(third.export(&nested, "0.1.0").unwrap().linked, 2);
}

#[test]
fn tampering_with_a_linked_chain_is_found() {
    let (_state, _, file) = exported(3);
    for damage in ["edit", "cut", "all cut", "gone", "behind", "gap"] {
        let (_desk, desk) = chain_of(&[8]);
        let head = link(&desk, &file).unwrap().imported_head;
        let folder = desk.folder().join("imported").join(head.to_string());
        let names = files(&folder);
        match damage {
            "edit" => {
                let path = folder.join(&names[1]);
                let text = fs::read_to_string(&path).unwrap().replace("db.", "dd.");
                fs::remove_file(&path).unwrap();
                fs::write(&path, text).unwrap();
            }
            "cut" => fs::remove_file(folder.join(&names[2])).unwrap(),
            "gap" => fs::remove_file(folder.join(&names[1])).unwrap(),
            "all cut" => names.iter().for_each(|n| fs::remove_file(folder.join(n)).unwrap()),
            "gone" => fs::remove_dir_all(&folder).unwrap(),
            _ => {
                // A packet after the last one, sealed properly.
                let packet = draft(4).link(4, Some(head));
                let sealed = Sealed::seal(packet, &no_secrets()).unwrap();
                let text = format!("{}\n", sealed.text());
                fs::write(folder.join(sealed.file_name()), text).unwrap();
            }
        }
        let result = desk.verify(None).unwrap();
        assert!(!result.passed(), "{damage}");
        assert!(matches!(result.edit_inside, ForgeryCheck::Found { .. }), "{damage}: {result:?}");
        let named = result
            .problems
            .iter()
            .any(|p| p.file.starts_with("imported/") || p.kind == ChainProblemKind::Missing);
        assert!(named, "{damage}: {result:?}");
        let refused = import(&desk, &file).unwrap_err();
        assert!(refused.message.contains("does not verify"), "{damage}: {refused}");
    }
}

#[test]
fn a_refused_archive_leaves_no_trace() {
    let (state, source, file) = exported(2);
    let sound = fs::read(&file).unwrap();
    let bad = state.path().join("bad.tar.zst");
    let mut edited = sound.clone();
    let middle = edited.len() / 2;
    edited[middle] ^= 1;
    for bytes in [&sound[..sound.len() / 2], &edited, &packed(b"nothing"), b""] {
        fs::write(&bad, bytes).unwrap();
        let (empty, desk) = store();
        let refused = import(&desk, &bad).unwrap_err();
        assert_eq!(refused.exit, Exit::Check);
        assert!(
            refused.message.contains("bad.tar.zst is not a complete evidence archive"),
            "{refused}"
        );
        assert_eq!(files(empty.path()), Vec::<String>::new());
    }
    // A whole archive of a chain that does not verify: the second packet follows another first.
    let mut book = archive::read(&sound).unwrap().book;
    let packet = draft(1).link(2, Some(Digest::of("elsewhere")));
    let sealed = Sealed::seal(packet, &no_secrets()).unwrap();
    book.own[1].bytes = format!("{}\n", sealed.text()).into_bytes();
    book.own[1].name = sealed.file_name();
    fs::write(&bad, archive::write(&book, sealed.link(), "0.1.0").unwrap()).unwrap();
    let (empty, desk) = store();
    let refused = import(&desk, &bad).unwrap_err();
    assert!(refused.message.contains("does not verify: 00002-"), "{refused}");
    assert_eq!(files(empty.path()), Vec::<String>::new());
    // What another machine wrote reaches no terminal as it is.
    let last = source.load("2").unwrap();
    let book = archive::read(&sound).unwrap().book;
    let forged = archive::write(&book, last.link(), "0.1.0\u{1b}[2J").unwrap();
    fs::write(&bad, forged).unwrap();
    let refused = import(&desk, &bad).unwrap_err();
    assert!(refused.message.contains("its tool_version is not a valid version"), "{refused}");
    assert!(!refused.message.contains('\u{1b}'), "{refused}");
    // Nor is a chain that no packet names carried in beside a sound one.
    let mut book = archive::read(&sound).unwrap().book;
    book.imported.insert(last.sha256(), book.own.clone());
    fs::write(&bad, archive::write(&book, last.link(), "0.1.0").unwrap()).unwrap();
    let refused = import(&desk, &bad).unwrap_err();
    assert!(refused.message.contains("which no packet in it links"), "{refused}");
    assert_eq!(files(empty.path()), Vec::<String>::new());
}

#[test]
fn a_head_kept_elsewhere_is_held_against_the_archive() {
    let (_state, source, file) = exported(3);
    let head = source.load("3").unwrap().sha256();
    let ask =
        |kept| ImportRequest { file: &file, kept: Some(kept), link: None, tool_version: "0.1.0" };
    let (empty, desk) = store();
    let refused = desk.import(&ask(Digest::of("another"))).unwrap_err();
    assert!(refused.message.contains("no packet has the digest"), "{refused}");
    assert_eq!(files(empty.path()), Vec::<String>::new());
    let done = desk.import(&ask(head)).unwrap();
    assert!(
        matches!(done.verification.recomputed_from_root, ForgeryCheck::Sound { .. }),
        "{done:?}"
    );
}

#[test]
fn nothing_is_joined_to_a_damaged_chain() {
    let (_state, _, file) = exported(3);
    let (_desk, desk) = chain_of(&[1, 2]);
    fs::write(desk.folder().join("HEAD"), "nonsense\n").unwrap();
    let before = tree(desk.folder());
    let refused = import(&desk, &file).unwrap_err();
    assert!(refused.message.contains("does not verify: HEAD"), "{refused}");
    assert_eq!(tree(desk.folder()), before);
}

/// Every state that a kill can leave: so many packets in place, `HEAD` in step or one behind,
/// and the folder with the rest. Each is sound, and the same import finishes it.
#[test]
fn an_import_that_was_killed_goes_on() {
    let (_state, source, file) = exported(4);
    let packets = contents(&source);
    let head = |n: usize| {
        let sealed = Sealed::parse(&packets[n - 1].1).unwrap();
        format!("{n} {}\n", sealed.sha256())
    };
    for placed in 0..=4 {
        for behind in [false, true] {
            if placed == 0 && behind {
                continue;
            }
            let (_desk, desk) = store();
            let left = desk.folder().join(".partial-import-x1");
            fs::create_dir_all(&left).unwrap();
            for (i, (name, bytes)) in packets.iter().enumerate() {
                let folder = if i < placed { desk.folder() } else { &left };
                fs::write(folder.join(name), bytes).unwrap();
            }
            let named = placed - usize::from(behind);
            if named > 0 {
                fs::write(desk.folder().join("HEAD"), head(named)).unwrap();
            }
            let result = desk.verify(None).unwrap();
            assert!(result.passed() && result.packets == placed, "{placed} {behind}: {result:?}");
            let done = import(&desk, &file).unwrap();
            assert_eq!((done.packets, done.added), (4, 4 - placed as u64));
            fs::remove_dir_all(left).unwrap();
            let result = desk.verify(Some(done.head)).unwrap();
            assert!(result.passed() && result.packets == 4, "{result:?}");
        }
    }
    // A chain that was put in place while the packet that names it was not.
    let (_desk, desk) = chain_of(&[8]);
    let first = link(&desk, &file).unwrap();
    let (_other, killed) = chain_of(&[8]);
    let place = format!("imported/{}", first.imported_head);
    fs::create_dir_all(killed.folder().join(&place)).unwrap();
    for (name, bytes) in &packets {
        fs::write(killed.folder().join(&place).join(name), bytes).unwrap();
    }
    let result = killed.verify(None).unwrap();
    assert!(result.passed() && unlinked(&result), "{result:?}");
    assert_eq!(link(&killed, &file).unwrap().joined, Joined::Linked);
    assert!(!unlinked(&killed.verify(None).unwrap()));
}

#[test]
fn an_import_and_appends_at_once_make_one_chain() {
    let (_state, _, file) = exported(5);
    let (_desk, desk) = chain_of(&[9]);
    std::thread::scope(|scope| {
        for n in 0..4 {
            let (store, file) = (desk.clone(), &file);
            scope.spawn(move || {
                for i in 0..5 {
                    append(&store, n * 100 + i).unwrap();
                    link(&store, file).unwrap();
                    let seen = store.verify(None).unwrap();
                    assert!(seen.passed(), "{seen:?}");
                }
            });
        }
    });
    // The others found it linked.
    assert_eq!(desk.verify(None).unwrap().packets, 1 + 20 + 1);
}
