//! From failures of the file system to errors that name the path and a hint.

use flowcontrol_contract::{Error, ErrorKind};
use flowcontrol_files::FileError;
use std::io;
use std::path::Path;

/// A failure of a file of the store; the hint names the setting that moves it elsewhere.
pub(crate) fn of_file(error: FileError) -> Error {
    let hint = match error.kind() {
        io::ErrorKind::ReadOnlyFilesystem => {
            "mount it writable, or set `dir` of the file-local store to a writable folder"
        }
        io::ErrorKind::PermissionDenied => {
            "give this user the right to that path, or set `dir` of the file-local store elsewhere"
        }
        io::ErrorKind::NotFound => "check that path and its file system",
        _ => error.hint(),
    };
    Error::from(error).hint(hint)
}

/// What `doing` to `path` failed with, for example `doing` = "write".
pub(crate) fn io_error(doing: &str, path: &Path, source: io::Error) -> Error {
    of_file(FileError::new(doing, path, source))
}

/// What stands in `path` is not what was written there.
pub(crate) fn corrupt(path: &Path, what: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Corrupt, format!("{} is damaged: {what}", path.display()))
        .hint("restore the file from a backup, or import the last good snapshot into a new folder")
}

/// Puts the path into an `io::Result`.
pub(crate) trait AtPath<T> {
    /// Names what was being done to which path.
    fn at_path(self, doing: &str, path: &Path) -> flowcontrol_contract::Result<T>;
}

impl<T> AtPath<T> for io::Result<T> {
    fn at_path(self, doing: &str, path: &Path) -> flowcontrol_contract::Result<T> {
        self.map_err(|e| io_error(doing, path, e))
    }
}
