//! An archive: as it is, as the tar in one, with the tar's checksums put right, and as the files
//! of a chain that somebody packed.
#![no_main]

use flowcontrol_evidence::chain::{PacketFile, Head};
use flowcontrol_evidence::seal::ChainLink;
use flowcontrol_evidence::{Archive, ChainSet, archive};
use flowcontrol_contract::Digest;
use flowcontrol_fuzz::summed;
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeMap;

fuzz_target!(|data: &[u8]| {
    read(data);
    for tar in [data.to_vec(), summed(data)] {
        read(&zstd::encode_all(tar.as_slice(), 1).unwrap());
    }
    // Names and contents, each ended by a byte that UTF-8 never has.
    let mut parts = data.split(|b| *b == 0xff);
    let mut book = ChainSet { own: Vec::new(), head: Head::Absent, imported: BTreeMap::new() };
    while let (Some(name), Some(bytes)) = (parts.next(), parts.next()) {
        let Ok(name) = String::from_utf8(name.to_vec()) else { return };
        book.own.push(PacketFile { name, bytes: bytes.to_vec() });
    }
    let last = book.own.last().map_or(Digest::of(""), |e| Digest::of(&e.bytes));
    let last =
        ChainLink { sequence: book.own.len() as u64, previous: None, sha256: last, signed_by: None };
    if let Ok(bytes) = archive::write(&book, last, "0.1.0") {
        read(&bytes);
    }
});

/// Whatever is read as an archive is judged without a panic, and writing it gives what was read.
fn read(bytes: &[u8]) {
    let Ok(Archive { manifest, book }) = archive::read(bytes) else { return };
    let _ = book.verify(Some(manifest.head));
    let (sequence, sha256) = (manifest.packets, manifest.head);
    let last = ChainLink { sequence, previous: None, sha256, signed_by: None };
    let again = archive::write(&book, last, &manifest.tool_version).unwrap();
    assert_eq!(archive::read(&again).unwrap(), Archive { manifest, book });
}
