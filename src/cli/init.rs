//! `init`.

use super::args::Format;
use super::out;
use crate::config::{FILE, TEMPLATE};
use flowcontrol_base::{Exit, Failure, Result, user_file};
use flowcontrol_files::{self as files, Access};
use std::io::ErrorKind;
use std::path::Path;

/// The hint where a configuration is there already.
const TAKEN: &str = "edit it, or name another folder; init never overwrites";

/// Writes the commented configuration and the state folder.
pub fn run(dir: &Path, format: Format) -> Result<Exit> {
    // A user's own folder reads better without the dot that stands for it.
    let dir = dir.strip_prefix(".").unwrap_or(dir);
    let (state, file) = (dir.join(".flowcontrol"), dir.join(FILE));
    user_file::check_free(&file, TAKEN)?;
    files::create_folder(&state, Access::Shared).map_err(|e| match e.kind() {
        ErrorKind::NotADirectory => Failure::usage(e.to_string()).hint("name another folder"),
        _ => e.into(),
    })?;
    // It holds no secret, and it is for whoever may read the folder.
    user_file::create(&file, TEMPLATE.as_bytes(), Access::Shared, TAKEN)?;
    let next = "flowcontrol demo seed, then flowcontrol rehearse";
    let value = serde_json::json!({"file": file, "state": state});
    out::either(format, &value, || {
        format!("wrote {} and {}\nnext: {next}", file.display(), state.display())
    })?;
    Ok(Exit::Done)
}
