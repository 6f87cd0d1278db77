//! Converts file errors into errors with the path and a hint.

use flowcontrol_contract::{Error, ErrorKind};
use flowcontrol_files::FileError;
use std::io;
use std::path::Path;

/// The error of a file of the store; the hint names the setting to change.
pub(crate) fn from_file_error(error: FileError) -> Error {
    let hint = match error.kind() {
        io::ErrorKind::ReadOnlyFilesystem => {
            "mount it writable, or set `dir` of the file-local store to a writable folder"
        }
        io::ErrorKind::PermissionDenied => {
            "give this user access to that path, or set `dir` of the file-local store to another folder"
        }
        io::ErrorKind::NotFound => "check that path and its file system",
        _ => error.hint(),
    };
    Error::from(error).hint(hint)
}

/// The error of `doing` something to `path`, for example `doing` = "write".
pub(crate) fn io_error(doing: &str, path: &Path, source: io::Error) -> Error {
    from_file_error(FileError::new(doing, path, source))
}

/// `path` does not contain what was written to it.
pub(crate) fn corrupt(path: &Path, what: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Corrupt, format!("{} is damaged: {what}", path.display()))
        .hint("restore the file from a backup, or import the last good snapshot into a new folder")
}

/// Adds the path to an `io::Result`.
pub(crate) trait AtPath<T> {
    /// Adds what was being done, and to which path.
    fn at_path(self, doing: &str, path: &Path) -> flowcontrol_contract::Result<T>;
}

impl<T> AtPath<T> for io::Result<T> {
    fn at_path(self, doing: &str, path: &Path) -> flowcontrol_contract::Result<T> {
        self.map_err(|e| io_error(doing, path, e))
    }
}
