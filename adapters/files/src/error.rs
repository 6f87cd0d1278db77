//! Failures of the file system that name the path, the reason and what to do.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// What the functions of this crate return.
pub type Result<T, E = FileError> = std::result::Result<T, E>;

/// Something could not be done to a path. `Display` is one sentence without the hint:
/// `cannot write /state/journal.json: the disk is full`.
#[derive(Debug)]
pub struct FileError {
    doing: String,
    path: PathBuf,
    source: io::Error,
}

impl FileError {
    /// `doing` completes "cannot ..." before the path: `write`, `open the lock file`.
    pub fn new(doing: impl Into<String>, path: &Path, source: io::Error) -> Self {
        Self { doing: doing.into(), path: path.to_owned(), source }
    }

    /// Which path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The kind of the underlying failure.
    pub fn kind(&self) -> ErrorKind {
        self.source.kind()
    }

    /// Whether space or quota ran out.
    pub fn is_full(&self) -> bool {
        use ErrorKind as Io;
        matches!(self.kind(), Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge)
    }

    /// What the user can do next.
    pub fn hint(&self) -> &'static str {
        match self.kind() {
            _ if self.is_full() => {
                "free space on that file system, then repeat the command; nothing was half-written"
            }
            ErrorKind::ReadOnlyFilesystem => "mount it writable, or choose another folder",
            ErrorKind::PermissionDenied => {
                "give this user the right to that path, or choose another folder"
            }
            ErrorKind::NotFound => "check that the folder exists",
            ErrorKind::AlreadyExists => "choose another name; nothing was overwritten",
            ErrorKind::IsADirectory => "name a file",
            _ => "check that path and its file system",
        }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} {}: ", self.doing, self.path.display())?;
        match self.kind() {
            ErrorKind::StorageFull => f.write_str("the disk is full"),
            ErrorKind::QuotaExceeded => f.write_str("this user's disk quota is used up"),
            ErrorKind::FileTooLarge => f.write_str("the file is larger than it may be there"),
            ErrorKind::IsADirectory => f.write_str("it is a folder, not a file"),
            ErrorKind::ReadOnlyFilesystem => f.write_str("the file system is read-only"),
            ErrorKind::PermissionDenied => f.write_str("permission denied"),
            ErrorKind::NotFound => f.write_str("no such file or folder"),
            ErrorKind::AlreadyExists => f.write_str("it exists already"),
            _ => write!(f, "{}", self.source),
        }
    }
}

impl std::error::Error for FileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// `Exhausted` where space ran out, `Conflict` where something is there already, else `Unavailable`;
/// with the sentence, the hint and the source.
#[cfg(feature = "contract")]
impl From<FileError> for flowcontrol_contract::Error {
    fn from(error: FileError) -> Self {
        use flowcontrol_contract::{Error, ErrorKind as Kind};
        let kind = match error.kind() {
            _ if error.is_full() => Kind::Exhausted,
            ErrorKind::AlreadyExists => Kind::Conflict,
            _ => Kind::Unavailable,
        };
        Error::new(kind, error.to_string()).hint(error.hint()).source(error.source)
    }
}

/// Puts the action and the path into an `io::Result`.
pub trait AtPath<T> {
    /// Names what was being done to which path.
    ///
    /// # Errors
    /// The same failure as a [`FileError`].
    fn at_path(self, doing: &str, path: &Path) -> Result<T>;
}

impl<T> AtPath<T> for io::Result<T> {
    fn at_path(self, doing: &str, path: &Path) -> Result<T> {
        self.map_err(|e| FileError::new(doing, path, e))
    }
}

#[cfg(test)]
mod tests {
    use super::FileError;
    use std::error::Error as _;
    use std::io::{Error, ErrorKind};
    use std::path::Path;

    #[test]
    fn a_failure_is_a_sentence_and_a_hint() {
        for (kind, sentence, hint) in [
            (ErrorKind::StorageFull, "the disk is full", "free space"),
            (ErrorKind::QuotaExceeded, "this user's disk quota is used up", "free space"),
            (ErrorKind::FileTooLarge, "the file is larger than it may be there", "free space"),
            (ErrorKind::IsADirectory, "it is a folder, not a file", "name a file"),
            (ErrorKind::PermissionDenied, "permission denied", "give this user"),
            (ErrorKind::ReadOnlyFilesystem, "the file system is read-only", "mount it writable"),
            (ErrorKind::NotFound, "no such file or folder", "check that the folder exists"),
            (ErrorKind::Other, "surprise", "check that path"),
        ] {
            let error = FileError::new("write", Path::new("/a/b"), Error::new(kind, "surprise"));
            assert_eq!(error.to_string(), format!("cannot write /a/b: {sentence}"));
            assert!(error.hint().starts_with(hint), "{}", error.hint());
            assert_eq!(error.source().unwrap().to_string(), "surprise");
        }
    }
}
