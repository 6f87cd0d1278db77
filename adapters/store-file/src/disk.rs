//! File operations of the store: private to this user, durable, with hints that name the store's
//! configuration.

use crate::failure::from_file_error;
use flowcontrol_contract::{Error, Result};
use flowcontrol_files::{self as files, Access};
use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;

/// Creates a private folder and its parents; durable on return.
pub(crate) fn create_dir(path: &Path) -> Result<()> {
    files::create_folder(path, Access::Owner).map_err(from_file_error)
}

/// Makes a new or renamed entry of a folder durable.
pub(crate) fn sync_parent(path: &Path) -> Result<()> {
    files::sync_parent(path).map_err(from_file_error)
}

/// Options that make new files private to this user.
pub(crate) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, Access::Owner.file_mode());
    options
}

/// Replaces a file as a whole: readers see the old content or the new one, also after a power
/// failure.
pub(crate) fn replace(path: &Path, content: &[u8]) -> Result<()> {
    files::replace(path, content, Access::Owner).map_err(from_file_error)
}

/// Removes the temporary file of a failed write; the write's own error is returned.
pub(crate) fn discard(temporary: &Path, error: Error) -> Error {
    if let Err(e) = fs::remove_file(temporary)
        && e.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(path = %temporary.display(), error = %e, "a temporary file could not be removed");
    }
    error
}

/// The content of a file; `None` when it does not exist.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    files::read(path).map_err(from_file_error)
}

/// `None` for a file that does not exist.
pub(crate) fn if_exists<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}
