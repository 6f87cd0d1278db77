//! Runs files: `up` applies, `down` reverts, each under the lock and in its own transaction.

use super::engine::Engine;
use super::ledger::{Ledger, LedgerRow, MigrationState};
use super::plan::{Direction, Goal, Plan, plan};
use super::relation_lock::{LockMode, RelationLock, locks, relations};
use super::session::{self, ScriptFailure, SettingScope, refused};
use super::source::{Migration, Source, Version};
use super::{Site, verify};
use flowcontrol_base::clock;
use flowcontrol_base::{Failure, Result};
use sqlx::Connection;
use sqlx::postgres::PgConnection;
use std::time::Duration;

/// A migration that was applied.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Applied {
    /// Its number.
    pub version: Version,
    /// Its name.
    pub name: String,
    /// Seconds from the transaction's begin to its commit, verify file included.
    pub seconds: f64,
    /// The strongest lock held at commit on any relation, new ones included. None for a file that
    /// runs outside a transaction, which holds locks for one statement at a time.
    pub max_lock: Option<LockMode>,
    /// Locks that can block other sessions: on relations that existed before, stronger than
    /// those for writing rows.
    pub existing: Vec<RelationLock>,
    /// The number of attempts until its locks were free, from 1.
    pub attempts: u32,
}

/// A migration that was reverted.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Reverted {
    /// Its number.
    pub version: Version,
    /// Its name.
    pub name: String,
    /// Seconds from the transaction's begin to its commit.
    pub seconds: f64,
}

/// The ledger's rows, by version, and the plan to the newest version.
///
/// # Errors
/// An environment failure when the database cannot be queried. Changes nothing.
pub async fn status(site: Site<'_>, source: &Source, goal: Goal) -> Result<(Vec<LedgerRow>, Plan)> {
    let mut connection = session::open(site, "flowcontrol status").await?;
    let rows = Ledger::new(&site.layout.ledger_schema).rows(&mut connection).await?;
    connection.close().await.map_err(|e| {
        Failure::environment(format!("closing the connection to {}: {e}", site.endpoint.redacted()))
    })?;
    let plan = plan(source, &rows, goal);
    Ok((rows, plan))
}

/// Applies everything up to `to`, or everything.
///
/// # Errors
/// A check failure for a NO-GO plan, or for a file that the server or its verify file refuses; an
/// environment failure when locks are not free within the budget. Files applied before the
/// failing one stay applied; the failing file is rolled back, if it runs in a transaction.
pub async fn up(site: Site<'_>, source: &Source, to: Option<Version>) -> Result<Vec<Applied>> {
    let mut engine = Engine::start(site).await?;
    let outcome = engine.up(source, to.map_or(Goal::Latest, Goal::UpTo)).await;
    engine.finish(outcome).await
}

/// Reverts everything above `to`; `Version(0)` reverts all.
///
/// # Errors
/// As [`up`].
pub async fn down(site: Site<'_>, source: &Source, to: Version) -> Result<Vec<Reverted>> {
    let mut engine = Engine::start(site).await?;
    let outcome = engine.down(source, to).await;
    engine.finish(outcome).await
}

/// Refuses a NO-GO plan with a failure that lists every problem.
///
/// # Errors
/// A check failure when the plan has a problem.
pub fn refuse(plan: &Plan) -> Result<()> {
    let Some(first) = plan.problems.first() else { return Ok(()) };
    let all: Vec<&str> = plan.problems.iter().map(|p| p.message.as_str()).collect();
    Err(Failure::check(format!("NO-GO: {}", all.join("\n  "))).hint(first.hint.clone()))
}

/// One migration and what running it needs.
pub(super) struct Attempts<'a, 'site> {
    pub(super) engine: &'a mut Engine<'site>,
    pub(super) ledger: &'a Ledger,
    pub(super) migration: &'a Migration,
}

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

impl Attempts<'_, '_> {
    /// Tries until the file's locks are free or the budget ends. The pauses let sessions proceed that
    /// queue behind the waiting file.
    pub(super) async fn run(self, direction: Direction) -> Result<Applied> {
        let Self { engine, ledger, migration } = self;
        let site = engine.site;
        let script = match direction {
            Direction::Up => &migration.up,
            Direction::Down => &migration.down,
        };
        let started = clock::instant();
        let mut pause = FIRST_PAUSE;
        let mut attempts = 1;
        loop {
            engine.held.confirm(site).await?;
            let begun = clock::instant();
            let outcome = if script.outside_transaction {
                outside(engine, ledger, migration, direction).await
            } else {
                inside(engine, ledger, migration, direction).await
            };
            let mut stop = match outcome {
                Ok(applied) => return Ok(Applied { attempts, ..applied }),
                Err(stop) => stop,
            };
            let spent = started.elapsed() + pause + site.limits.lock_timeout;
            if stop.busy && !script.outside_transaction && spent <= site.limits.lock_budget {
                tracing::info!(version = %migration.version, "locks are held by other sessions; trying again");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
                attempts += 1;
                continue;
            }
            if stop.busy {
                let idle = idle_in_transaction(engine.connection()).await;
                let tried = format!("{}; tried {attempts} time(s)", stop.failure.message);
                stop.failure.message = format!("{tried}{idle}");
            }
            let seconds = begun.elapsed().as_secs_f64();
            let told =
                ledger.record_failure(engine.connection(), migration, seconds, &stop.note).await;
            if let Err(error) = told {
                let message = &mut stop.failure.message;
                message
                    .push_str(&format!("; and this could not be recorded in the ledger: {error}"));
            }
            return Err(stop.failure);
        }
    }
}

/// One attempt in one transaction: settings, statements, verify file, ledger, commit.
async fn inside(
    engine: &mut Engine<'_>,
    ledger: &Ledger,
    migration: &Migration,
    direction: Direction,
) -> Result<Applied, ScriptFailure> {
    let (script, state) = match direction {
        Direction::Up => (&migration.up, MigrationState::Applied),
        Direction::Down => (&migration.down, MigrationState::Reverted),
    };
    let failed = |e| refused(script, None, &e);
    let site = engine.site;
    let mut connection = engine.connect(script).await?;
    let started = clock::instant();
    let mut transaction = connection.begin().await.map_err(failed)?;
    session::pin(&mut transaction, site, SettingScope::Transaction).await.map_err(failed)?;
    let before = relations(&mut transaction).await.map_err(failed)?;
    for statement in &script.statements {
        session::run(&mut transaction, script, statement).await?;
    }
    // The file may have set another role; what follows are the engine's own statements. Deferred
    // constraints are checked here, where the file can still be named.
    sqlx::raw_sql("reset role; set constraints all immediate")
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
    if direction == Direction::Up {
        verify::inside_transaction(&mut transaction, &migration.verify).await?;
    }
    let locks = locks(&mut transaction, &site.layout.ledger_schema).await.map_err(failed)?;
    let seconds = started.elapsed().as_secs_f64();
    ledger.record(&mut transaction, migration, state, seconds).await.map_err(failed)?;
    transaction.commit().await.map_err(failed)?;
    let seconds = started.elapsed().as_secs_f64();
    engine.worker.keep(connection);
    let existing = locks
        .iter()
        .filter(|(_, mode)| **mode > LockMode::RowExclusiveLock)
        .filter_map(|(relation, mode)| {
            Some(RelationLock { relation: before.get(relation)?.clone(), mode: *mode })
        })
        .collect();
    Ok(Applied {
        version: migration.version,
        name: migration.name.clone(),
        seconds,
        max_lock: locks.values().copied().max(),
        existing,
        attempts: 1,
    })
}

/// One attempt, statement by statement. The ledger records it before the first statement, so that a
/// process killed in between leaves a trace.
async fn outside(
    engine: &mut Engine<'_>,
    ledger: &Ledger,
    migration: &Migration,
    direction: Direction,
) -> Result<Applied, ScriptFailure> {
    let (script, during, after) = match direction {
        Direction::Up => (&migration.up, MigrationState::Applying, MigrationState::Applied),
        Direction::Down => (&migration.down, MigrationState::Reverting, MigrationState::Reverted),
    };
    let failed = |e| refused(script, None, &e);
    let site = engine.site;
    let mut connection = engine.connect(script).await?;
    session::pin(&mut connection, site, SettingScope::Connection).await.map_err(failed)?;
    let started = clock::instant();
    ledger.record(engine.connection(), migration, during, 0.0).await.map_err(failed)?;
    for statement in &script.statements {
        session::run(&mut connection, script, statement).await?;
    }
    if direction == Direction::Up {
        verify::in_own_transaction(&mut connection, site, &migration.verify).await?;
    }
    let seconds = started.elapsed().as_secs_f64();
    ledger.record(engine.connection(), migration, after, seconds).await.map_err(failed)?;
    engine.worker.keep(connection);
    Ok(Applied {
        version: migration.version,
        name: migration.name.clone(),
        seconds,
        max_lock: None,
        existing: Vec::new(),
        attempts: 1,
    })
}

/// Sessions that are idle in a transaction, as far as they are visible: the usual holders of a lock.
async fn idle_in_transaction(connection: &mut PgConnection) -> String {
    let found: Result<Vec<String>, sqlx::Error> = sqlx::query_scalar(
        "select pg_catalog.format('pid %s (%s)', pid,
                  coalesce(nullif(application_name, ''), 'unnamed'))
           from pg_catalog.pg_stat_activity
          where datname = pg_catalog.current_database() and state like 'idle in transaction%'
          order by pid limit 5",
    )
    .fetch_all(connection)
    .await;
    match found {
        Ok(sessions) if !sessions.is_empty() => {
            format!("; idle in a transaction: {}", sessions.join(", "))
        }
        Ok(_) => String::new(),
        Err(error) => format!("; the holder of the lock could not be determined: {error}"),
    }
}
