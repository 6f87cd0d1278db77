//! What integration tests share: a real Postgres.

use flowcontrol::target::{Endpoint, Login, TlsTrust};

/// A superuser's way into a scratch server.
pub fn server() -> (Endpoint, Login) {
    // Replaced by a throw-away cluster of the `local` target.
    let endpoint = Endpoint {
        host: "127.0.0.1".into(),
        port: 5433,
        database: "postgres".into(),
        tls: TlsTrust::Off,
    };
    (endpoint, Login { user: "postgres".into(), password: None })
}
