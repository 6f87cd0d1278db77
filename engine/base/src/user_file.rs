//! Files under names that the user chose: what is read, and new ones, of which none overwrites
//! another (an export, a key, an invoice).

use crate::{Failure, Result};
use flowcontrol_files::{self as files, Access, FileError};
use std::io::ErrorKind;
use std::path::Path;

/// Refuses a name that is taken, before the work whose result shall have it. `hint` says what to do
/// instead: `name another file; an export never overwrites`.
///
/// # Errors
/// A usage failure.
pub fn check_free(path: &Path, hint: &str) -> Result<()> {
    if path.symlink_metadata().is_ok() { Err(taken(path, hint)) } else { Ok(()) }
}

/// Creates the file as a whole; durable on return.
///
/// # Errors
/// A usage failure when the name is taken or its folder does not exist, an environment failure when
/// the file cannot be written. Nothing of ours stands under the name then.
pub fn create(path: &Path, content: &[u8], access: Access, hint: &str) -> Result<()> {
    files::create(path, content, access).map_err(|e| match e.kind() {
        ErrorKind::AlreadyExists => taken(path, hint),
        _ => cannot_write(e),
    })
}

/// Why a file that the user named cannot be read: wrong usage where it does not exist or is a folder,
/// else the environment.
pub fn cannot_read(error: FileError) -> Failure {
    let name = error.path().display();
    match error.kind() {
        ErrorKind::NotFound => {
            Failure::usage(format!("there is no file {name}")).hint("check the path")
        }
        ErrorKind::IsADirectory => {
            Failure::usage(format!("{name} is a folder, not a file")).hint("name a file")
        }
        _ => error.into(),
    }
}

/// Why a file that the user named cannot be written: wrong usage where its folder does not exist, else
/// the environment.
pub fn cannot_write(error: FileError) -> Failure {
    let name = error.path().display();
    match error.kind() {
        ErrorKind::NotFound => {
            Failure::usage(format!("cannot write {name}: its folder does not exist"))
                .hint("create the folder first, or name another one")
        }
        ErrorKind::IsADirectory => Failure::usage(error.to_string()).hint(error.hint()),
        _ => error.into(),
    }
}

fn taken(path: &Path, hint: &str) -> Failure {
    Failure::usage(format!("{} already exists", path.display())).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::{Access, cannot_read, check_free, create};
    use crate::Exit;
    use flowcontrol_files::AtPath as _;

    #[test]
    fn a_name_that_is_taken_or_has_no_folder_is_wrong_usage() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("key.pem");
        check_free(&path, "name another").unwrap();
        create(&path, b"first", Access::Owner, "name another").unwrap();
        for refused in [
            check_free(&path, "name another").unwrap_err(),
            create(&path, b"second", Access::Owner, "name another").unwrap_err(),
        ] {
            assert_eq!(refused.exit, Exit::Usage);
            assert!(refused.message.ends_with("key.pem already exists"), "{refused}");
            assert_eq!(refused.hint.as_deref(), Some("name another"));
        }
        assert_eq!(std::fs::read(&path).unwrap(), b"first");
        let nowhere = create(&root.path().join("none/key"), b"", Access::Owner, "").unwrap_err();
        assert_eq!(nowhere.exit, Exit::Usage);
        assert!(nowhere.message.contains("its folder does not exist"), "{nowhere}");
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let root = tempfile::tempdir().unwrap();
        let read = |path: &std::path::Path| {
            cannot_read(std::fs::read(path).at_path("read", path).unwrap_err())
        };
        let absent = read(&root.path().join("a.json"));
        assert!(absent.message.starts_with("there is no file "), "{absent}");
        let folder = read(root.path());
        assert!(folder.message.ends_with(" is a folder, not a file"), "{folder}");
        assert_eq!((absent.exit, folder.exit), (Exit::Usage, Exit::Usage));
    }
}
