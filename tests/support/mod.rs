//! What integration tests share: a real Postgres, and an honest way to skip.

#![allow(dead_code, reason = "each test program uses a part of this")]
#![allow(clippy::print_stderr, reason = "a skipped test says so")]

use flowcontrol::target::local::{self, Local};
use flowcontrol::target::{Endpoint, Login, TargetSettings, TlsTrust};
use std::path::Path;
use std::sync::OnceLock;

/// A superuser's way into a scratch server: a throw-away cluster that all tests of this process
/// share. Its watchdog removes it when the process ends, however it ends.
///
/// # Panics
/// When there are no PostgreSQL server binaries; tests that may be skipped use [`server_or_skip`].
pub fn server() -> (Endpoint, Login) {
    match shared() {
        Ok(local) => way_in(local),
        Err(reason) => panic!("{reason}"),
    }
}

/// The folder of the PostgreSQL programs that the shared server runs from.
///
/// # Panics
/// When there are no PostgreSQL server binaries.
pub fn binaries() -> &'static Path {
    match shared() {
        Ok(local) => &local.binaries.folder,
        Err(reason) => panic!("{reason}"),
    }
}

/// Like [`server`], but `None`, said aloud, on a machine without PostgreSQL server binaries.
pub fn server_or_skip(test: &str) -> Option<(Endpoint, Login)> {
    match shared() {
        Ok(local) => Some(way_in(local)),
        Err(reason) => {
            skip(test, "postgres", reason);
            None
        }
    }
}

/// A superuser's way into a throw-away cluster.
pub fn way_in(local: &Local) -> (Endpoint, Login) {
    let endpoint = Endpoint {
        host: "127.0.0.1".into(),
        port: local.cluster.port,
        database: "postgres".into(),
        tls: TlsTrust::VerifyFull { ca: Some(local.cluster.authority.clone()) },
    };
    (endpoint, local.cluster.superuser.clone())
}

fn shared() -> Result<&'static Local, &'static str> {
    static SERVER: OnceLock<Result<Local, String>> = OnceLock::new();
    SERVER
        .get_or_init(|| {
            local::start_blocking(&settings(), &|_| {})
                .map_err(|failure| format!("no PostgreSQL server: {failure}"))
        })
        .as_ref()
        .map_err(String::as_str)
}

/// Target settings as this machine's environment gives them, without downloads.
pub fn settings() -> TargetSettings {
    TargetSettings {
        download: false,
        ..TargetSettings::from_variables(|name| std::env::var(name).ok())
    }
}

/// Whether `component` must be there: `FLOWCONTROL_REQUIRE` lists it (`postgres,docker`).
pub fn require(component: &str) -> bool {
    std::env::var("FLOWCONTROL_REQUIRE")
        .is_ok_and(|list| list.split([',', ' ']).any(|item| item == component))
}

/// Says that a test is skipped and why; fails instead where the component is required.
///
/// # Panics
/// When `FLOWCONTROL_REQUIRE` lists `component`.
pub fn skip(test: &str, component: &str, reason: &str) {
    assert!(!require(component), "{test}: {component} is required here, but {reason}");
    eprintln!("skipped: {test}: {component}: {reason}");
}
