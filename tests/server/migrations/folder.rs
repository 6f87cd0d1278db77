//! The folder is read strictly, and the text's line endings do not count.

use crate::migrations::scratch::{Folder, depot};
use flowcontrol_base::Exit;
use flowcontrol_runbook::{embedded, scan};
use std::fs;

/// What scanning the folder, after `change`, complains of.
fn complaint(change: impl FnOnce(&std::path::Path)) -> String {
    let folder = Folder::depot();
    change(folder.path());
    let failure = scan(folder.path()).unwrap_err();
    assert_eq!(failure.exit, Exit::Usage, "{failure}");
    assert!(failure.hint.is_some_and(|h| h.contains(".up.sql")));
    failure.message
}

#[test]
fn the_embedded_migrations_are_the_folder_of_this_repository() {
    let folder =
        scan(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations")).unwrap();
    let embedded = embedded().unwrap();
    assert!(!embedded.migrations.is_empty());
    assert_eq!(embedded.digest(), folder.digest());
}

#[test]
fn every_stray_is_named() {
    for stray in [
        "0002-x.up.sql",
        "0004_x.UP.sql",
        "0004_x.up.SQL",
        "0001_init.verify.sql",
        "0001_base.up.sql~",
        "0001_base.up.sql.bak",
        ".DS_Store",
        "001_short.up.sql",
        "0004_Upper.up.sql",
        "0004_.up.sql",
        "0000_zero.up.sql",
        "99999999999_x.up.sql",
        "0004.up.sql",
        "readme.md",
        "verify/0001_base.up.sql",
        "verify/README.md",
        "verify/waivers.toml",
    ] {
        let said = complaint(|path| fs::write(path.join(stray), "select 1;").unwrap());
        assert!(said.contains(&format!("{stray}: ")), "{stray}: {said}");
    }
}

#[test]
fn folders_links_and_other_things_are_refused() {
    let said = complaint(|path| fs::create_dir(path.join("old")).unwrap());
    assert!(said.contains("old: is a folder"), "{said}");
    let said = complaint(|path| fs::create_dir(path.join("verify/old")).unwrap());
    assert!(said.contains("verify/old: is a folder"), "{said}");
    let said = complaint(|path| std::os::unix::fs::symlink("loop", path.join("loop")).unwrap());
    assert!(said.contains("loop: is a symbolic link"), "{said}");
    let said = complaint(|path| std::os::unix::fs::symlink("..", path.join("verify/up")).unwrap());
    assert!(said.contains("verify/up: is a symbolic link"), "{said}");
    let said = complaint(|path| {
        std::os::unix::net::UnixListener::bind(path.join("socket")).unwrap();
    });
    assert!(said.contains("socket: is neither"), "{said}");
}

#[test]
fn what_is_missing_is_named() {
    for (gone, said) in [
        ("0002_access.down.sql", "0002_access.down.sql: is missing"),
        ("0002_access.up.sql", "0002_access.up.sql: is missing"),
        ("verify/0003_parcels_by_state.sql", "verify/0003_parcels_by_state.sql: is missing"),
    ] {
        let message = complaint(|path| fs::remove_file(path.join(gone)).unwrap());
        assert!(message.contains(said), "{message}");
    }
    let message = complaint(|path| {
        for gone in ["0002_access.down.sql", "0002_access.up.sql", "verify/0002_access.sql"] {
            fs::remove_file(path.join(gone)).unwrap();
        }
    });
    assert!(message.contains("version 0002 is missing"), "{message}");
}

#[test]
fn a_version_twice_and_two_names_for_one_are_named() {
    let said = complaint(|path| fs::write(path.join("0002_other.up.sql"), "select 1;").unwrap());
    assert!(
        said.contains("0002_other.up.sql: has the same version as 0002_access.up.sql"),
        "{said}"
    );
    let said = complaint(|path| fs::write(path.join("00002_access.up.sql"), "select 1;").unwrap());
    assert!(said.contains("same version"), "{said}");
    let said = complaint(|path| {
        fs::rename(path.join("0002_access.down.sql"), path.join("0002_axess.down.sql")).unwrap();
    });
    assert!(said.contains("different names"), "{said}");
}

#[test]
fn unreadable_texts_are_named() {
    let cases: &[(&[u8], &str)] = &[
        (b"", "is empty"),
        (b" \n\t\n", "is empty"),
        (b"-- only a note\n", "no statement"),
        (b"\xEF\xBB\xBFselect 1;", "byte order mark"),
        (b"select '\xFF';", "not UTF-8 at byte 8"),
        (b"s\0e\0l\0", "line 1"),
        (b"select 1;\nselect 'x;", "line 2"),
        (b"select 1;\n\\i other.sql", "line 2: psql commands"),
        (b"create table a ();\n\ncommit;\n", "line 3: contains a transaction statement"),
        (b"copy a from stdin;\n1\n\\.\n", "line 3"),
        (b"copy a (b) from stdin;", "line 1: contains COPY FROM STDIN"),
    ];
    for (text, expected) in cases {
        let said = complaint(|path| fs::write(path.join("0002_access.up.sql"), text).unwrap());
        assert!(said.contains("0002_access.up.sql: ") && said.contains(expected), "{said}");
    }
    let said = complaint(|path| fs::write(path.join("waivers.toml"), "[[waivers]]").unwrap());
    assert!(said.contains("waivers.toml: "), "{said}");
    let said = complaint(|path| {
        fs::write(path.join("verify/0002_access.sql"), "-- flowcontrol: no-transaction\nselect 1;")
            .unwrap();
    });
    assert!(said.contains("verify/0002_access.sql: asks to run outside"), "{said}");
}

#[test]
fn every_problem_is_told_at_once_and_an_absent_folder_is_the_environments() {
    let said = complaint(|path| {
        fs::write(path.join("a"), "x").unwrap();
        fs::write(path.join("b"), "x").unwrap();
    });
    assert!(said.contains("\n  a: ") && said.contains("\n  b: "), "{said}");
    let empty = tempfile::tempdir().unwrap();
    assert!(scan(empty.path()).unwrap_err().message.contains("no migration"));
    let absent = empty.path().join("absent");
    assert_eq!(scan(&absent).unwrap_err().exit, Exit::Environment);
}

#[test]
fn line_endings_do_not_change_the_checksum() {
    let folder = Folder::depot();
    for entry in depot().migrations.iter().flat_map(|m| m.scripts()) {
        let path = folder.path().join(&entry.path);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace('\n', "\r\n") + "\r\n\r\n").unwrap();
    }
    let windows = folder.scan();
    assert_eq!(windows.digest(), depot().digest());
    assert!(windows.migrations.iter().flat_map(|m| m.scripts()).all(|s| !s.text.contains('\r')));
    assert!(windows.migrations[2].up.outside_transaction);
    fs::write(folder.path().join("0001_base.up.sql"), "create schema  depot;").unwrap();
    assert_ne!(folder.scan().digest(), depot().digest());
}
