//! Where a Postgres database is and how its certificate is trusted.

use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::Secret;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{ConnectOptions, Connection};
use std::path::PathBuf;

/// How the server's certificate is trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsTrust {
    /// No TLS; accepted on loopback only.
    Off,
    /// The chain and the host name are verified, against Mozilla's public roots and `ca`.
    VerifyFull {
        /// A PEM file with an additional root certificate.
        ca: Option<PathBuf>,
    },
}

/// A database on a server, without credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Database name.
    pub database: String,
    /// How its certificate is trusted.
    pub tls: TlsTrust,
}

/// A user and its password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// Role name.
    pub user: String,
    /// Password, if the server asks for one.
    pub password: Option<Secret>,
}

impl Endpoint {
    /// `host:port/database`, fit for reports.
    pub fn redacted(&self) -> String {
        format!("{}:{}/{}", self.host, self.port, self.database)
    }

    /// The same server, another database.
    #[must_use]
    pub fn database(&self, name: &str) -> Self {
        Self { database: name.to_owned(), ..self.clone() }
    }

    /// Connection options for `login`. Statement logging is off, because statements may contain
    /// secrets or personal data.
    pub fn options(&self, login: &Login) -> PgConnectOptions {
        // An empty password keeps PGPASSWORD from being used; a server that asks for one refuses it.
        let password = login.password.as_ref().map_or("", |password| password.expose());
        let mut options = PgConnectOptions::new_without_pgpass()
            .host(&self.host)
            .port(self.port)
            .database(&self.database)
            .username(&login.user)
            .password(password)
            .application_name("flowcontrol");
        options = match &self.tls {
            TlsTrust::Off => options.ssl_mode(PgSslMode::Disable),
            TlsTrust::VerifyFull { ca } => {
                let options = options.ssl_mode(PgSslMode::VerifyFull);
                match ca {
                    Some(path) => options.ssl_root_cert(path),
                    None => options,
                }
            }
        };
        options.disable_statement_logging()
    }

    /// Opens one connection.
    ///
    /// # Errors
    /// An environment failure that names the redacted endpoint and the login's user.
    pub async fn connect(&self, login: &Login) -> Result<PgConnection> {
        PgConnection::connect_with(&self.options(login)).await.map_err(|e| {
            Failure::environment(format!(
                "cannot connect to {} as {}: {e}",
                self.redacted(),
                login.user
            ))
        })
    }
}
