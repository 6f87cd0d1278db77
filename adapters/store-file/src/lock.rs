//! The write lock, which permits one writer at a time, and the note in its file.
//!
//! The lock is taken for one operation at a time, so several processes can write alternately. The
//! note tells the next writer whether the commit number it remembers is still the last one; a
//! writer that died leaves the note `dirty`, and the next one checks every log. The note only saves
//! work: without it everything is found again from the logs.

use crate::disk;
use crate::failure::{AtPath as _, from_file_error};
use flowcontrol_contract::Result;
use flowcontrol_files::Access;
use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// The lock file's name in the store's folder.
pub(crate) const NAME: &str = "write.lock";

/// The note of the last writer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Note {
    /// Whether it completed its write.
    pub(crate) clean: bool,
    /// Its last durable commit number; 0 when unknown.
    pub(crate) commit: u64,
    /// Its process id.
    pub(crate) pid: u32,
}

impl Note {
    fn encode(self) -> String {
        let state = if self.clean { "clean" } else { "dirty" };
        format!("bfgstore1 {state} commit {:020} process {:010}\n", self.commit, self.pid)
    }

    fn parse(text: &str) -> Option<Self> {
        let words: Vec<_> = text.split_whitespace().collect();
        let ["bfgstore1", state, "commit", commit, "process", pid] = words[..] else { return None };
        let note =
            Self { clean: state == "clean", commit: commit.parse().ok()?, pid: pid.parse().ok()? };
        (note.encode() == text).then_some(note)
    }

    /// The note of the lock file in `dir`, read without the lock; empty when absent or unreadable.
    pub(crate) fn peek(dir: &Path) -> Result<Self> {
        let content = disk::read(&dir.join(NAME))?.unwrap_or_default();
        Ok(std::str::from_utf8(&content).ok().and_then(Self::parse).unwrap_or_default())
    }
}

/// The write lock, held until dropped.
#[derive(Debug)]
pub(crate) struct WriteLock {
    file: File,
    path: PathBuf,
}

impl WriteLock {
    /// Takes the lock if it is free; creates the store's folder if it does not exist.
    pub(crate) fn try_take(dir: &Path) -> Result<Option<Self>> {
        disk::create_dir(dir)?;
        let path = dir.join(NAME);
        let file = flowcontrol_files::try_lock(&path, Access::Owner).map_err(from_file_error)?;
        Ok(file.map(|file| Self { file, path }))
    }

    /// Writes the note for the next writer.
    pub(crate) fn write_note(&mut self, clean: bool, commit: u64) -> Result<()> {
        let note = Note { clean, commit, pid: std::process::id() };
        self.file
            .seek(SeekFrom::Start(0))
            .and_then(|_| self.file.write_all(note.encode().as_bytes()))
            .at_path("write", &self.path)
    }
}

/// Whether no process is writing to the store in `dir` at this moment.
pub(crate) fn nobody_writes(dir: &Path) -> Result<bool> {
    let path = dir.join(NAME);
    let Some(file) = disk::if_exists(File::open(&path)).at_path("open the lock file", &path)?
    else {
        return Ok(true);
    };
    flowcontrol_files::try_lock_shared(&file, &path).map_err(from_file_error)
}

#[cfg(test)]
mod tests {
    use super::{Note, WriteLock, nobody_writes};

    #[test]
    fn the_note_reads_back_and_a_broken_one_says_nothing() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Note::peek(dir.path()).unwrap(), Note::default());
        let mut lock = WriteLock::try_take(dir.path()).unwrap().unwrap();
        lock.write_note(false, 41).unwrap();
        lock.write_note(true, 42).unwrap();
        let pid = std::process::id();
        assert_eq!(Note::peek(dir.path()).unwrap(), Note { clean: true, commit: 42, pid });
        std::fs::write(dir.path().join(super::NAME), "clean 7").unwrap();
        assert_eq!(Note::peek(dir.path()).unwrap(), Note::default());
    }

    #[test]
    fn one_holder_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        assert!(nobody_writes(dir.path()).unwrap());
        let held = WriteLock::try_take(dir.path()).unwrap();
        assert!(held.is_some());
        assert!(WriteLock::try_take(dir.path()).unwrap().is_none());
        assert!(!nobody_writes(dir.path()).unwrap());
        drop(held);
        assert!(WriteLock::try_take(dir.path()).unwrap().is_some());
    }
}
