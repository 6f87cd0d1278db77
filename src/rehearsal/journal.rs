//! The journal of a rehearsal on an external server, so that a killed one can be resumed.
//!
//! A run with a journal holds a lock beside it for as long as its process lives, and so does a
//! run that resumes it: whether a journal's run was interrupted is determined by the lock, never
//! guessed.

mod lock;

pub use lock::{FILE as LOCK_FILE, take as take_lock};

use super::Rehearsal;
use flowcontrol_base::{Failure, Result, clock};
use flowcontrol_contract::{Digest, Timestamp};
use flowcontrol_files::{self as files, Access, AtPath as _, Lock};
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

/// Notes that the run has a database on an external server; durable when it returns. The run holds
/// the journal's lock from before there is a journal.
pub fn write(run: &mut Rehearsal<'_>) -> Result<()> {
    let lock = lock::take(&run.folder)?.map_err(|holder| {
        Failure::environment(format!("the run's new folder is locked already{holder}"))
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
    keep(&run.folder, &journal)
}

/// Puts the journal in place of an earlier one; durable when it returns.
fn keep(folder: &Path, journal: &Journal) -> Result<()> {
    let text = serde_json::to_string(journal)
        .map_err(|e| Failure::environment(format!("the journal cannot be serialized: {e}")))?;
    Ok(files::replace(&folder.join(FILE), text.as_bytes(), Access::Owner)?)
}

/// Creates the folder of a run that begins at `started`, with its parents; durable when it returns,
/// since a journal in it would be lost with it.
///
/// # Errors
/// An environment failure when it cannot be created.
pub fn create_folder(state: &Path, started: Timestamp) -> Result<PathBuf> {
    let stamp: String =
        started.to_string().chars().take(19).filter(|c| *c != ':' && *c != '-').collect();
    let folder = state.join("rehearsals").join(format!("{stamp}-{}", clock::random_hex(3)));
    files::create_folder(&folder, Access::Shared)?;
    Ok(folder)
}

/// Removes the journals of every run that had `database`, which is dropped: a rehearsal that was killed and resumed
/// more than once has a journal for each attempt.
///
/// # Errors
/// An environment failure when a journal cannot be removed, a check failure when one is damaged.
pub fn forget(state: &Path, database: &str) -> Result<()> {
    for folder in unfinished(state) {
        if read(&folder)?.database == database {
            files::remove(&folder.join(FILE))?;
            // After the journal: whoever still takes the old lock finds nothing to go on with.
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
    let text = std::fs::read_to_string(&path).at_path("read", &path)?;
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
        match lock::take(&folder)? {
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

#[cfg(test)]
mod tests {
    use super::*;
    use flowcontrol_testkit::folder_watch::FolderWatch;

    #[test]
    fn a_journal_and_the_folder_of_its_run_are_durable() {
        let state = tempfile::tempdir().unwrap();
        std::fs::create_dir(state.path().join("rehearsals")).unwrap();
        let runs = FolderWatch::new(&state.path().join("rehearsals"));
        let folder = create_folder(state.path(), clock::now()).unwrap();
        let name = folder.file_name().unwrap().to_str().unwrap();
        assert!(runs.synced_after(name), "the new folder of a run");
        let mut journal = Journal {
            database: "flowcontrol_1".to_owned(),
            snapshot: PathBuf::from("s"),
            sha256: Digest::of("s"),
            probed: false,
        };
        for probed in [false, true] {
            journal.probed = probed;
            let watch = FolderWatch::new(&folder);
            keep(&folder, &journal).unwrap();
            assert!(watch.synced_after(FILE), "the journal's name");
            assert_eq!(read(&folder).unwrap(), journal);
        }
        let watch = FolderWatch::new(&folder);
        forget(state.path(), "flowcontrol_1").unwrap();
        assert!(watch.synced_after(FILE), "the journal's absence");
        assert!(unfinished(state.path()).is_empty());
    }
}
