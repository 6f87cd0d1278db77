//! Folders and the names in them.

use crate::access::Access;
use crate::error::{AtPath as _, FileError, Result};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::Path;

/// The folder that `path` is in; the current one for a bare name.
pub fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Creates a folder and its missing parents, each durable on return. One that exists is left as it
/// is, permissions included.
///
/// # Errors
/// That it cannot be created, or that a file is in its place. Where a parent is at fault, both are
/// named.
pub fn create_folder(path: &Path, access: Access) -> Result<()> {
    create_with_parents(path, access).map_err(|e| match e.path() == path {
        true => e,
        false => FileError::new("create the folder", path, std::io::Error::new(e.kind(), e)),
    })
}

fn create_with_parents(path: &Path, access: Access) -> Result<()> {
    if path.is_dir() || path.as_os_str().is_empty() {
        return Ok(());
    }
    create_with_parents(parent(path), access)?;
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, access.folder_mode());
    match builder.create(path) {
        Ok(()) => sync_parent(path),
        // Another process was first.
        Err(e) if e.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => {
            let in_the_way =
                std::io::Error::new(ErrorKind::NotADirectory, "a file is in its place");
            Err(in_the_way).at_path("create the folder", path)
        }
        Err(e) => Err(e).at_path("create the folder", path),
    }
}

/// Makes new, renamed and removed names in a folder durable.
///
/// # Errors
/// That it cannot be opened or synced.
pub fn sync_folder(folder: &Path) -> Result<()> {
    // Windows cannot open a folder as a file, and makes its names durable by itself.
    if cfg!(unix) {
        File::open(folder).and_then(|dir| dir.sync_all()).at_path("sync the folder", folder)?;
    }
    Ok(())
}

/// Makes the name `path` durable in the folder that it is in.
///
/// # Errors
/// As [`sync_folder`].
pub fn sync_parent(path: &Path) -> Result<()> {
    sync_folder(parent(path))
}

/// Renames a file or a folder, over an earlier file of that name; durable on return.
///
/// # Errors
/// That it cannot be moved, or the new name not be synced.
pub fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).at_path("move into place", to)?;
    sync_parent(to)?;
    if parent(from) == parent(to) { Ok(()) } else { sync_parent(from) }
}

/// Removes a file, durably; whether there was one.
///
/// # Errors
/// That it stays, or that its absence cannot be synced.
pub fn remove(path: &Path) -> Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => sync_parent(path).map(|()| true),
        // Whoever removed it may not have come to the sync.
        Err(e) if e.kind() == ErrorKind::NotFound && parent(path).is_dir() => {
            sync_parent(path).map(|()| false)
        }
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e).at_path("remove", path),
    }
}

/// The content of a file; `None` when there is no such file.
///
/// # Errors
/// That it cannot be read.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e).at_path("read", path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_created_with_their_parents_and_a_file_in_the_way_is_named() {
        let root = tempfile::tempdir().unwrap();
        let deep = root.path().join("a/b/c");
        create_folder(&deep, Access::Owner).unwrap();
        create_folder(&deep, Access::Shared).unwrap();
        create_folder(Path::new(""), Access::Owner).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            for folder in [&deep, &root.path().join("a")] {
                assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o777, 0o700);
            }
        }
        let file = root.path().join("file");
        fs::write(&file, "x").unwrap();
        let error = create_folder(&file, Access::Owner).unwrap_err().to_string();
        assert!(error.starts_with("cannot create the folder"), "{error}");
        assert!(error.ends_with("file: a file is in its place"), "{error}");
        let below = create_folder(&file.join("b/c"), Access::Owner).unwrap_err().to_string();
        assert!(below.contains("file/b/c: cannot create the folder"), "{below}");
        assert!(below.ends_with("file: a file is in its place"), "{below}");
    }

    #[test]
    fn files_move_and_go() {
        let root = tempfile::tempdir().unwrap();
        let (a, b) = (root.path().join("a"), root.path().join("b"));
        fs::write(&a, "x").unwrap();
        rename(&a, &b).unwrap();
        assert_eq!((read(&a).unwrap(), read(&b).unwrap().as_deref()), (None, Some(&b"x"[..])));
        assert_eq!((remove(&b).unwrap(), remove(&b).unwrap()), (true, false));
        assert!(!remove(&root.path().join("none/b")).unwrap());
        assert!(rename(&a, &b).unwrap_err().to_string().contains("no such file"));
        assert_eq!(parent(Path::new("name")), Path::new("."));
    }
}
