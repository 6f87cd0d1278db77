//! Exclusive locks between processes. The operating system lets go of one with its process, however
//! that ends.

use crate::access::Access;
use crate::error::{AtPath as _, FileError, Result};
use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How long [`Lock::wait`] pauses between two attempts.
const PAUSE: Duration = Duration::from_millis(5);

/// A lock that is held until the last clone is dropped.
#[derive(Clone, Debug)]
pub struct Lock {
    _file: Arc<File>,
}

/// Who holds a lock, as its file says. It is a help for people; the lock itself is what counts.
/// `Display` is ` (process 4711)`, or nothing where the note cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder(Option<u32>);

impl Holder {
    /// Its process id.
    pub fn process(self) -> Option<u32> {
        self.0
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |pid| write!(f, " (process {pid})"))
    }
}

impl Lock {
    /// Takes the lock of the file `path`, which is created where it is absent, and writes this
    /// process's id into it; or says who holds it.
    ///
    /// # Errors
    /// That the file cannot be created, locked or written.
    pub fn try_take(path: &Path) -> Result<Result<Self, Holder>> {
        let Some(mut file) = try_lock(path, Access::Owner)? else {
            let note = std::fs::read_to_string(path).unwrap_or_default();
            return Ok(Err(Holder(note.trim().parse().ok())));
        };
        file.set_len(0)
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .at_path("write", path)?;
        Ok(Ok(Self { _file: Arc::new(file) }))
    }

    /// The same, and where another process holds the lock waits for it, at most `patience`. It
    /// blocks its thread; asynchronous callers repeat [`Lock::try_take`] by their own clock.
    ///
    /// # Errors
    /// As [`Lock::try_take`].
    pub fn wait(path: &Path, patience: Duration) -> Result<Result<Self, Holder>> {
        let mut holder = Holder(None);
        let taken = wait_for(patience, || match Self::try_take(path)? {
            Ok(lock) => Ok(Some(lock)),
            Err(other) => {
                holder = other;
                Ok(None)
            }
        })?;
        Ok(taken.ok_or(holder))
    }
}

/// Repeats `attempt` every five milliseconds until it gives something, at most for `patience`; it is
/// made once at least. It blocks its thread.
///
/// # Errors
/// The first failure of an attempt.
pub fn wait_for<T>(
    patience: Duration,
    mut attempt: impl FnMut() -> Result<Option<T>>,
) -> Result<Option<T>> {
    let mut waited = Duration::ZERO;
    loop {
        let taken = attempt()?;
        if taken.is_some() || waited >= patience {
            return Ok(taken);
        }
        std::thread::sleep(PAUSE);
        waited += PAUSE;
    }
}

/// Opens `path` for reading and writing, creates it with `access` where it is absent, and locks it
/// without changing its content; `None` when another process holds it. The lock lives as long as the
/// file. For lock files with a note of their own or with readers; others take [`Lock`].
///
/// # Errors
/// That it cannot be opened or locked.
pub fn try_lock(path: &Path, access: Access) -> Result<Option<File>> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, access.file_mode());
    let file = options.open(path).at_path("open the lock file", path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(e)) => Err(FileError::new("lock", path, e)),
    }
}

/// Locks the open lock file `path` together with others that only read; `false` while a process holds it alone. The lock lives as long as the file.
///
/// # Errors
/// That it cannot be locked.
pub fn try_lock_shared(file: &File, path: &Path) -> Result<bool> {
    match file.try_lock_shared() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(e)) => Err(FileError::new("lock", path, e)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holder_at_a_time_and_it_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("running.lock");
        let held = Lock::try_take(&path).unwrap().unwrap();
        let copy = held.clone();
        drop(held);
        let holder = Lock::wait(&path, PAUSE).unwrap().unwrap_err();
        assert_eq!(holder.to_string(), format!(" (process {})", std::process::id()));
        assert!(try_lock(&path, Access::Owner).unwrap().is_none());
        drop(copy);
        assert!(Lock::try_take(&path).unwrap().is_ok());
    }

    #[test]
    fn a_lock_file_with_a_note_of_its_own_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("write.lock");
        std::fs::write(&path, "clean 7").unwrap();
        let held = try_lock(&path, Access::Owner).unwrap().unwrap();
        assert_eq!(Lock::try_take(&path).unwrap().unwrap_err().process(), None);
        drop(held);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "clean 7");
    }

    #[test]
    fn readers_share_a_lock_and_a_writer_has_it_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".lock");
        let writer = try_lock(&path, Access::Shared).unwrap().unwrap();
        let (one, other) = (File::open(&path).unwrap(), File::open(&path).unwrap());
        assert!(!try_lock_shared(&one, &path).unwrap());
        drop(writer);
        assert!(try_lock_shared(&one, &path).unwrap() && try_lock_shared(&other, &path).unwrap());
        assert!(try_lock(&path, Access::Shared).unwrap().is_none());
    }

    #[test]
    fn waiting_ends_with_the_first_success_or_with_the_patience() {
        let mut attempts = 0;
        let third = wait_for(PAUSE * 100, || {
            attempts += 1;
            Ok((attempts == 3).then_some(attempts))
        });
        assert_eq!(third.unwrap(), Some(3));
        assert_eq!(wait_for(PAUSE, || Ok(None::<()>)).unwrap(), None);
    }
}
