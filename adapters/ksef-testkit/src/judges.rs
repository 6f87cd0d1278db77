//! Other people's programs, and an honest way to skip.

#![allow(clippy::print_stderr, reason = "a skipped test says so")]
#![allow(clippy::unwrap_used, reason = "tests")]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The workspace's folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Says aloud that `test` is skipped because `component` is not there.
///
/// # Panics
/// When `FLOWCONTROL_REQUIRE` lists the component.
pub fn skip(test: &str, component: &str, reason: &str) {
    let required = std::env::var("FLOWCONTROL_REQUIRE").unwrap_or_default();
    assert!(
        !required.split(',').any(|name| name.trim() == component),
        "{test}: {component} is required, and {reason}"
    );
    eprintln!("skipped: {test}: {component}: {reason}");
}

/// Whether a program answers to `arguments`.
pub fn answers(program: &Path, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).output().is_ok_and(|out| out.status.success())
}

/// The judges' Python with `module`, or a skip by name.
pub fn python(test: &str, module: &str) -> Option<PathBuf> {
    let python = root().join("target/judges/bin/python");
    if answers(&python, &["-c", &format!("import {module}")]) {
        return Some(python);
    }
    skip(test, "judges", &format!("target/judges has no {module}; ./ci/test installs it"));
    None
}

/// Everything that a program said.
pub fn said(out: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
}

/// The folder with what the ministry publishes, or a skip by name.
pub fn official(test: &str) -> Option<PathBuf> {
    let folder = root().join("..").join("shared").join("ksef");
    if folder.is_dir() {
        return Some(folder);
    }
    skip(test, "ksef-schemas", "the official documents are not beside the project");
    None
}

/// Lets the judge of the official API document see exchanges.
pub fn openapi(python: &Path, document: &Path, exchanges: &[Value]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("exchanges.json");
    std::fs::write(&file, serde_json::to_vec(exchanges).unwrap()).unwrap();
    let script = root().join("tests/judges/ksef_openapi.py");
    Command::new(python).arg(script).arg(document).arg(&file).output().unwrap()
}
