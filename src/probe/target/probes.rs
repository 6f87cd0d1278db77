//! The four connection probes, none of which changes the server.

use super::certificate;
use crate::registry;
use flowcontrol_base::clock;
use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::{Digest, Roster};
use flowcontrol_database::{Endpoint, Login, TlsTrust};
use flowcontrol_gates::connection::{CertificateFacts, ConnectionFacts, SessionFacts};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};
use std::time::Duration;

/// The time limit for one response of the server.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The connection to probe.
#[derive(Clone, Copy, Debug)]
pub struct Probe<'a> {
    /// The database.
    pub endpoint: &'a Endpoint,
    /// The owner's login, which makes the write probe.
    pub owner: &'a Login,
    /// The application's login, whose privileges are checked.
    pub application: &'a Login,
    /// The schema of the tables, if it exists already.
    pub schema: &'a str,
    /// The certificate's expected SHA-256.
    pub pin: Option<Digest>,
    /// Whether the certificate was generated for a temporary target.
    pub generated: bool,
    /// The tenants and actors to map.
    pub rosters: &'a [Roster],
    /// Whether a login was sent there already with the same TLS trust: then logins do not have to wait until
    /// the certificate is verified.
    pub trusted: bool,
}

/// The results of logging in.
struct Logins {
    reachable: Result<String, String>,
    session: Result<SessionFacts, String>,
    write: Result<(), String>,
}

impl Probe<'_> {
    /// Runs the probes. A failed probe is a fact with its reason, not an error; after a failure the
    /// probes that depend on it are not run, so a server whose certificate is not trusted is never
    /// sent a password.
    pub async fn run(&self) -> ConnectionFacts {
        Box::pin(self.run_beside(async {})).await.0
    }

    /// [`Probe::run`], concurrently with other work that also logs in, once the
    /// server is trusted; `None` when no login was made.
    pub async fn run_beside<T>(
        &self,
        others: impl Future<Output = T>,
    ) -> (ConnectionFacts, Option<T>) {
        let endpoint = self.endpoint.redacted();
        if self.trusted {
            let (certificate, (logins, others)) =
                tokio::join!(self.certificate(), self.logins(others));
            let Logins { reachable, session, write } = logins;
            let certificate = certificate.map_err(said);
            return (
                ConnectionFacts { endpoint, reachable, certificate, session, write },
                Some(others),
            );
        }
        let certificate = self.certificate().await.map_err(said);
        let reachable = match &certificate {
            Ok(c) if c.distrusted.is_none() && c.pin.is_none_or(|pin| pin == c.fingerprint) => {
                Ok(())
            }
            // On loopback TLS may be turned off; the check stays unproved.
            Err(_) if self.endpoint.tls == TlsTrust::Off => Ok(()),
            Ok(_) => Err("not tried: the certificate is not trusted".to_owned()),
            Err(why) => Err(why.clone()),
        };
        if let Err(why) = reachable {
            let withheld = "not tried: no password is sent before the server is trusted";
            let (session, write) = (Err(withheld.to_owned()), Err(withheld.to_owned()));
            let facts =
                ConnectionFacts { endpoint, reachable: Err(why), certificate, session, write };
            return (facts, None);
        }
        let (Logins { reachable, session, write }, others) = self.logins(others).await;
        (ConnectionFacts { endpoint, reachable, certificate, session, write }, Some(others))
    }

    /// The probes that log in. A login is mostly waiting, so they run concurrently.
    async fn logins<T>(&self, others: impl Future<Output = T>) -> (Logins, T) {
        let (owner, session, others) = tokio::join!(
            within("the server", self.version()),
            within("the login probe", self.session()),
            others,
        );
        let logins = match owner {
            Ok((connection, version)) => Logins {
                reachable: Ok(version),
                session: session.map_err(said),
                write: within("the write probe", self.write(connection)).await.map_err(said),
            },
            Err(failure) => Logins {
                reachable: Err(said(failure)),
                session: Err("not tried: the server did not answer".to_owned()),
                write: Err("not tried: the server did not answer".to_owned()),
            },
        };
        (logins, others)
    }

    async fn certificate(&self) -> Result<CertificateFacts> {
        match certificate::certificate(self.endpoint, TIMEOUT).await? {
            Some(seen) => Ok(CertificateFacts {
                fingerprint: seen.fingerprint,
                distrusted: seen.distrusted,
                pin: self.pin,
                generated: self.generated,
            }),
            None => Err(Failure::check("TLS is turned off, so there is no certificate")),
        }
    }

    /// The owner's connection and the server's version.
    async fn version(&self) -> Result<(PgConnection, String)> {
        let mut connection = self.endpoint.connect(self.owner).await?;
        let version: String = sqlx::query_scalar("show server_version")
            .fetch_one(&mut connection)
            .await
            .map_err(|e| refused("ask for the version", &e))?;
        Ok((connection, version))
    }

    async fn session(&self) -> Result<SessionFacts> {
        let mut connection = self.endpoint.connect(self.application).await?;
        let refusals = registry::login_refusals(&mut connection, self.schema).await?;
        close(connection).await;
        let actors = self.rosters.iter().flat_map(|r| r.actors.iter().map(move |a| (r, a)));
        let unmapped = actors
            .clone()
            .filter(|(_, actor)| actor.permissions.is_empty())
            .map(|(roster, actor)| format!("{} of {} has no permission", actor.id, roster.tenant))
            .collect();
        Ok(SessionFacts {
            actors: actors.count() as u64,
            tenants: self.rosters.len() as u64,
            refusals,
            unmapped,
        })
    }

    /// Creates a schema, a table and a row in a transaction that is rolled back, and checks whether
    /// anything of it is left. Not run on a standby.
    async fn write(&self, mut connection: PgConnection) -> Result<()> {
        let name = format!("flowcontrol_probe_{}", clock::random_hex(6));
        let failed = |e: sqlx::Error| refused("write and roll back", &e);
        let standby: bool = sqlx::query_scalar("select pg_catalog.pg_is_in_recovery()")
            .fetch_one(&mut connection)
            .await
            .map_err(failed)?;
        if standby {
            close(connection).await;
            return Err(Failure::environment(format!(
                "{} is a read-only standby; name its primary",
                self.endpoint.redacted()
            )));
        }
        let mut transaction = connection.begin().await.map_err(failed)?;
        let make = format!(
            "create schema {name}; create table {name}.probe (value text not null);
             insert into {name}.probe values ('{name}')"
        );
        sqlx::raw_sql(AssertSqlSafe(make)).execute(&mut *transaction).await.map_err(failed)?;
        let read: String =
            sqlx::query_scalar(AssertSqlSafe(format!("select value from {name}.probe")))
                .fetch_one(&mut *transaction)
                .await
                .map_err(failed)?;
        transaction.rollback().await.map_err(failed)?;
        let left: bool =
            sqlx::query_scalar("select exists (select from pg_namespace where nspname = $1)")
                .bind(&name)
                .fetch_one(&mut connection)
                .await
                .map_err(failed)?;
        close(connection).await;
        if read != name || left {
            return Err(Failure::check("the server did not roll back the transaction"));
        }
        Ok(())
    }
}

fn said(failure: Failure) -> String {
    failure.message
}

async fn within<T>(what: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
    match tokio::time::timeout(TIMEOUT, work).await {
        Ok(done) => done,
        Err(_) => Err(Failure::environment(format!(
            "{what} did not respond within {} s",
            TIMEOUT.as_secs()
        ))),
    }
}

fn refused(what: &str, error: &sqlx::Error) -> Failure {
    let code = error.as_database_error().and_then(|e| e.code());
    match code.as_deref() {
        Some("25006") => Failure::environment(format!(
            "cannot {what}: the database is read-only; default_transaction_read_only is on for \
             it or for the owner's login"
        )),
        _ => Failure::environment(format!("cannot {what}: {error}")),
    }
}

async fn close(connection: PgConnection) {
    // The probe has its result; an error when closing changes nothing.
    drop(connection.close().await);
}
