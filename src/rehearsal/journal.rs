//! The journal of a rehearsal on an external server, so that a killed one can be resumed.
//!
//! A run with a journal holds a lock beside it for as long as its process lives, and so does a
//! run that resumes it: whether a journal's run was interrupted is determined by the lock, never
//! guessed.

mod lock;

pub use lock::{FILE as LOCK_FILE, Lock};

use super::Rehearsal;
use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::Digest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// An interrupted run: its folder, its journal, and the lock on it.
#[derive(Clone, Debug)]
pub struct Unfinished {
    /// The folder of that run's files.
    pub folder: PathBuf,
    /// Its journal.
    pub journal: Journal,
    /// Held until dropped.
    pub lock: Lock,
}

/// The journal's name in the run's folder.
const FILE: &str = "unfinished.json";

/// What a later run needs to resume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Journal {
    /// The database that holds the replay.
    pub database: String,
    /// The snapshot's file.
    pub snapshot: PathBuf,
    /// The snapshot's digest.
    pub sha256: Digest,
    /// Whether the isolation probes have begun. They insert rows of their own, so a later run
    /// replays into a new database instead of continuing in this one.
    pub probed: bool,
}

/// Records that the run has a database on an external server; durable when it returns. The run takes
/// the lock before it writes the journal.
pub fn write(run: &mut Rehearsal<'_>) -> Result<()> {
    let lock = Lock::take(&run.folder)?.map_err(|holder| {
        Failure::environment(format!("the run's new folder is already locked{holder}"))
    })?;
    run.resources.lock = Some(lock);
    note(run, false)
}

/// Records that the isolation probes are about to begin; does nothing without a journal.
pub fn write_probed(run: &Rehearsal<'_>) -> Result<()> {
    if run.folder.join(FILE).is_file() { note(run, true) } else { Ok(()) }
}

fn note(run: &Rehearsal<'_>, probed: bool) -> Result<()> {
    let (snapshot, summary) = super::steps::snapshot(run)?;
    let database = super::steps::workspace(run)?.endpoint.database;
    let snapshot = std::path::absolute(&snapshot).unwrap_or(snapshot);
    let journal = Journal { database, snapshot, sha256: summary.sha256, probed };
    let path = run.folder.join(FILE);
    let failed =
        |e: std::io::Error| Failure::environment(format!("cannot write {}: {e}", path.display()));
    let text = serde_json::to_string(&journal)
        .map_err(|e| Failure::environment(format!("the journal cannot be serialized: {e}")))?;
    let mut file = tempfile::NamedTempFile::new_in(&run.folder).map_err(failed)?;
    std::io::Write::write_all(&mut file, text.as_bytes()).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(&path).map_err(|e| failed(e.error))?;
    Ok(())
}

/// Removes the journals of every run that had `database`, which is dropped: a rehearsal that was killed and resumed
/// more than once has a journal for each attempt.
///
/// # Errors
/// An environment failure when a journal cannot be removed, a check failure when one is damaged.
pub fn forget(state: &Path, database: &str) -> Result<()> {
    for folder in unfinished(state) {
        if read(&folder)?.database == database {
            let path = folder.join(FILE);
            std::fs::remove_file(&path).map_err(|e| {
                Failure::environment(format!("cannot remove {}: {e}", path.display()))
            })?;
            // After the journal: a process that still takes the old lock finds nothing to resume.
            lock::remove(&folder)?;
        }
    }
    Ok(())
}

/// Folders of runs that left a journal, oldest first.
fn unfinished(state: &Path) -> Vec<PathBuf> {
    // A state folder without rehearsals has no interrupted one.
    let mut found: Vec<PathBuf> = std::fs::read_dir(state.join("rehearsals"))
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|folder| folder.join(FILE).is_file())
        .collect();
    found.sort();
    found
}

fn read(folder: &Path) -> Result<Journal> {
    let path = folder.join(FILE);
    let text = std::fs::read_to_string(&path)
        .map_err(|e| Failure::environment(format!("cannot read {}: {e}", path.display())))?;
    serde_json::from_str(&text)
        .map_err(|e| Failure::check(format!("{} is damaged: {e}", path.display())))
}

/// The newest interrupted run of a state folder, locked. A run that is still running is not
/// returned, nor an older attempt whose database such a run uses.
///
/// # Errors
/// A usage failure when there is none, which names those still running; an environment failure
/// when one cannot be read.
pub fn newest(state: &Path) -> Result<Unfinished> {
    let mut at_work = Vec::new();
    let mut taken = BTreeSet::new();
    for folder in unfinished(state).into_iter().rev() {
        match Lock::take(&folder)? {
            Ok(lock) => {
                // It may have ended meanwhile.
                if !folder.join(FILE).is_file() {
                    lock::remove(&folder)?;
                    continue;
                }
                let journal = read(&folder)?;
                if !taken.contains(&journal.database) {
                    return Ok(Unfinished { folder, journal, lock });
                }
            }
            Err(holder) => {
                let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
                at_work.push(format!("{name}{holder}"));
                if folder.join(FILE).is_file() {
                    taken.insert(read(&folder)?.database);
                }
            }
        }
    }
    let runs = state.join("rehearsals");
    if at_work.is_empty() {
        return Err(Failure::usage(format!("no interrupted rehearsal found in {}", runs.display()))
            .hint(
                "rehearse without --resume; temporary targets are removed with their run, so only one on \
                 an external target can be resumed",
            ));
    }
    Err(Failure::usage(format!(
        "no interrupted rehearsal found in {}; still running: {}",
        runs.display(),
        at_work.join(", ")
    ))
    .hint("wait for it to finish, or stop its process and then resume it"))
}
