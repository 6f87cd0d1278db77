//! Files that appear whole.

use crate::access::Access;
use crate::error::{AtPath as _, Result};
use crate::folder;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Replaces a file as a whole; durable on return.
///
/// # Errors
/// That it cannot be written; the earlier content is untouched then.
pub fn replace(path: &Path, content: &[u8], access: Access) -> Result<()> {
    Staged::with_content(path, content, access)?.replace()
}

/// Creates a file as a whole and never over another; durable on return.
///
/// # Errors
/// That it cannot be written; `AlreadyExists` when something of that name is there.
pub fn create(path: &Path, content: &[u8], access: Access) -> Result<()> {
    Staged::with_content(path, content, access)?.create()
}

/// Replaces a file as a whole without waiting for the disk: for what can be derived again after a
/// power cut, which may leave the old content, the new, or an empty file.
///
/// # Errors
/// That it cannot be written.
pub fn replace_unsynced(path: &Path, content: &[u8], access: Access) -> Result<()> {
    let staged = Staged::with_content(path, content, access)?;
    staged.file.persist(path).map(drop).map_err(|e| e.error).at_path("write", path)
}

/// Creates a file and syncs its content, but writes it under its own name and leaves its folder
/// unsynced: a crash may leave a part of it, or nothing. For a folder that is filled first, and then
/// synced and renamed as a whole.
///
/// # Errors
/// That it cannot be written; `AlreadyExists` when something of that name is there.
pub fn write_new(path: &Path, content: &[u8], access: Access) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, access.file_mode());
    options
        .open(path)
        .and_then(|mut file| file.write_all(content).and_then(|()| file.sync_all()))
        .at_path("write", path)
}

/// A file that is being written under another name in the folder of its own. Dropped before it is
/// put in place, it goes.
#[derive(Debug)]
pub struct Staged {
    file: NamedTempFile,
    path: PathBuf,
}

impl Staged {
    /// Begins a file that shall stand at `path`. Until then it is called `.NAME-` and six random
    /// characters; a killed process leaves it behind.
    ///
    /// # Errors
    /// That it cannot be created.
    pub fn new(path: &Path, access: Access) -> Result<Self> {
        let mut prefix = OsString::from(".");
        prefix.push(path.file_name().unwrap_or_default());
        prefix.push("-");
        Self::prefixed(path, prefix, access)
    }

    /// The same with another beginning of the temporary name, for folders that list what a crash
    /// left.
    ///
    /// # Errors
    /// As [`Staged::new`].
    pub fn prefixed(path: &Path, prefix: impl Into<OsString>, access: Access) -> Result<Self> {
        let prefix = prefix.into();
        let mut builder = tempfile::Builder::new();
        builder.prefix(&prefix);
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(access.file_mode()));
        let file = builder.tempfile_in(folder::parent(path)).at_path("write", path)?;
        Ok(Self { file, path: path.to_owned() })
    }

    fn with_content(path: &Path, content: &[u8], access: Access) -> Result<Self> {
        let mut staged = Self::new(path, access)?;
        staged.write_all(content).at_path("write", path)?;
        Ok(staged)
    }

    /// Where it shall stand.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The open file, for writers that need more than [`Write`].
    pub fn file(&self) -> &File {
        self.file.as_file()
    }

    /// Makes the content durable under the temporary name. The calls below do it too; several files
    /// that belong together are synced first and put in place then.
    ///
    /// # Errors
    /// That the disk does not take it.
    pub fn sync(&self) -> Result<()> {
        self.file.as_file().sync_all().at_path("write", &self.path)
    }

    /// Puts it in place of whatever file is there; durable on return.
    ///
    /// # Errors
    /// That it cannot be synced or renamed.
    pub fn replace(self) -> Result<()> {
        self.sync()?;
        self.file.persist(&self.path).map_err(|e| e.error).at_path("write", &self.path)?;
        folder::sync_parent(&self.path)
    }

    /// Puts it in place where nothing is; durable on return.
    ///
    /// # Errors
    /// As [`Staged::replace`]; `AlreadyExists` when something of that name is there.
    pub fn create(self) -> Result<()> {
        self.sync()?;
        self.file
            .persist_noclobber(&self.path)
            .map_err(|e| e.error)
            .at_path("write", &self.path)?;
        folder::sync_parent(&self.path)
    }
}

impl Write for Staged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_as_a_whole_and_nothing_is_left_beside_it() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("journal.json");
        for content in ["one", "another", ""] {
            replace(&path, content.as_bytes(), Access::Owner).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
        }
        replace_unsynced(&path, b"last", Access::Owner).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"last");
        assert_eq!(names(root.path()), ["journal.json"]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_folder_is_synced_after_the_name_is_there() {
        use flowcontrol_testkit::folder_watch::FolderWatch;
        let root = tempfile::tempdir().unwrap();
        let (path, watch) = (root.path().join("a"), FolderWatch::new(root.path()));
        for _ in 0..2 {
            replace(&path, b"x", Access::Owner).unwrap();
            assert!(watch.synced_after("a"));
        }
        create(&root.path().join("b"), b"x", Access::Owner).unwrap();
        assert!(watch.synced_after("b"));
        folder::rename(&path, &root.path().join("c")).unwrap();
        assert!(watch.synced_after("c"));
        assert!(folder::remove(&root.path().join("c")).unwrap());
        assert!(watch.synced_after("c"));
        folder::create_folder(&root.path().join("d/e"), Access::Owner).unwrap();
        assert!(watch.synced_after("d"));
        // The watch sees the difference.
        replace_unsynced(&path, b"x", Access::Owner).unwrap();
        assert!(!watch.synced_after("a"));
    }

    #[cfg(unix)]
    #[test]
    fn access_is_what_was_asked_for() {
        use std::os::unix::fs::PermissionsExt as _;
        let root = tempfile::tempdir().unwrap();
        for (access, mode) in
            [(Access::Owner, 0o600), (Access::Shared, 0o644), (Access::ReadOnly, 0o444)]
        {
            let path = root.path().join(format!("{mode:o}"));
            create(&path, b"x", access).unwrap();
            // The umask may take more away.
            let found = path.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(found & !mode, 0, "{found:o}");
            assert_eq!(found & 0o600, mode & 0o600, "{found:o}");
            let other = root.path().join(format!("{mode:o}-new"));
            write_new(&other, b"x", access).unwrap();
            assert_eq!(other.metadata().unwrap().permissions().mode() & 0o777, found);
        }
    }

    #[test]
    fn a_file_that_is_there_is_never_overwritten_by_create() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("key.pem");
        create(&path, b"first", Access::Owner).unwrap();
        let error = create(&path, b"second", Access::Owner).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"first");
        let error = write_new(&path, b"third", Access::Owner).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"first");
        assert_eq!(names(root.path()), ["key.pem"]);
    }

    #[test]
    fn what_is_given_up_leaves_nothing_and_a_missing_folder_is_named() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("report.html");
        let mut staged = Staged::prefixed(&path, ".report-", Access::Shared).unwrap();
        staged.write_all(b"half").unwrap();
        assert!(names(root.path())[0].starts_with(".report-"));
        drop(staged);
        assert!(names(root.path()).is_empty());
        let error = replace(&root.path().join("none/x"), b"", Access::Owner).unwrap_err();
        assert!(error.to_string().ends_with("none/x: no such file or folder"), "{error}");
    }
}
