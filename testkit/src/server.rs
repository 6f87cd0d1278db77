//! The database server that all tests of a run share: `ci/cluster` starts it and names it in two
//! variables. Without them, as under plain `cargo test`, a test binary starts one of its own.

use std::path::PathBuf;
use url::Url;

/// Where the server is:
/// `postgres://postgres:PASSWORD@127.0.0.1:PORT/postgres?sslmode=verify-full&sslrootcert=FILE`.
pub const URL: &str = "FLOWCONTROL_TEST_SERVER";
/// The folder of the PostgreSQL programs that it runs from.
pub const PROGRAMS: &str = "FLOWCONTROL_TEST_SERVER_PROGRAMS";

/// A superuser's way into the server.
#[derive(Clone, Debug)]
pub struct Server {
    /// Its address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The superuser.
    pub user: String,
    /// The superuser's password.
    pub password: String,
    /// The certificate of the authority that signed the server's, a PEM file. The server's own
    /// certificate and key lie beside it as `server.crt` and `server.key`.
    pub authority: PathBuf,
    /// The folder with `initdb`, `pg_ctl` and the others.
    pub programs: PathBuf,
}

impl Server {
    /// The server that the environment names.
    ///
    /// # Panics
    /// When what it says is not the form of [`URL`].
    pub fn from_environment() -> Option<Self> {
        let url = std::env::var(URL).ok()?;
        let programs =
            std::env::var_os(PROGRAMS).unwrap_or_else(|| panic!("{PROGRAMS} is not set"));
        Some(Self { programs: programs.into(), ..Self::parse(&url) })
    }

    fn parse(text: &str) -> Self {
        let url = Url::parse(text).unwrap_or_else(|e| panic!("{URL}: {e}"));
        let authority = url.query_pairs().find(|(name, _)| name == "sslrootcert");
        let (_, authority) = authority.unwrap_or_else(|| panic!("{URL} has no sslrootcert"));
        Self {
            host: url.host_str().unwrap_or_else(|| panic!("{URL} has no host")).to_owned(),
            port: url.port().unwrap_or_else(|| panic!("{URL} has no port")),
            user: url.username().to_owned(),
            password: url.password().unwrap_or_else(|| panic!("{URL} has no password")).to_owned(),
            authority: PathBuf::from(authority.into_owned()),
            programs: PathBuf::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_read_from_its_url() {
        let server = Server::parse(
            "postgres://postgres:secret@127.0.0.1:5433/postgres?sslmode=verify-full&sslrootcert=/tmp/a.crt",
        );
        assert_eq!((server.host.as_str(), server.port), ("127.0.0.1", 5433));
        assert_eq!((server.user.as_str(), server.password.as_str()), ("postgres", "secret"));
        assert_eq!(server.authority, PathBuf::from("/tmp/a.crt"));
    }
}
