//! The adapter's configuration, and the connection options derived from it.
//!
//! `~/.pgpass` and `PG*` environment variables are not used: the configuration alone decides. The
//! driver reads some of those variables by itself; where that cannot be overridden, the store
//! refuses to start and names the variable.

use crate::KIND;
use flowcontrol_contract::secret::Secrets;
use flowcontrol_contract::{Error, ErrorKind, Result, SecretRef, TenantId};
use serde::Deserialize;
use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// The section `[adapters.postgres-rls]`. It holds references to secrets, never secrets.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Host name, address, or the folder of a Unix socket (starts with `/`; never TLS).
    pub host: String,
    /// TCP port; also part of a Unix socket's name.
    #[serde(default = "default_port")]
    pub port: u16,
    /// Database name.
    pub database: String,
    /// The login; it must be subject to row-level security unless `verifier` is set.
    pub user: String,
    /// Reference to its password.
    #[serde(default)]
    pub password: Option<SecretRef>,
    /// How the server's certificate is checked.
    #[serde(default)]
    pub tls: Tls,
    /// Schema of the tables.
    #[serde(default = "default_schema")]
    pub schema: String,
    /// The setting that the policies compare `tenant_id` with.
    #[serde(default = "default_setting")]
    pub tenant_setting: String,
    /// The tenants to list: a login under row-level security cannot list them itself.
    #[serde(default)]
    pub tenants: Vec<TenantId>,
    /// Most connections for single calls; an export and a read-back use one more each.
    #[serde(default = "default_pool_size")]
    pub pool_size: usize,
    /// Set this behind a pooler in transaction mode, such as PgBouncer: only unnamed statements are
    /// used.
    #[serde(default)]
    pub transaction_pooler: bool,
    /// Longest wait for a connection, new or from the pool, in milliseconds.
    #[serde(default = "default_connect_timeout")]
    pub connect_timeout: u64,
    /// Longest time of one statement, in milliseconds; 0 for no limit.
    #[serde(default = "default_statement_timeout")]
    pub statement_timeout: u64,
    /// Longest wait for a lock, in milliseconds; 0 for no limit.
    #[serde(default = "default_lock_timeout")]
    pub lock_timeout: u64,
    /// The login is the read-only verifier with BYPASSRLS: it may export and read back, nothing
    /// else.
    #[serde(default)]
    pub verifier: bool,
    /// The store refuses every write, and a read-only standby is accepted.
    #[serde(default)]
    pub read_only: bool,
}

/// How the server's certificate is checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Whether TLS is verified or off.
    #[serde(default)]
    pub mode: TlsMode,
    /// PEM file with a root certificate to accept besides Mozilla's public ones.
    #[serde(default)]
    pub ca: Option<PathBuf>,
}

/// Verified TLS or none; an unverified certificate would prove nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TlsMode {
    /// The chain and the host name are verified.
    #[default]
    VerifyFull,
    /// No TLS; for loopback and Unix sockets only.
    Off,
}

fn default_port() -> u16 {
    5432
}
fn default_schema() -> String {
    "bfg_flowcontrol".into()
}
fn default_setting() -> String {
    "bfg.tenant_id".into()
}
fn default_pool_size() -> usize {
    4
}
fn default_connect_timeout() -> u64 {
    10_000
}
fn default_statement_timeout() -> u64 {
    300_000
}
fn default_lock_timeout() -> u64 {
    10_000
}

fn refuse(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Configuration, message).in_operation(KIND, "configuration")
}

impl Config {
    /// A configuration with the default of every optional field.
    pub fn new(
        host: impl Into<String>,
        database: impl Into<String>,
        user: impl Into<String>,
    ) -> Self {
        Self {
            host: host.into(),
            port: default_port(),
            database: database.into(),
            user: user.into(),
            password: None,
            tls: Tls::default(),
            schema: default_schema(),
            tenant_setting: default_setting(),
            tenants: Vec::new(),
            pool_size: default_pool_size(),
            transaction_pooler: false,
            connect_timeout: default_connect_timeout(),
            statement_timeout: default_statement_timeout(),
            lock_timeout: default_lock_timeout(),
            verifier: false,
            read_only: false,
        }
    }

    /// Parses the JSON form of the section; a relative `tls.ca` starts from `base`.
    ///
    /// # Errors
    /// `Configuration` that names the field.
    pub fn from_value(value: serde_json::Value, base: &Path) -> Result<Self> {
        let mut config: Self = serde_json::from_value(value).map_err(|e| refuse(e.to_string()))?;
        config.tls.ca = config.tls.ca.map(|ca| base.join(ca));
        Ok(config)
    }

    /// Checks the rules that need no server.
    ///
    /// # Errors
    /// `Configuration` that names the field, with a hint.
    pub fn check(&self) -> Result<()> {
        for (field, text) in [
            ("host", &self.host),
            ("database", &self.database),
            ("user", &self.user),
            ("schema", &self.schema),
            ("tenant_setting", &self.tenant_setting),
        ] {
            if text.is_empty() || text.chars().any(char::is_control) {
                return Err(refuse(format!("{field} is empty or holds a control character")));
            }
        }
        if !is_setting(&self.tenant_setting) {
            return Err(refuse(format!(
                "tenant_setting {:?} is not a custom setting such as bfg.tenant_id",
                self.tenant_setting
            )));
        }
        if self.pool_size == 0 {
            return Err(refuse("pool_size is 0").hint("set pool_size to 1 or more"));
        }
        if self.connect_timeout == 0 {
            return Err(refuse("connect_timeout is 0").hint("give it in milliseconds, at least 1"));
        }
        if self.tls.mode == TlsMode::Off && !is_local(&self.host) {
            return Err(refuse(format!(
                "tls.mode is off, but {} is another machine; passwords and rows would be sent in \
                                     clear text",
                self.host
            ))
            .hint("remove tls.mode, or set tls = { mode = \"verify-full\", ca = \"FILE\" } with the server's root certificate"));
        }
        if self.tls.mode == TlsMode::Off && self.tls.ca.is_some() {
            return Err(
                refuse("tls.ca is set although tls.mode is off").hint("remove one of the two")
            );
        }
        match &self.tls.ca {
            Some(ca) if !ca.is_file() => {
                Err(refuse(format!("tls.ca: there is no file {}", ca.display())))
            }
            _ => Ok(()),
        }
    }

    /// `host:port/database`, without credentials.
    pub fn endpoint(&self) -> String {
        format!("{}:{}/{}", self.host, self.port, self.database)
    }

    /// Options for one connection; checks the configuration first.
    ///
    /// # Errors
    /// As [`Config::check`]; `Configuration` for a secret that cannot be resolved, or for an
    /// environment variable that would override the configuration.
    pub(crate) fn options(&self, secrets: &dyn Secrets) -> Result<PgConnectOptions> {
        self.check()?;
        if let Some(name) = self.overriding_variable(|name| std::env::var_os(name).is_some()) {
            return Err(refuse(format!(
                "the environment variable {name} would change the connection, and the database \
                 driver cannot be told to ignore it"
            ))
            .hint(format!("unset {name}; connections follow the configuration alone")));
        }
        // An empty password overrides PGPASSWORD; a server that requires one refuses it.
        let password = match &self.password {
            Some(reference) => secrets.resolve(reference)?.expose().to_owned(),
            None => String::new(),
        };
        let mut options = PgConnectOptions::new_without_pgpass()
            .port(self.port)
            .database(&self.database)
            .username(&self.user)
            .password(&password)
            .application_name("flowcontrol");
        options = if self.host.starts_with('/') {
            // A Unix socket has no TLS, and stays on this machine.
            options.host("localhost").socket(&self.host).ssl_mode(PgSslMode::Disable)
        } else {
            options.host(&self.host).ssl_mode(match self.tls.mode {
                TlsMode::Off => PgSslMode::Disable,
                TlsMode::VerifyFull => PgSslMode::VerifyFull,
            })
        };
        if let Some(ca) = &self.tls.ca {
            options = options.ssl_root_cert(ca);
        }
        if self.transaction_pooler {
            // Such poolers refuse start-up parameters that they do not track.
            options = options.statement_cache_capacity(0).extra_float_digits(None);
        }
        // Statements may contain data that must not be logged.
        Ok(options.disable_statement_logging())
    }

    /// The first environment variable that the driver would obey instead of the configuration.
    fn overriding_variable(&self, is_set: impl Fn(&str) -> bool) -> Option<&'static str> {
        let tls = self.tls.mode == TlsMode::VerifyFull && !self.host.starts_with('/');
        [
            ("PGOPTIONS", true),
            ("PGSSLROOTCERT", tls && self.tls.ca.is_none()),
            ("PGSSLCERT", tls),
            ("PGSSLKEY", tls),
        ]
        .into_iter()
        .find_map(|(name, matters)| (matters && is_set(name)).then_some(name))
    }
}

/// Whether `host` is certainly this machine.
fn is_local(host: &str) -> bool {
    host.starts_with('/')
        || host == "localhost"
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Whether `text` is a valid name of a custom setting: identifiers joined by dots, at least one
/// dot.
fn is_setting(text: &str) -> bool {
    text.contains('.')
        && text.split('.').all(|part| {
            let mut chars = part.chars();
            chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
                && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
        })
}

#[cfg(test)]
mod tests {
    use super::{Config, TlsMode};
    use serde_json::json;
    use std::path::Path;

    fn read(value: serde_json::Value) -> Result<Config, String> {
        let config = Config::from_value(value, Path::new("/base")).map_err(|e| e.chain())?;
        config.check().map_err(|e| e.chain())?;
        Ok(config)
    }

    #[test]
    fn defaults_are_safe() {
        let config = read(json!({"host": "db.example", "database": "d", "user": "u"})).unwrap();
        assert_eq!(config.tls.mode, TlsMode::VerifyFull);
        assert_eq!((config.port, config.pool_size), (5432, 4));
        assert!(!config.verifier && !config.transaction_pooler);
    }

    #[test]
    fn bad_configuration_is_named() {
        for (value, why) in [
            (json!({"database": "d", "user": "u"}), "missing field `host`"),
            (
                json!({"host": "h", "database": "d", "user": "u", "pasword": 1}),
                "unknown field `pasword`",
            ),
            (
                json!({"host": "h", "database": "d", "user": "u", "password": "pw"}),
                "the configuration must not contain secrets",
            ),
            (
                json!({"host": "10.0.0.1", "database": "d", "user": "u", "tls": {"mode": "off"}}),
                "another machine",
            ),
            (
                json!({"host": "h", "database": "d", "user": "u", "tls": {"mode": "prefer"}}),
                "unknown variant `prefer`",
            ),
            (
                json!({"host": "h", "database": "d", "user": "u", "tls": {"ca": "none.pem"}}),
                "/base/none.pem",
            ),
            (json!({"host": "h", "database": "d", "user": "u", "pool_size": 0}), "pool_size"),
            (
                json!({"host": "h", "database": "d", "user": "u", "tenant_setting": "role"}),
                "custom setting",
            ),
            (
                json!({"host": "h", "database": "d", "user": "u", "tenants": [""]}),
                "tenant id is empty",
            ),
            (json!({"host": "h", "database": "d\u{0}", "user": "u"}), "control character"),
        ] {
            let error = read(value.clone()).unwrap_err();
            assert!(error.contains(why), "{value}: {error}");
        }
    }

    #[test]
    fn no_tls_is_for_this_machine_only() {
        for host in ["127.0.0.1", "127.8.0.1", "::1", "localhost", "/run/postgresql"] {
            let value = json!({"host": host, "database": "d", "user": "u", "tls": {"mode": "off"}});
            assert!(read(value).is_ok(), "{host}");
        }
    }

    #[test]
    fn variables_that_the_driver_would_obey_are_refused() {
        let set = |name: &'static str| move |asked: &str| asked == name;
        let mut config = Config::new("db.example", "d", "u");
        assert_eq!(config.overriding_variable(set("PGOPTIONS")), Some("PGOPTIONS"));
        assert_eq!(config.overriding_variable(set("PGSSLROOTCERT")), Some("PGSSLROOTCERT"));
        config.tls.ca = Some("/etc/root.pem".into());
        assert_eq!(config.overriding_variable(set("PGSSLROOTCERT")), None, "overruled by tls.ca");
        assert_eq!(config.overriding_variable(set("PGSSLKEY")), Some("PGSSLKEY"));
        assert_eq!(
            config.overriding_variable(set("PGPASSWORD")),
            None,
            "overruled by the password"
        );
    }
}
