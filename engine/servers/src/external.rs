//! The `external` target: a server from the configuration, whose configured database is never changed.

use super::identity::ServerFacts;
use super::{ExternalSettings, TargetSettings};
use flowcontrol_base::{Failure, Result};
use flowcontrol_database::TlsTrust;
use sqlx::postgres::PgConnection;

/// An external server that was reached.
pub(super) struct Reached {
    pub settings: ExternalSettings,
    pub facts: ServerFacts,
    /// The administrator's connection to the configured database.
    pub admin: PgConnection,
}

/// Checks the settings, connects, and reads the server's facts.
pub(super) async fn reach(settings: &TargetSettings) -> Result<Reached> {
    let external = settings.external.clone().ok_or_else(|| {
        Failure::usage("--target external needs a server, and none is configured")
            .hint("configure the external target, or use --target local or container")
    })?;
    let endpoint = &external.endpoint;
    if endpoint.tls == TlsTrust::Off && !is_loopback(&endpoint.host) {
        return Err(Failure::usage(format!(
            "{} is not on this machine, but its TLS is off",
            endpoint.redacted()
        ))
        .hint("except on loopback, TLS with full verification is required"));
    }
    let mut admin = endpoint.connect(&external.admin).await?;
    let facts = ServerFacts::ask(endpoint, &mut admin).await?;
    let supported = super::binaries::SUPPORTED;
    let major = facts.version_num / 10_000;
    if !supported.contains(&major) {
        return Err(Failure::environment(format!(
            "{} is PostgreSQL {}; {} to {} are supported",
            endpoint.redacted(),
            facts.version,
            supported.start(),
            supported.end()
        )));
    }
    if facts.in_recovery {
        return Err(Failure::environment(format!(
            "{} is a read-only standby",
            endpoint.redacted()
        ))
        .hint("name its primary; a rehearsal creates a database of its own there"));
    }
    Ok(Reached { settings: external, facts, admin })
}

/// Whether a host name or address is a loopback one.
fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roles;
    use flowcontrol_base::Exit;
    use flowcontrol_database::{Endpoint, Login, RoleNames};

    fn settings(host: &str, tls: TlsTrust) -> TargetSettings {
        TargetSettings {
            external: Some(ExternalSettings {
                endpoint: Endpoint { host: host.into(), port: 1, database: "bfg".into(), tls },
                admin: Login { user: "admin".into(), password: None },
                logins: roles::random_logins(&RoleNames::default()),
            }),
            ..TargetSettings::default()
        }
    }

    #[tokio::test]
    async fn no_server_configured_is_wrong_usage() {
        let failure = reach(&TargetSettings::default()).await.err().unwrap();
        assert_eq!(failure.exit, Exit::Usage);
    }

    #[tokio::test]
    async fn without_tls_nothing_leaves_the_machine() {
        let failure = reach(&settings("db.example.com", TlsTrust::Off)).await.err().unwrap();
        assert_eq!(failure.exit, Exit::Usage, "{failure}");
        assert!(failure.message.contains("TLS is off"), "{failure}");
    }

    #[test]
    fn loopback_is_distinguished_from_names_that_look_like_it() {
        for host in ["localhost", "127.0.0.1", "127.9.9.9", "::1"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["localhost.example.com", "128.0.0.1", "0.0.0.0", ""] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
