//! `init`.

use super::out;
use crate::config::{FILE, TEMPLATE};
use crate::error::{Exit, Failure, Result};
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::Path;

/// Writes the commented configuration and the state folder.
pub fn run(dir: &Path) -> Result<Exit> {
    let at = |e: std::io::Error, path: &Path| {
        Failure::environment(format!("cannot write {}: {e}", path.display()))
    };
    let state = dir.join(".flowcontrol");
    let file = dir.join(FILE);
    std::fs::create_dir_all(dir).map_err(|e| at(e, dir))?;
    match OpenOptions::new().write(true).create_new(true).open(&file) {
        Ok(mut f) => {
            f.write_all(TEMPLATE.as_bytes())
                .and_then(|()| f.sync_all())
                .map_err(|e| at(e, &file))?;
        }
        Err(e) if e.kind() == ErrorKind::AlreadyExists => {
            return Err(Failure::usage(format!("{} is there already", file.display()))
                .hint("edit it, or name another folder; init never overwrites"));
        }
        Err(e) => return Err(at(e, &file)),
    }
    std::fs::create_dir_all(&state).map_err(|e| at(e, &state))?;
    out::text(&format!(
        "wrote {} and {}\nnext: flowcontrol demo seed, then flowcontrol rehearse",
        file.display(),
        state.display()
    ))?;
    Ok(Exit::Done)
}
