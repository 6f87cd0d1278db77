//! Verify files: each fails, in a read-only transaction, unless its migration is applied.
//!
//! A file fails when the server refuses a statement, or when a statement returns a row whose first
//! column is a boolean that is not true, so that `select false` does not count as a proof.

use super::ledger::{Ledger, MigrationState};
use super::plan::{Goal, plan};
use super::session::{self, ScriptFailure, SettingScope, refused};
use super::source::{Script, Source, Version};
use super::{Site, apply};
use flowcontrol_base::clock;
use flowcontrol_base::{Failure, Result};
use futures::TryStreamExt;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Connection, Row, TypeInfo, ValueRef};

/// The result of one migration's verify file.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Verified {
    /// Its number.
    pub version: Version,
    /// Its name.
    pub name: String,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// Why it failed; `None` if it passed.
    pub problem: Option<String>,
}

/// Runs the verify file of every applied migration.
///
/// # Errors
/// A check failure when the ledger contradicts the folder; an environment failure when the server
/// cannot be queried. A failed verify file is a [`Verified`] with a problem.
pub async fn verify(site: Site<'_>, source: &Source) -> Result<Vec<Verified>> {
    let mut connection = session::open(site, "flowcontrol verify").await?;
    let rows = Ledger::new(&site.layout.ledger_schema).rows(&mut connection).await?;
    apply::refuse(&plan(source, &rows, Goal::Latest))?;
    let mut verified = Vec::new();
    for migration in &source.migrations {
        if !rows
            .iter()
            .any(|r| r.version == migration.version && r.state == MigrationState::Applied)
        {
            continue;
        }
        let started = clock::instant();
        let outcome = in_own_transaction(&mut connection, site, &migration.verify).await;
        let problem = match outcome {
            Ok(()) => None,
            Err(stop) if stop.failure.exit == flowcontrol_base::Exit::Environment => {
                return Err(stop.failure);
            }
            Err(stop) => Some(stop.failure.message),
        };
        verified.push(Verified {
            version: migration.version,
            name: migration.name.clone(),
            seconds: started.elapsed().as_secs_f64(),
            problem,
        });
    }
    connection.close().await.map_err(|e| {
        Failure::environment(format!("closing the connection to {}: {e}", site.endpoint.redacted()))
    })?;
    Ok(verified)
}

/// Runs a verify file in a read-only transaction of its own.
///
/// # Errors
/// A [`ScriptFailure`], as for a file inside a transaction.
pub async fn in_own_transaction(
    connection: &mut PgConnection,
    site: Site<'_>,
    script: &Script,
) -> Result<(), ScriptFailure> {
    let failed = |e| refused(script, None, &e);
    let mut transaction = connection
        .begin_with("begin transaction isolation level repeatable read read only")
        .await
        .map_err(failed)?;
    session::pin(&mut transaction, site, SettingScope::Transaction).await.map_err(failed)?;
    inside(&mut transaction, script).await?;
    transaction.rollback().await.map_err(failed)
}

/// Runs a verify file inside an open transaction, read-only and rolled back to a savepoint, so that
/// a failing file also rolls back its migration.
///
/// # Errors
/// A [`ScriptFailure`] that names the line that failed.
pub async fn inside_transaction(
    connection: &mut PgConnection,
    script: &Script,
) -> Result<(), ScriptFailure> {
    let failed = |e| refused(script, None, &e);
    let mut savepoint = connection.begin().await.map_err(failed)?;
    sqlx::raw_sql("set transaction read only").execute(&mut *savepoint).await.map_err(failed)?;
    inside(&mut savepoint, script).await?;
    savepoint.rollback().await.map_err(failed)
}

async fn inside(connection: &mut PgConnection, script: &Script) -> Result<(), ScriptFailure> {
    for statement in &script.statements {
        let denied = |e| refused(script, Some(statement), &e);
        let mut untrue = false;
        {
            let mut rows =
                sqlx::raw_sql(AssertSqlSafe(statement.text.clone())).fetch(&mut *connection);
            while let Some(row) = rows.try_next().await.map_err(denied)? {
                untrue |= is_untrue(&row).map_err(denied)?;
            }
        }
        if untrue {
            let place = format!("{} line {}", script.path, statement.line);
            return Err(ScriptFailure {
                failure: Failure::check(format!("{place}: the statement did not return true"))
                    .hint("the migration is not applied as its verify file expects"),
                note: format!("not true at {place}"),
                busy: false,
            });
        }
    }
    Ok(())
}

/// Whether the first column is a boolean that is false or null.
fn is_untrue(row: &PgRow) -> Result<bool, sqlx::Error> {
    if row.is_empty() {
        return Ok(false);
    }
    let value = row.try_get_raw(0)?;
    if value.type_info().name() != "BOOL" {
        return Ok(false);
    }
    Ok(value.is_null() || !row.try_get_unchecked::<bool, _>(0)?)
}
