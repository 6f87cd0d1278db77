//! What the tests of every package share, and the program never links: components of the machine
//! that a test needs ([`require`]), the program in a folder of its own ([`place`], [`running`]), the
//! suite's database server ([`server`]), an OpenID Provider ([`provider`], [`forge`]), a browser
//! ([`chromium`]), what happens in a folder ([`folder_watch`]) and programs that judge what ours makes ([`judges`]).
//!
//! Nothing here depends on another package of the workspace.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test stops at the first surprise, and says why it was skipped"
)]

pub mod chromium;
pub mod folder_watch;
pub mod forge;
pub mod judges;
pub mod place;
pub mod provider;
pub mod require;
pub mod running;
pub mod server;

use std::path::{Path, PathBuf};

/// The workspace's folder.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace is above this package")
}

/// The built program `flowcontrol`; for integration tests of the root package, before which Cargo
/// builds it.
///
/// # Panics
/// When it was not built.
pub fn program() -> PathBuf {
    // Cargo and nextest name it at run time; a test binary that is run by hand lies beside it.
    if let Some(named) = std::env::var_os("CARGO_BIN_EXE_flowcontrol") {
        return named.into();
    }
    let test = std::env::current_exe().unwrap();
    let beside = test.parent().and_then(Path::parent).unwrap().join("flowcontrol");
    assert!(beside.is_file(), "{} was not built", beside.display());
    beside
}
