//! `init`.

use super::args::Format;
use super::out;
use crate::config::{FILE, TEMPLATE};
use flowcontrol_base::{Exit, Failure, Result};
use std::io::{ErrorKind, Write};
use std::path::Path;

/// Writes the commented configuration and the state folder.
pub fn run(dir: &Path, format: Format) -> Result<Exit> {
    let at = |e: &std::io::Error, path: &Path| match e.kind() {
        ErrorKind::AlreadyExists | ErrorKind::NotADirectory => Failure::usage(format!(
            "cannot create the folder {}: a file has that name",
            path.display()
        ))
        .hint("name another folder"),
        _ => Failure::environment(format!("cannot write {}: {e}", path.display()))
            .hint("check the free space and the permissions, or name another folder"),
    };
    // A path in the current folder is shown without the leading dot.
    let dir = dir.strip_prefix(".").unwrap_or(dir);
    let (state, file) = (dir.join(".flowcontrol"), dir.join(FILE));
    if file.symlink_metadata().is_ok() {
        return Err(there(&file));
    }
    std::fs::create_dir_all(&state).map_err(|e| at(&e, &state))?;
    write(dir, &file).map_err(|e| match e.kind() {
        ErrorKind::AlreadyExists => there(&file),
        _ => at(&e, &file),
    })?;
    let next = "flowcontrol demo seed, then flowcontrol rehearse";
    let value = serde_json::json!({"file": file, "state": state});
    out::either(format, &value, || {
        format!("wrote {} and {}\nnext: {next}", file.display(), state.display())
    })?;
    Ok(Exit::Done)
}

fn there(file: &Path) -> Failure {
    Failure::usage(format!("{} already exists", file.display()))
        .hint("edit it, or name another folder; init never overwrites")
}

/// Writes the whole file or nothing, and never over an existing one.
fn write(dir: &Path, file: &Path) -> std::io::Result<()> {
    let folder = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    let mut temporary = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // The file holds no secret, so it gets the usual permissions.
        temporary.permissions(std::fs::Permissions::from_mode(0o644));
    }
    let mut temporary = temporary.prefix(".flowcontrol-").tempfile_in(folder)?;
    temporary.write_all(TEMPLATE.as_bytes())?;
    temporary.as_file().sync_all()?;
    temporary.persist_noclobber(file).map_err(|e| e.error)?;
    Ok(())
}
