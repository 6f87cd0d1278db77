//! The lock that shows whether a run's process is alive. The operating system releases it when the
//! process ends, for any reason.

use flowcontrol_base::{Failure, Result};
use std::fmt;
use std::fs::{File, TryLockError};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;

/// The lock file's name in the run's folder.
pub const FILE: &str = "running.lock";

/// A run's lock, held until the last copy is dropped.
#[derive(Clone, Debug)]
pub struct Lock {
    _file: Arc<File>,
}

/// The holder of a lock, displayed as ` (process 4711)`, or as nothing if it is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder(Option<u32>);

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |pid| write!(f, " (process {pid})"))
    }
}

impl Lock {
    /// Takes the lock of a run's folder, or returns its holder.
    ///
    /// # Errors
    /// An environment failure when the lock file cannot be created or locked.
    pub fn take(folder: &Path) -> Result<Result<Self, Holder>> {
        let path = folder.join(FILE);
        let failed = |verb: &str, e: &io::Error| {
            Failure::environment(format!("cannot {verb} {}: {e}", path.display()))
                .hint("check the state folder's permissions and free space")
        };
        let file = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = file.map_err(|e| failed("open", &e))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                // The process id is information for people only; the lock itself decides.
                let note = std::fs::read_to_string(&path).unwrap_or_default();
                return Ok(Err(Holder(note.trim().parse().ok())));
            }
            Err(TryLockError::Error(e)) => return Err(failed("lock", &e)),
        }
        file.set_len(0)
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(|e| failed("write", &e))?;
        Ok(Ok(Self { _file: Arc::new(file) }))
    }
}

/// Removes the lock file of a run that has ended.
///
/// # Errors
/// An environment failure when it cannot be removed.
pub fn remove(folder: &Path) -> Result<()> {
    let path = folder.join(FILE);
    match std::fs::remove_file(&path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => {
            Err(Failure::environment(format!("cannot remove {}: {e}", path.display())))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holder_at_a_time_and_it_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let held = Lock::take(folder.path()).unwrap().unwrap();
        let copy = held.clone();
        drop(held);
        let holder = Lock::take(folder.path()).unwrap().unwrap_err();
        assert_eq!(holder.to_string(), format!(" (process {})", std::process::id()));
        drop(copy);
        assert!(Lock::take(folder.path()).unwrap().is_ok());
        remove(folder.path()).unwrap();
        remove(folder.path()).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
