//! Reads the folder of a chain: its packets, its `HEAD`, and its other files.

use super::chain::{Head, PacketFile, sequence_in_name};
use super::chain_set::{ChainSet, IMPORTED};
use super::store::{EvidenceStore, HEAD, LOCK, PARTIAL};
use flowcontrol_base::Result;
use flowcontrol_contract::Digest;
use flowcontrol_files::{AtPath as _, FileError, try_lock_shared};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::Path;

/// The content of the folder, read at one moment.
pub(super) struct Folder {
    pub(super) book: ChainSet,
    pub(super) partial: Vec<String>,
    pub(super) strays: Vec<String>,
}

impl EvidenceStore {
    pub(super) fn read(&self) -> Result<Folder> {
        // Without a lock file nobody has ever written here. A reader who may not open it reads on:
        // the worst that can happen is a HEAD that is one packet behind.
        let path = self.folder().join(LOCK);
        let lock = File::open(&path).ok();
        if let Some(lock) = &lock {
            self.wait(|| Ok(try_lock_shared(lock, &path)?.then_some(())))?;
        }
        self.read_locked()
    }

    /// [`EvidenceStore::read`] for a caller that holds the lock.
    pub(super) fn read_locked(&self) -> Result<Folder> {
        let mut folder = Folder {
            book: ChainSet { own: Vec::new(), head: self.head()?, imported: BTreeMap::new() },
            partial: Vec::new(),
            strays: Vec::new(),
        };
        for name in names(self.folder()).at_path("read", self.folder())? {
            if name == HEAD || name == LOCK {
                continue;
            } else if name.starts_with(PARTIAL) {
                folder.partial.push(name);
            } else if name.ends_with(".json") {
                let bytes = self.bytes(&name)?;
                folder.book.own.push(PacketFile { name, bytes });
            } else if name == IMPORTED {
                self.read_imported(&mut folder)?;
            } else {
                folder.strays.push(name);
            }
        }
        Ok(folder)
    }

    fn read_imported(&self, folder: &mut Folder) -> Result<()> {
        let all = self.folder().join(IMPORTED);
        for name in names(&all).at_path("read", &all)? {
            let Ok(head) = Digest::parse(&name) else {
                folder.strays.push(format!("{IMPORTED}/{name}"));
                continue;
            };
            let one = all.join(&name);
            let chain = folder.book.imported.entry(head).or_default();
            for file in names(&one).at_path("read", &one)? {
                if file.ends_with(".json") {
                    let bytes = self.bytes(&format!("{IMPORTED}/{name}/{file}"))?;
                    chain.push(PacketFile { name: file, bytes });
                } else {
                    folder.strays.push(format!("{IMPORTED}/{name}/{file}"));
                }
            }
        }
        Ok(())
    }

    pub(super) fn head(&self) -> Result<Head> {
        let path = self.folder().join(HEAD);
        match read_plain(&path) {
            Ok(bytes) => Ok(Head::parse(&bytes)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Head::Absent),
            Err(e) => Err(FileError::new("read", &path, e).into()),
        }
    }

    /// The content of a file of the folder; empty if it cannot be read as a file.
    pub(super) fn bytes(&self, name: &str) -> Result<Vec<u8>> {
        let path = self.folder().join(name);
        match read_plain(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            read => Ok(read.at_path("read", &path)?),
        }
    }
}

/// The content of a regular file; empty for a folder, and for a pipe, which would block.
fn read_plain(path: &Path) -> io::Result<Vec<u8>> {
    if fs::metadata(path)?.is_file() { fs::read(path) } else { Ok(Vec::new()) }
}

/// Names in `folder`, packets in order of sequence; an absent folder counts as empty.
pub(super) fn names(folder: &Path) -> io::Result<Vec<String>> {
    let listing = match fs::read_dir(folder) {
        Ok(listing) => listing,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(e),
    };
    let mut names = Vec::new();
    for item in listing {
        names.push(item?.file_name().to_string_lossy().into_owned());
    }
    names.sort_by_cached_key(|name| (sequence_in_name(name), name.clone()));
    Ok(names)
}
