//! The journal of a cutover's progress, written before each step that cannot be undone by a restart.

use crate::rehearsal::journal::take_lock;
use crate::rehearsal::scratch::Scratch;
use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::Digest;
use flowcontrol_contract::fence::Window;
use flowcontrol_evidence::ProfileRef;
use flowcontrol_files::{self as files, Access, Lock};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The cutover's folder in a state folder, and the journal's file name in it.
const FOLDER: &str = "cutover";
const FILE: &str = "journal.json";

/// What a later run or an abort needs to continue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Journal {
    /// The freeze window, on the source and on the target.
    pub window: Window,
    /// The target profile.
    pub profile: ProfileRef,
    /// The snapshot's digest.
    pub sha256: Digest,
    /// The database that is written to, without credentials.
    pub database: String,
    /// The migrations that were applied there before.
    pub found: u32,
    /// The digest of the migrations that it applies.
    pub migrations: Digest,
    /// The stage it has reached.
    pub stage: Stage,
}

/// The stage that a cutover has reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The source is frozen; the database may have been migrated.
    Begun,
    /// This many batches are in the database and verified.
    Batches(u8),
    /// It is complete and cannot be aborted any more.
    Sealed,
}

/// The folder of a cutover, locked by this process.
#[derive(Debug)]
pub struct CutoverFolder {
    path: PathBuf,
    _lock: Lock,
}

impl CutoverFolder {
    /// Creates and locks the cutover's folder in a state folder.
    ///
    /// # Errors
    /// A check failure when another process holds the lock.
    pub fn open(state: &Path) -> Result<Self> {
        let path = state.join(FOLDER);
        files::create_folder(&path, Access::Shared)?;
        let lock = take_lock(&path)?.map_err(|holder| {
            Failure::check(format!("another cutover is at work in {}{holder}", path.display()))
                .hint(
                    "wait for it to finish, or stop its process; then `flowcontrol cutover run` \
                       resumes it",
                )
        })?;
        Ok(Self { path, _lock: lock })
    }

    /// The path of the frozen snapshot, which is kept until the cutover is sealed.
    pub fn snapshot(&self) -> PathBuf {
        self.path.join("snapshot.jsonl.zst")
    }

    /// A temporary folder in it, removed when it is dropped.
    ///
    /// # Errors
    /// An environment failure when it cannot be created.
    pub fn scratch(&self) -> Result<Scratch> {
        Scratch::new(&self.path, "scratch-")
    }

    /// The journal, if a cutover was begun.
    ///
    /// # Errors
    /// A check failure that names the file when it is damaged.
    pub fn read(&self) -> Result<Option<Journal>> {
        read(&self.path)
    }

    /// Replaces the journal; durable when it returns.
    ///
    /// # Errors
    /// An environment failure when it cannot be written.
    pub fn write(&self, journal: &Journal) -> Result<()> {
        let text = serde_json::to_string(journal).map_err(|e| {
            Failure::environment(format!("the cutover's journal cannot be serialized: {e}"))
        })?;
        Ok(files::replace(&self.path.join(FILE), text.as_bytes(), Access::Owner)?)
    }

    /// Removes journal and snapshot, so that the next cutover starts from the beginning.
    ///
    /// # Errors
    /// An environment failure when a file cannot be removed.
    pub fn forget(&self) -> Result<()> {
        for path in [self.path.join(FILE), self.snapshot()] {
            files::remove(&path)?;
        }
        Ok(())
    }
}

/// The journal of a state folder, without taking the lock; `None` when no cutover was begun.
///
/// # Errors
/// A check failure that names the journal when it is damaged.
pub fn peek(state: &Path) -> Result<Option<Journal>> {
    read(&state.join(FOLDER))
}

fn read(folder: &Path) -> Result<Option<Journal>> {
    let path = folder.join(FILE);
    let Some(text) = files::read(&path)? else { return Ok(None) };
    serde_json::from_slice(&text).map(Some).map_err(|e| {
        Failure::check(format!("the cutover's journal {} is damaged: {e}", path.display()))
            .hint("it records the earlier state of the database; restore it from a copy first")
    })
}
