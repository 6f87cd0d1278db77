//! From failures of the file system to errors that name the path and the way out.

use flowcontrol_contract::{Error, ErrorKind};
use std::io;
use std::path::Path;

/// What `doing` to `path` failed with, for example `doing` = "write".
pub(crate) fn io_error(doing: &str, path: &Path, source: io::Error) -> Error {
    use io::ErrorKind as Io;
    let shown = path.display();
    let (kind, message, hint) = match source.kind() {
        Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => (
            ErrorKind::Exhausted,
            format!("cannot {doing} {shown}: the disk or quota is full"),
            "free space on that file system, then repeat the command; nothing was half-written",
        ),
        Io::ReadOnlyFilesystem => (
            ErrorKind::Unavailable,
            format!("cannot {doing} {shown}: the file system is read-only"),
            "mount it writable, or set `dir` of the file-local store to a writable folder",
        ),
        Io::PermissionDenied => (
            ErrorKind::Unavailable,
            format!("cannot {doing} {shown}: permission denied"),
            "give this user the right to that path, or set `dir` of the file-local store elsewhere",
        ),
        _ => (
            ErrorKind::Unavailable,
            format!("cannot {doing} {shown}"),
            "check that path and its file system",
        ),
    };
    Error::new(kind, message).hint(hint).source(source)
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
