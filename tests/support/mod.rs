//! A real Postgres for integration tests.

#![allow(dead_code, reason = "each test binary uses a part of this")]

use flowcontrol_contract::Secret;
use flowcontrol_database::{Endpoint, Login, TlsTrust};
use flowcontrol_servers::TargetSettings;
use flowcontrol_servers::local::{self, Local};
use flowcontrol_testkit::require;
use flowcontrol_testkit::server::Server;
use std::path::Path;
use std::sync::OnceLock;

/// A superuser's way into a scratch server that tests share: the one that the environment names
/// (`ci/cluster`), else a throw-away cluster of this process, whose watchdog removes it when the
/// process ends, however it ends.
///
/// # Panics
/// When there are no PostgreSQL server binaries; tests that may be skipped use [`server_or_skip`].
pub fn server() -> (Endpoint, Login) {
    match shared() {
        Ok(shared) => shared.way_in(),
        Err(reason) => panic!("{reason}"),
    }
}

/// The folder of the PostgreSQL programs that the shared server runs from.
///
/// # Panics
/// When there are no PostgreSQL server binaries.
pub fn binaries() -> &'static Path {
    match shared() {
        Ok(Shared::Suite(server)) => &server.programs,
        Ok(Shared::Own(local)) => &local.binaries.folder,
        Err(reason) => panic!("{reason}"),
    }
}

/// Like [`server`], but `None`, said aloud, on a machine without PostgreSQL server binaries.
pub fn server_or_skip(test: &str) -> Option<(Endpoint, Login)> {
    match shared() {
        Ok(shared) => Some(shared.way_in()),
        Err(reason) => {
            require::skip(test, "postgres", reason);
            None
        }
    }
}

/// A throw-away cluster of the test's own, for what concerns all of a server; `None`, said aloud, on
/// a machine without PostgreSQL server binaries.
pub fn own_or_skip(test: &str) -> Option<Local> {
    own().map_err(|reason| require::skip(test, "postgres", &reason)).ok()
}

fn own() -> Result<Local, String> {
    local::start_blocking(&settings(), &|_| {})
        .map_err(|failure| format!("no PostgreSQL server: {failure}"))
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

enum Shared {
    Suite(Server),
    Own(Box<Local>),
}

impl Shared {
    fn way_in(&self) -> (Endpoint, Login) {
        let server = match self {
            Self::Own(local) => return way_in(local),
            Self::Suite(server) => server,
        };
        let endpoint = Endpoint {
            host: server.host.clone(),
            port: server.port,
            database: "postgres".into(),
            tls: TlsTrust::VerifyFull { ca: Some(server.authority.clone()) },
        };
        let password = Some(Secret::new(server.password.clone()));
        (endpoint, Login { user: server.user.clone(), password })
    }
}

fn shared() -> Result<&'static Shared, &'static str> {
    static SERVER: OnceLock<Result<Shared, String>> = OnceLock::new();
    SERVER
        .get_or_init(|| {
            if let Some(server) = Server::from_environment() {
                return Ok(Shared::Suite(server));
            }
            own().map(|local| Shared::Own(Box::new(local)))
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
