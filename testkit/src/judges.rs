//! Programs that are not ours and judge what ours makes. `ci/test` installs them into
//! `target/judges`; without them a test skips by name.

use crate::{require, root};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The judges' Python environment, or a skip by name.
pub fn folder(test: &str) -> Option<PathBuf> {
    let folder = root().join("target/judges");
    if folder.join("bin/python").exists() {
        return Some(folder);
    }
    require::skip(test, "judges", "target/judges is not there; ./ci/test installs it");
    None
}

/// The judges' Python with `module`, or a skip by name.
pub fn python(test: &str, module: &str) -> Option<PathBuf> {
    let python = root().join("target/judges/bin/python");
    if answers(&python, &["-c", &format!("import {module}")]) {
        return Some(python);
    }
    let reason = format!("target/judges has no {module}; ./ci/test installs it");
    require::skip(test, "judges", &reason);
    None
}

/// Whether a program answers to `arguments`.
pub fn answers(program: &Path, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).output().is_ok_and(|out| out.status.success())
}

/// Everything that a program wrote, standard output first.
pub fn said(out: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
}
