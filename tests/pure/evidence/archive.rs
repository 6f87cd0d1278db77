//! The archive's form: what it holds, and that nothing else is taken for one.

use super::{append, files, store};
use flowcontrol_base::Exit;
use flowcontrol_evidence::transfer::open;
use flowcontrol_evidence::{EvidenceStore, archive};
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder with an archive of a chain of `n` packets, and the chain.
pub fn exported(n: i64) -> (tempfile::TempDir, EvidenceStore, PathBuf) {
    let (state, store) = store();
    for i in 1..=n {
        append(&store, i).unwrap();
    }
    let file = state.path().join("evidence.tar.zst");
    store.export(&file, "0.1.0").unwrap();
    (state, store, file)
}

pub fn unpacked(bytes: &[u8]) -> Vec<u8> {
    let mut tar = Vec::new();
    zstd::Decoder::with_buffer(bytes).unwrap().read_to_end(&mut tar).unwrap();
    tar
}

pub fn packed(tar: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
    encoder.write_all(tar).unwrap();
    encoder.finish().unwrap()
}

/// Every packet's bytes by its file name.
pub fn contents(store: &EvidenceStore) -> Vec<(String, Vec<u8>)> {
    let packets = files(store.folder()).into_iter().filter(|n| n.ends_with(".json"));
    packets.map(|n| (n.clone(), fs::read(store.folder().join(n)).unwrap())).collect()
}

#[test]
fn the_same_chain_gives_the_same_archive_and_another_a_different_one() {
    let (state, store, first) = exported(3);
    let second = state.path().join("second.tar.zst");
    let done = store.export(&second, "0.1.0").unwrap();
    assert_eq!(fs::read(&first).unwrap(), fs::read(&second).unwrap());
    assert_eq!((done.packets, done.bytes), (3, fs::metadata(&second).unwrap().len()));
    let (_elsewhere, _, again) = exported(3);
    assert_eq!(fs::read(&first).unwrap(), fs::read(again).unwrap());
    append(&store, 4).unwrap();
    let third = state.path().join("third.tar.zst");
    store.export(&third, "0.1.0").unwrap();
    assert_ne!(fs::read(&first).unwrap(), fs::read(third).unwrap());
}

#[test]
fn an_archive_holds_the_packets_byte_for_byte_and_lists_them() {
    let (_state, store, file) = exported(3);
    let read = open(&file).unwrap();
    let held: Vec<_> = read.book.own.iter().map(|e| (e.name.clone(), e.bytes.clone())).collect();
    assert_eq!(held, contents(&store));
    assert!(read.book.verify(Some(read.manifest.head)).passed());
    assert_eq!((read.manifest.packets, read.manifest.files.len()), (3, 4));
    let mut small = read.manifest.clone();
    for file in &mut small.files {
        // Where packets hold times and digests, one line in the snapshot is enough.
        file.name = file.name.rsplit_once('-').map_or(file.name.clone(), |(a, _)| a.to_owned());
    }
    insta::assert_snapshot!(String::from_utf8(small.render().unwrap()).unwrap());
}

/// A reviewer without the program: tar and zstd are all it takes to reach the packets.
#[test]
fn any_tar_lists_it() {
    let (state, store, file) = exported(2);
    let plain = state.path().join("evidence.tar");
    fs::write(&plain, unpacked(&fs::read(file).unwrap())).unwrap();
    let Ok(said) = Command::new("tar").arg("-tf").arg(&plain).output() else {
        eprintln!("skipped: there is no tar program on this machine");
        return;
    };
    assert!(said.status.success() && said.stderr.is_empty(), "{said:?}");
    let names = String::from_utf8(said.stdout).unwrap();
    let packets: String =
        contents(&store).iter().map(|(name, _)| format!("packets/{name}\n")).collect();
    assert_eq!(names, format!("manifest.json\nHEAD\n{packets}"));
}

#[test]
fn an_export_never_overwrites_and_leaves_nothing_when_refused() {
    let (state, store, file) = exported(1);
    let before = fs::read(&file).unwrap();
    append(&store, 2).unwrap();
    let refused = store.export(&file, "0.1.0").unwrap_err();
    assert_eq!(refused.exit, Exit::Usage);
    assert!(refused.message.contains("already exists"), "{refused}");
    assert_eq!(fs::read(&file).unwrap(), before);
    let nowhere = store.export(&state.path().join("no/x.zst"), "0.1.0").unwrap_err();
    assert_eq!(nowhere.exit, Exit::Usage);
    assert!(nowhere.message.contains("its folder does not exist"), "{nowhere}");

    fs::write(store.folder().join("HEAD"), "nonsense\n").unwrap();
    let names = files(state.path());
    let refused = store.export(&state.path().join("x.zst"), "0.1.0").unwrap_err();
    assert_eq!(refused.exit, Exit::Check);
    assert!(refused.message.contains("does not verify: HEAD"), "{refused}");
    assert_eq!(files(state.path()), names);

    let (empty, store) = super::store();
    let refused = store.export(&empty.path().join("x.zst"), "0.1.0").unwrap_err();
    assert_eq!(refused.exit, Exit::Usage);
    assert_eq!(files(empty.path()), Vec::<String>::new());
}

#[test]
fn every_single_byte_flip_is_refused_or_changes_nothing() {
    let (_state, _, file) = exported(2);
    let sound = fs::read(file).unwrap();
    let held = archive::read(&sound).unwrap();
    let mut refused = 0;
    for at in 0..sound.len() {
        for change in [0x01, 0x80, 0xff] {
            let mut bytes = sound.clone();
            bytes[at] ^= change;
            match archive::read(&bytes) {
                Err(_) => refused += 1,
                Ok(read) => assert_eq!(read, held, "byte {at} ^ {change:#x}"),
            }
        }
    }
    // zstd has a few bits that say nothing.
    assert!(refused > sound.len() * 3 - 20, "{refused} of {}", sound.len() * 3);
}

/// The same below the compression, where no checksum of zstd stands in the way.
#[test]
fn every_single_byte_flip_of_the_tar_is_found() {
    let (_state, _, file) = exported(1);
    let tar = unpacked(&fs::read(file).unwrap());
    assert!(archive::read(&packed(&tar)).is_ok());
    let tool_version = {
        let at = String::from_utf8_lossy(&tar).find("0.1.0").unwrap();
        at..at + 5
    };
    for at in 0..tar.len() {
        let mut bytes = tar.clone();
        bytes[at] ^= 1;
        match archive::read(&packed(&bytes)) {
            Err(_) => {}
            // The manifest's own word, which nothing else in the archive vouches for.
            Ok(_) => assert!(tool_version.contains(&at), "byte {at}"),
        }
    }
}

#[test]
fn a_cut_archive_is_refused() {
    let (_state, _, file) = exported(3);
    let sound = fs::read(file).unwrap();
    let mut ends: Vec<usize> = (0..sound.len()).step_by(64).collect();
    ends.extend(sound.len() - 8..sound.len());
    for end in ends {
        let why = archive::read(&sound[..end]).unwrap_err();
        let says = if end < 4 { "not compressed with zstd" } else { "it is truncated" };
        assert!(why.contains(says), "{end}: {why}");
    }
    let mut longer = sound.clone();
    longer.push(0);
    assert!(
        archive::read(&longer)
            .unwrap_err()
            .contains("1 bytes follow the end of the compressed data")
    );
    let tar = unpacked(&sound);
    for end in (0..tar.len()).step_by(64) {
        assert!(archive::read(&packed(&tar[..end])).is_err(), "tar cut at {end}");
    }
}

/// A tar of entries as an attacker makes them: the name goes in unchecked.
fn hostile(entries: &[(&str, tar::EntryType, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, kind, bytes) in entries {
        let mut header = tar::Header::new_ustar();
        header.as_ustar_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        if kind.is_symlink() || kind.is_hard_link() {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        builder.append(&header, *bytes).unwrap();
    }
    packed(&builder.into_inner().unwrap())
}

#[test]
fn hostile_archives_are_refused_by_name() {
    use tar::EntryType as Kind;
    const PACKET: &str = "packets/00001-FlowControlRehearsalStep.v1-1a2b3c4d.json";
    for (name, kind, says) in [
        ("../evil.json", Kind::Regular, "../evil.json is a path outside"),
        ("packets/../../00001-a.json", Kind::Regular, "is a path outside"),
        ("packets\\..\\00001-a.json", Kind::Regular, "is a path outside"),
        ("/etc/passwd", Kind::Regular, "/etc/passwd is a path outside"),
        ("packets/evil.json", Kind::Regular, "packets/evil.json is not a file that an export"),
        ("packets/00001-a.json/b", Kind::Regular, "is not a file that an export"),
        ("packets/00001-\u{1b}[2J.json", Kind::Regular, "\\u{1b}[2J.json is not a file"),
        ("imported/ab/00001-a.json", Kind::Regular, "is not a file that an export"),
        (PACKET, Kind::Symlink, "1a2b3c4d.json is a link"),
        (PACKET, Kind::Link, "1a2b3c4d.json is a link"),
        ("packets", Kind::Directory, "packets is not a plain file"),
        ("packets", Kind::Fifo, "packets is not a plain file"),
        ("././@LongLink", Kind::GNULongName, "@LongLink is not a plain file"),
        ("pax", Kind::XHeader, "pax is not a plain file"),
        ("sparse", Kind::GNUSparse, "sparse is not a plain file"),
    ] {
        let why = archive::read(&hostile(&[(name, kind, b"")])).unwrap_err();
        assert!(why.contains(says), "{name}: {why}");
    }
    let twice = [(PACKET, Kind::Regular, &b"{}\n"[..]); 2];
    let why = archive::read(&hostile(&twice)).unwrap_err();
    assert!(why.contains("1a2b3c4d.json occurs twice"), "{why}");
    let other = hostile(&[("manifest.json", Kind::Regular, b"{\"schema\":\"Other.v9\"}\n")]);
    assert!(archive::read(&other).unwrap_err().contains("use a newer flowcontrol"));
    assert_eq!(archive::read(&packed(&[0; 1024])).unwrap_err(), "it is empty");
    assert!(archive::read(b"PK\x03\x04").unwrap_err().contains("not compressed with zstd"));
}

#[test]
fn an_archive_that_unpacks_without_end_is_refused() {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    let block = vec![0; 1 << 20];
    for _ in 0..=archive::MAX_BYTES >> 20 {
        encoder.write_all(&block).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    assert!(bomb.len() < 1 << 20, "{}", bomb.len());
    assert!(archive::read(&bomb).unwrap_err().contains("unpacks to more than 268435456 bytes"));
}

#[test]
fn a_missing_file_and_a_folder_are_wrong_usage() {
    for (file, says) in [("/no/such.zst", "there is no file"), ("/", "is a folder")] {
        let refused = open(Path::new(file)).unwrap_err();
        assert_eq!(refused.exit, Exit::Usage);
        assert!(refused.message.contains(says), "{refused}");
    }
}
