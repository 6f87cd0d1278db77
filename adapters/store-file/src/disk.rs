//! The store's files: private to this user, durable, and with errors that say what to do about the
//! store.

use crate::failure::of_file;
use flowcontrol_contract::{Error, Result};
use flowcontrol_files::{self as files, Access};
use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;

/// Creates a private folder and its parents; durable on return.
pub(crate) fn create_dir(path: &Path) -> Result<()> {
    files::create_folder(path, Access::Owner).map_err(of_file)
}

/// Makes a new or renamed entry of a folder durable.
pub(crate) fn sync_parent(path: &Path) -> Result<()> {
    files::sync_parent(path).map_err(of_file)
}

/// Options that make new files private to this user.
pub(crate) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, Access::Owner.file_mode());
    options
}

/// Replaces a file as a whole: readers see the old content or the new, also after a power cut.
pub(crate) fn replace(path: &Path, content: &[u8]) -> Result<()> {
    files::replace(path, content, Access::Owner).map_err(of_file)
}

/// Removes what a failed write left; the write's own error matters more than this one's.
pub(crate) fn discard(temporary: &Path, error: Error) -> Error {
    if let Err(e) = fs::remove_file(temporary)
        && e.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(path = %temporary.display(), error = %e, "a temporary file stays behind");
    }
    error
}

/// The content of a file, `None` when there is no such file.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    files::read(path).map_err(of_file)
}

/// `None` for a file that is not there.
pub(crate) fn absent<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}
