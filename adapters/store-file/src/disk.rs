//! Creating folders and files so that they survive a power cut and stay private.

use crate::failure::AtPath as _;
use flowcontrol_contract::{Error, Result};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

/// Creates a private folder and its parents; durable on return.
pub(crate) fn create_dir(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        create_dir(parent)?;
    }
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Ok(()) => sync_parent(path),
        // Another process was first.
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(e) => Err(e).at_path("create the folder", path),
    }
}

/// Makes a new or renamed entry of a folder durable.
pub(crate) fn sync_parent(path: &Path) -> Result<()> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    // Windows cannot open a folder as a file, and makes its entries durable by itself.
    if cfg!(unix) {
        File::open(parent).and_then(|dir| dir.sync_all()).at_path("sync the folder", parent)?;
    }
    Ok(())
}

/// Options that make new files private to this user.
pub(crate) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Replaces a file as a whole: readers see the old content or the new, also after a power cut.
pub(crate) fn replace(path: &Path, content: &[u8]) -> Result<()> {
    let temporary = path.with_extension("new");
    let written = private()
        .write(true)
        .create(true)
        .truncate(true)
        .open(&temporary)
        .and_then(|mut file| file.write_all(content).and_then(|()| file.sync_all()))
        .at_path("write", &temporary)
        .and_then(|()| fs::rename(&temporary, path).at_path("replace", path));
    if let Err(error) = written {
        return Err(discard(&temporary, error));
    }
    sync_parent(path)
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
    absent(fs::read(path)).at_path("read", path)
}

/// `None` for a file that is not there.
pub(crate) fn absent<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}
