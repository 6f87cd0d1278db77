//! The archive format: a whole chain in one file, a tar of the packet files in one zstd frame.
//!
//! Any tar program unpacks it, and every digest in it can be checked by hand. The same chain gives
//! the same bytes: order, times, owners and modes are fixed. Reading trusts nothing: the tar
//! must be, byte for byte, what writing the files found in it would produce, so that nothing
//! can be hidden in a header, between two files or after the last.

use super::chain::{Head, PacketFile, sequence_in_name};
use super::chain_set::{ChainSet, IMPORTED};
use super::manifest::Manifest;
use super::seal::{ChainLink, Flaw, Sealed};
use flowcontrol_base::text::one_line;
use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::Digest;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read as _, Write as _};

/// Bytes that an archive may unpack to; it is held in memory. A rehearsal's packets take some
/// 100 kB.
pub const MAX_BYTES: u64 = 256 << 20;
/// Files that an archive may hold.
pub const MAX_FILES: usize = 100_000;
/// zstd's default.
const LEVEL: i32 = 3;
/// The fixed modification time, in seconds since 1970; tar programs warn about a zero.
const TIME: u64 = 1_000_000_000;
const MANIFEST: &str = "manifest.json";
const HEAD: &str = "HEAD";
const PACKETS: &str = "packets";

type Files = Vec<(String, Vec<u8>)>;

/// An archive that was read: its files match its manifest. Whether its chain verifies is for
/// [`ChainSet::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive {
    /// Its manifest.
    pub manifest: Manifest,
    /// The chains in it.
    pub book: ChainSet,
}

/// The archive of a verified chain set whose own chain ends in `last`.
///
/// # Errors
/// A check failure when it exceeds the limits of [`read`].
pub fn write(book: &ChainSet, last: ChainLink, tool_version: &str) -> Result<Vec<u8>> {
    // The head keeps its signature; a head that a crash left one packet behind is replaced, unsigned.
    let plain = Head::of(last);
    let head = if book.head.agrees(&plain) { book.head.clone() } else { plain };
    let mut files: Files = vec![(HEAD.to_owned(), head.render().into_bytes())];
    files.extend(book.own.iter().map(|e| (format!("{PACKETS}/{}", e.name), e.bytes.clone())));
    for (head, entries) in &book.imported {
        let name = |e: &PacketFile| (format!("{IMPORTED}/{head}/{}", e.name), e.bytes.clone());
        files.extend(entries.iter().map(name));
    }
    let manifest = Manifest::of(&files, last, tool_version).render()?;
    files.insert(0, (MANIFEST.to_owned(), manifest));
    let io = |e: io::Error| Failure::environment(format!("cannot create the archive: {e}"));
    let tar = tar(&files).map_err(io)?;
    if tar.len() as u64 > MAX_BYTES || files.len() > MAX_FILES {
        return Err(Failure::check(format!(
            "this chain is too large for one archive: {} files and {} bytes of at most \
             {MAX_FILES} and {MAX_BYTES}",
            files.len(),
            tar.len()
        ))
        .hint("copy the folder `evidence` of the state folder instead"));
    }
    let pack = || -> io::Result<Vec<u8>> {
        let mut encoder = zstd::Encoder::new(Vec::new(), LEVEL)?;
        encoder.include_checksum(true)?;
        encoder.write_all(&tar)?;
        encoder.finish()
    };
    pack().map_err(io)
}

/// Reads an archive.
///
/// # Errors
/// One sentence: why it is refused, with the name of the file in it.
pub fn read(bytes: &[u8]) -> Result<Archive, String> {
    let tar = unpack(bytes)?;
    let files = files(&tar)?;
    let same = self::tar(&files).is_ok_and(|again| again == tar);
    let Some(((first, manifest), rest)) = files.split_first() else {
        return Err("it is empty".to_owned());
    };
    if first != MANIFEST {
        return Err(format!("its first file is {first:?}, not {MANIFEST}"));
    }
    let manifest = Manifest::parse(manifest).map_err(|why| format!("{MANIFEST}: {why}"))?;
    if let Some(why) = manifest.differs(rest) {
        return Err(why);
    }
    if !same {
        return Err("its tar headers or their order differ from what an export writes".to_owned());
    }
    let book = book(rest)?;
    let (sequence, sha256) = (manifest.packets, manifest.head);
    if !book.head.agrees(&Head::Names { sequence, sha256, signature: None }) {
        return Err(format!("{HEAD} differs from the head that {MANIFEST} names"));
    }
    if book.own.len() as u64 != manifest.packets || end(&book.own) != Some(manifest.head) {
        return Err(format!(
            "its last packet is not packet {} with digest {}, which {MANIFEST} names",
            manifest.packets, manifest.head
        ));
    }
    Ok(Archive { manifest, book })
}

/// The digest of the last of `entries`, which are in order.
fn end(entries: &[PacketFile]) -> Option<Digest> {
    match Sealed::parse(&entries.last()?.bytes) {
        Ok(sealed) => Some(sealed.sha256()),
        Err(Flaw::Schema { link, .. }) => Some(link.sha256),
        Err(_) => None,
    }
}

fn unpack(bytes: &[u8]) -> Result<Vec<u8>, String> {
    if !bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        return Err("it is not compressed with zstd".to_owned());
    }
    let no_end = |e: io::Error| match e.kind() {
        io::ErrorKind::UnexpectedEof => "it is truncated".to_owned(),
        _ => format!("its compression is damaged: {e}"),
    };
    let decoder = zstd::Decoder::with_buffer(bytes).map_err(no_end)?.single_frame();
    let mut tar = Vec::new();
    let mut limited = decoder.take(MAX_BYTES + 1);
    limited.read_to_end(&mut tar).map_err(no_end)?;
    if tar.len() as u64 > MAX_BYTES {
        return Err(format!("it unpacks to more than {MAX_BYTES} bytes"));
    }
    match limited.into_inner().finish().len() {
        0 => Ok(tar),
        n => Err(format!("{n} bytes follow the end of the compressed data")),
    }
}

/// The files in a tar: plain ones with plain names, each name once.
fn files(tar: &[u8]) -> Result<Files, String> {
    let damaged = |e: io::Error| format!("its tar is damaged: {e}");
    let mut archive = tar::Archive::new(tar);
    let mut files = Files::new();
    let mut seen = BTreeSet::new();
    // Raw entries: a long name or an extended header is an entry of its own here, and is refused.
    for entry in archive.entries().map_err(damaged)?.raw(true) {
        let mut entry = entry.map_err(damaged)?;
        let name = String::from_utf8(entry.path_bytes().into_owned())
            .map_err(|_| "a name in it is not UTF-8".to_owned())?;
        let shown = one_line(&name);
        let kind = entry.header().entry_type();
        if kind.is_symlink() || kind.is_hard_link() {
            return Err(format!("{shown} is a link"));
        }
        if !kind.is_file() {
            return Err(format!("{shown} is not a plain file"));
        }
        if name.starts_with('/') || name.split(['/', '\\']).any(|part| part == "..") {
            return Err(format!("{shown} is a path outside the archive"));
        }
        if name != MANIFEST && place(&name).is_none() {
            return Err(format!("{shown} is not a file that an export writes"));
        }
        if !seen.insert(name.clone()) {
            return Err(format!("{shown} occurs twice"));
        }
        if files.len() == MAX_FILES {
            return Err(format!("it holds more than {MAX_FILES} files"));
        }
        let mut bytes = Vec::new();
        let size = entry.size();
        entry.read_to_end(&mut bytes).map_err(damaged)?;
        if bytes.len() as u64 != size {
            return Err(format!("{shown} is truncated"));
        }
        files.push((name, bytes));
    }
    Ok(files)
}

enum Place<'a> {
    Head,
    Packet(&'a str),
    Imported(Digest, &'a str),
}

/// What a name in an archive means. Only these names are allowed, so that no name can
/// point outside the folder it is unpacked to.
fn place(name: &str) -> Option<Place<'_>> {
    let packet = |name: &str| {
        sequence_in_name(name).is_some()
            && name.ends_with(".json")
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-')
    };
    match name.split('/').collect::<Vec<_>>()[..] {
        [HEAD] => Some(Place::Head),
        [PACKETS, file] if packet(file) => Some(Place::Packet(file)),
        [IMPORTED, head, file] if packet(file) => {
            Some(Place::Imported(Digest::parse(head).ok()?, file))
        }
        _ => None,
    }
}

fn book(files: &[(String, Vec<u8>)]) -> Result<ChainSet, String> {
    let mut book = ChainSet { own: Vec::new(), head: Head::Absent, imported: BTreeMap::new() };
    for (name, bytes) in files {
        let entry = |name: &str| PacketFile { name: name.to_owned(), bytes: bytes.clone() };
        match place(name) {
            Some(Place::Head) => book.head = Head::parse(bytes),
            Some(Place::Packet(name)) => book.own.push(entry(name)),
            Some(Place::Imported(head, name)) => {
                book.imported.entry(head).or_default().push(entry(name));
            }
            None => return Err(format!("{} is not a file that an export writes", one_line(name))),
        }
    }
    Ok(book)
}

fn tar(files: &[(String, Vec<u8>)]) -> io::Result<Vec<u8>> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_ustar();
        header.set_path(name)?;
        header.set_entry_type(tar::EntryType::Regular);
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(TIME);
        header.set_cksum();
        builder.append(&header, bytes.as_slice())?;
    }
    builder.into_inner()
}
