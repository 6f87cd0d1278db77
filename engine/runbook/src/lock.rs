//! One migrator at a time: an advisory lock on a connection of its own.
//!
//! The lock is polled, never waited for: a session that waits inside `pg_advisory_lock` holds a
//! snapshot, and CREATE INDEX CONCURRENTLY in the migrator that has the lock would wait for that
//! snapshot for ever. On its own connection the lock is released when this value is dropped, whatever
//! happened to the connection that ran a file.

use super::{Site, session};
use flowcontrol_base::clock;
use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::Digest;
use sqlx::{Connection, PgConnection};
use std::time::Duration;

/// The held lock. Dropping it closes the connection, and with it the lock.
#[derive(Debug)]
pub struct MigrationLock {
    connection: PgConnection,
    key: i64,
}

/// The application name of the lock's connection.
pub const APPLICATION: &str = "flowcontrol migration lock";

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The advisory lock's key for a ledger; advisory locks are per database.
pub fn key(ledger_schema: &str) -> i64 {
    let digest = Digest::of(format!("flowcontrol migrations of {ledger_schema}"));
    let mut first = [0; 8];
    first.copy_from_slice(&digest.0[..8]);
    i64::from_be_bytes(first)
}

/// Takes the lock of the site's ledger within `limits.lock_budget`.
///
/// # Errors
/// An environment failure that names the holder, as far as it is visible, when the budget ends.
pub async fn take(site: Site<'_>) -> Result<MigrationLock> {
    take_over(site, session::open(site, APPLICATION).await?).await
}

/// [`take`] over an open connection that is used for nothing else.
///
/// # Errors
/// As [`take`].
pub async fn take_over(site: Site<'_>, mut connection: PgConnection) -> Result<MigrationLock> {
    let key = key(&site.layout.ledger_schema);
    let failed = |e| broken(&site, &e);
    session::pin(&mut connection, site, session::SettingScope::Connection).await.map_err(failed)?;
    let started = clock::instant();
    let mut pause = FIRST_PAUSE;
    loop {
        let taken: bool = sqlx::query_scalar("select pg_catalog.pg_try_advisory_lock($1)")
            .bind(key)
            .fetch_one(&mut connection)
            .await
            .map_err(failed)?;
        if taken {
            return Ok(MigrationLock { connection, key });
        }
        let left = site.limits.lock_budget.saturating_sub(started.elapsed());
        if left.is_zero() {
            let holder = holder(&mut connection, key).await.map_err(failed)?;
            return Err(Failure::environment(format!(
                "another migrator holds the lock of {} on {}: {holder}; waited {} s",
                site.layout.ledger_schema,
                site.endpoint.redacted(),
                site.limits.lock_budget.as_secs_f64()
            ))
            .hint("wait for it to finish, or terminate that session if it is abandoned"));
        }
        tokio::time::sleep(pause.min(left)).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn broken(site: &Site<'_>, error: &sqlx::Error) -> Failure {
    let place = site.endpoint.redacted();
    Failure::environment(format!("the migration lock's connection to {place} failed: {error}"))
        .hint("`flowcontrol migrate status` shows what is applied; then run again")
}

/// A description of the session that holds `key`.
async fn holder(connection: &mut PgConnection, key: i64) -> Result<String, sqlx::Error> {
    let bits = key.cast_unsigned();
    let row: Option<(i32, Option<String>, Option<String>)> = sqlx::query_as(
        "select l.pid, nullif(a.application_name, ''), a.usename::text
           from pg_catalog.pg_locks l
           left join pg_catalog.pg_stat_activity a on a.pid = l.pid
          where l.locktype = 'advisory' and l.granted and l.objsubid = 1
            and l.classid::bigint = $1 and l.objid::bigint = $2
            and l.database = (select oid from pg_catalog.pg_database
                               where datname = pg_catalog.current_database())",
    )
    .bind(i64::try_from(bits >> 32).unwrap_or_default())
    .bind(i64::try_from(bits & 0xFFFF_FFFF).unwrap_or_default())
    .fetch_optional(connection)
    .await?;
    Ok(match row {
        Some((pid, application, user)) => format!(
            "pid {pid}, application {}, user {}",
            application.as_deref().unwrap_or("unnamed"),
            user.as_deref().unwrap_or("not visible")
        ),
        None => "it has just released it".to_owned(),
    })
}

impl MigrationLock {
    /// The lock's connection, for the ledger: never for a file.
    pub fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// Checks that the lock is still held: a restarted server or a pooler that changes backends
    /// releases it silently.
    ///
    /// # Errors
    /// An environment failure when it is not.
    pub async fn confirm(&mut self, site: Site<'_>) -> Result<()> {
        let bits = self.key.cast_unsigned();
        let held: bool = sqlx::query_scalar(
            "select exists (select from pg_catalog.pg_locks
              where locktype = 'advisory' and granted and objsubid = 1
                and pid = pg_catalog.pg_backend_pid()
                and classid::bigint = $1 and objid::bigint = $2)",
        )
        .bind(i64::try_from(bits >> 32).unwrap_or_default())
        .bind(i64::try_from(bits & 0xFFFF_FFFF).unwrap_or_default())
        .fetch_one(&mut self.connection)
        .await
        .map_err(|e| broken(&site, &e))?;
        if held {
            return Ok(());
        }
        Err(Failure::environment(format!(
            "the migration lock of {} was lost",
            site.layout.ledger_schema
        ))
        .hint("connect to the server itself: a pooler in transaction mode cannot hold this lock"))
    }

    /// Releases the lock and waits for the server's confirmation.
    ///
    /// # Errors
    /// An environment failure when the connection broke; the lock is released then too.
    pub async fn release(mut self, site: Site<'_>) -> Result<()> {
        let unlocked: bool = sqlx::query_scalar("select pg_catalog.pg_advisory_unlock($1)")
            .bind(self.key)
            .fetch_one(&mut self.connection)
            .await
            .map_err(|e| broken(&site, &e))?;
        self.connection.close().await.map_err(|e| broken(&site, &e))?;
        if unlocked {
            return Ok(());
        }
        Err(Failure::environment("the migration lock was lost while it was needed").hint(
            "connect to the server itself: a pooler in transaction mode cannot hold this lock",
        ))
    }
}
