//! `snapshot`.

use super::place::Place;

#[test]
fn a_snapshot_is_the_same_compressed_or_not_and_imports_into_an_empty_store() {
    let place = Place::seeded(300);
    let sha = place.digest();
    place.run("snapshot freeze --out f.zst").fine();
    assert!(place.read("f.zst").starts_with(&[0x28, 0xB5, 0x2F, 0xFD]));
    assert_eq!(place.run("snapshot verify f.zst --format json").json()["sha256"], sha.as_str());
    assert!(place.run("snapshot diff digest.jsonl f.zst").fine().starts_with("300 same"));

    let other = Place::new();
    std::fs::copy(place.file("f.zst"), other.file("f.zst")).unwrap();
    let done = other.run("snapshot import f.zst --format json").json();
    assert_eq!((&done["written"], &done["there_already"]), (&300.into(), &0.into()));
    assert!(
        other.run("snapshot import f.zst").fine().starts_with("imported 0 records; 300 existed")
    );
    assert_eq!(other.digest(), sha);
}

#[test]
fn another_snapshot_is_not_imported_over_records_whoever_wrote_them() {
    let place = Place::seeded(60);
    let sha = place.digest();
    let other = Place::new();
    other.run("demo seed --records 60 --seed 2").fine();
    std::fs::copy(place.file("digest.jsonl"), other.file("first.jsonl")).unwrap();
    let own = other.digest();
    let said = other.run("snapshot import first.jsonl").refused(1);
    assert!(said.contains("another content") && said.contains("hint: "), "{said}");
    assert_eq!(other.digest(), own, "the store is as it was");
    // The store's own snapshot is there already.
    assert!(place.run("snapshot import digest.jsonl").fine().starts_with("imported 0 records; 60"));

    let third = Place::new();
    std::fs::copy(place.file("digest.jsonl"), third.file("first.jsonl")).unwrap();
    std::fs::copy(other.file("digest.jsonl"), third.file("second.jsonl")).unwrap();
    third.run("snapshot import first.jsonl").fine();
    let said = third.run("snapshot import second.jsonl").refused(1);
    assert!(said.contains("was imported from snapshot bfg-"), "{said}");
    assert_eq!(third.digest(), sha);
}

#[test]
fn differences_are_counted_and_end_with_one() {
    let (a, b) = (Place::seeded(60), Place::new());
    b.run("demo seed --records 60 --seed 2").fine();
    a.digest();
    b.digest();
    std::fs::copy(b.file("digest.jsonl"), a.file("b.jsonl")).unwrap();
    let said = a.run("snapshot diff digest.jsonl b.jsonl --limit 2");
    assert_eq!((said.code, said.err.as_str()), (Some(1), ""));
    assert_eq!(
        said.out.lines().filter(|l| l.starts_with("~ bfg-control/")).count(),
        2,
        "{}",
        said.out
    );
}

#[test]
fn files_that_are_no_whole_snapshot_are_refused() {
    let place = Place::seeded(60);
    place.digest();
    place.run("snapshot freeze --out f.zst").fine();
    let plain = place.read("digest.jsonl");
    let text = String::from_utf8(plain.clone()).unwrap();
    place.write("cut", &plain[..plain.len() / 2]);
    place.write("tailless", text.lines().take(20).map(|l| format!("{l}\n")).collect::<String>());
    let zst = place.read("f.zst");
    place.write("cut.zst", &zst[..zst.len() / 2]);
    place.write("edited", text.replacen("Warszawa", "Warszawo", 1).replacen("Lviv", "Lwow", 1));
    place.write("more", format!("{text}{{}}\n"));
    place.write("empty", "");
    place.write("notes", "hello\n");
    std::fs::create_dir(place.file("folder")).unwrap();
    let mut all = String::new();
    for name in ["cut", "tailless", "cut.zst", "edited", "more", "empty", "notes"] {
        let said = place.run(&format!("snapshot verify {name}")).refused(1);
        assert_eq!(place.run(&format!("snapshot import {name}")).refused(1), said);
        place.run(&format!("snapshot diff digest.jsonl {name}")).refused(1);
        all.push_str(&said);
    }
    for name in ["absent", "folder"] {
        all.push_str(&place.run(&format!("snapshot verify {name}")).refused(2));
    }
    for name in ["absent/f", "folder"] {
        all.push_str(&place.run(&format!("snapshot freeze --out {name}")).refused(2));
    }
    insta::with_settings!({filters => vec![("[0-9a-f]{64}", "[sha256]"), (r"damaged \(.*\)", "damaged (..)")]}, {
        insta::assert_snapshot!("no_whole_snapshot", all);
    });
}

#[test]
fn an_existing_file_is_replaced_as_a_whole() {
    let place = Place::seeded(60);
    place.write("f", "old");
    place.run("snapshot freeze --out f").fine();
    place.run("snapshot verify f").fine();
    assert_eq!(place.names(), [".flowcontrol", "f"], "no temporary file");
}
