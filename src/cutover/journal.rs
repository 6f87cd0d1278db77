//! How far a cutover came: written before whatever cannot be taken back.

use crate::rehearsal::journal::take_lock;
use crate::rehearsal::scratch::Scratch;
use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::Digest;
use flowcontrol_contract::fence::Window;
use flowcontrol_evidence::ProfileRef;
use flowcontrol_files::{self as files, Access, Lock};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The folder in a state folder, and the journal in it.
const FOLDER: &str = "cutover";
const FILE: &str = "journal.json";

/// What a later run, or an abort, needs to know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Journal {
    /// The freeze window, on the source and on the target.
    pub window: Window,
    /// The profile that it is for.
    pub profile: ProfileRef,
    /// The snapshot's digest.
    pub sha256: Digest,
    /// The database that is written to, without credentials.
    pub database: String,
    /// The migrations that were in force there before.
    pub found: u32,
    /// The migrations that it brings into force.
    pub migrations: Digest,
    /// How far it came.
    pub stage: Stage,
}

/// How far a cutover came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The source is frozen; the database may have been migrated.
    Begun,
    /// So many batches are in the database and verified.
    Batches(u8),
    /// It is complete; nothing is rolled back any more.
    Sealed,
}

/// The folder of a cutover, which this process alone works in.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    _lock: Lock,
}

impl Folder {
    /// The cutover's folder in a state folder, locked; made where there is none.
    ///
    /// # Errors
    /// A check failure when another process is at work in it.
    pub fn open(state: &Path) -> Result<Self> {
        let path = state.join(FOLDER);
        files::create_folder(&path, Access::Shared)?;
        let lock = take_lock(&path)?.map_err(|holder| {
            Failure::check(format!("another cutover is at work in {}{holder}", path.display()))
                .hint(
                    "wait for it to end, or end its process; then `flowcontrol cutover run` \
                       goes on with it",
                )
        })?;
        Ok(Self { path, _lock: lock })
    }

    /// Where the frozen snapshot is kept until the cutover is sealed.
    pub fn snapshot(&self) -> PathBuf {
        self.path.join("snapshot.jsonl.zst")
    }

    /// A folder beside it that goes when it is dropped.
    ///
    /// # Errors
    /// An environment failure when it cannot be made.
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

    /// Forgets the cutover: the next one begins anew.
    ///
    /// # Errors
    /// An environment failure when a file stays.
    pub fn forget(&self) -> Result<()> {
        for path in [self.path.join(FILE), self.snapshot()] {
            files::remove(&path)?;
        }
        Ok(())
    }
}

/// The journal of a state folder, whoever works in it; `None` when no cutover was begun.
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
            .hint("it says what was there before; restore it from a copy before going on")
    })
}
