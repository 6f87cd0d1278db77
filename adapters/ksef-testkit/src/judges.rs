//! Other people's programs, and an honest way to skip.

#![allow(clippy::unwrap_used, reason = "tests")]

pub use flowcontrol_testkit::judges::{answers, python, said};
pub use flowcontrol_testkit::require::skip;
pub use flowcontrol_testkit::root;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

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
