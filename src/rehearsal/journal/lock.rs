//! The lock that says whether a run's process lives.

use flowcontrol_base::Result;
use flowcontrol_files::{self as files, Holder, Lock};
use std::path::Path;

/// The lock file's name in the run's folder.
pub const FILE: &str = "running.lock";

/// Takes the lock of a run's folder, or says who holds it.
///
/// # Errors
/// An environment failure when the lock file cannot be made or locked.
pub fn take(folder: &Path) -> Result<Result<Lock, Holder>> {
    Ok(Lock::try_take(&folder.join(FILE))?)
}

/// Removes the lock file of a run that has ended.
///
/// # Errors
/// An environment failure when it cannot be removed.
pub fn remove(folder: &Path) -> Result<()> {
    files::remove(&folder.join(FILE))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holder_at_a_time_and_it_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let held = take(folder.path()).unwrap().unwrap();
        let copy = held.clone();
        drop(held);
        let holder = take(folder.path()).unwrap().unwrap_err();
        assert_eq!(holder.to_string(), format!(" (process {})", std::process::id()));
        drop(copy);
        assert!(take(folder.path()).unwrap().is_ok());
        remove(folder.path()).unwrap();
        remove(folder.path()).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
