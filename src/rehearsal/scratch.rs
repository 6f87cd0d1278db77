//! A folder for one process's temporary files. A later process removes it after a kill, because the files are
//! copies of the scenario.

use super::journal::{LOCK_FILE, take_lock};
use flowcontrol_base::{Failure, Result};
use flowcontrol_files::{AtPath as _, Lock};
use std::path::Path;
use tempfile::TempDir;

/// Attempts. A concurrent sweep may remove a new folder before its lock is taken.
const ATTEMPTS: usize = 8;

/// The folder; removed when this is dropped.
#[derive(Debug)]
pub struct Scratch {
    folder: TempDir,
    _lock: Lock,
}

impl Scratch {
    /// Creates one in `parent`, named `prefix` and a random suffix. Folders with that prefix
    /// that are not locked any more are removed.
    ///
    /// # Errors
    /// An environment failure when it cannot be created, or an old one cannot be removed.
    pub fn new(parent: &Path, prefix: &str) -> Result<Self> {
        sweep(parent, prefix)?;
        for _ in 0..ATTEMPTS {
            let folder = tempfile::Builder::new()
                .prefix(prefix)
                .tempdir_in(parent)
                .at_path("create a folder in", parent)?;
            // Somebody who sweeps just then may take it for one that was left.
            if let Ok(lock) = take_lock(folder.path())?
                && folder.path().join(LOCK_FILE).is_file()
            {
                return Ok(Self { folder, _lock: lock });
            }
        }
        Err(Failure::environment(format!(
            "every new folder in {} was removed by another process",
            parent.display()
        )))
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

fn sweep(parent: &Path, prefix: &str) -> Result<()> {
    // A parent that cannot be listed is reported when the folder is created.
    let Ok(entries) = std::fs::read_dir(parent) else { return Ok(()) };
    for path in entries.flatten().map(|entry| entry.path()) {
        let named = path.file_name().is_some_and(|n| n.to_string_lossy().starts_with(prefix));
        // Without a lock file it is being created, or empty.
        if !named || !path.join(LOCK_FILE).is_file() {
            continue;
        }
        if let Ok(_alone) = take_lock(&path)? {
            std::fs::remove_dir_all(&path).at_path("remove", &path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{LOCK_FILE, Scratch};

    #[test]
    fn what_a_kill_left_is_removed_and_what_is_in_use_stays() {
        let parent = tempfile::tempdir().unwrap();
        let left = parent.path().join("drill-killed");
        std::fs::create_dir(&left).unwrap();
        std::fs::write(left.join(LOCK_FILE), "1").unwrap();
        std::fs::write(left.join("before.jsonl"), "rows").unwrap();
        let other = parent.path().join("drilling");
        std::fs::create_dir(&other).unwrap();
        let first = Scratch::new(parent.path(), "drill-").unwrap();
        let second = Scratch::new(parent.path(), "drill-").unwrap();
        assert!(!left.exists());
        assert!(first.path().is_dir() && second.path().is_dir() && other.is_dir());
        let path = first.path().to_owned();
        drop(first);
        assert!(!path.exists());
    }
}
