//! Aborts a cutover that is not complete: restores the database to its earlier state, and lets the
//! source take writes again.

use super::endpoints::{Endpoints, tables};
use super::foreign_objects;
use super::journal::{CutoverFolder, Journal, Stage};
use crate::config::Settings;
use flowcontrol_base::clock;
use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::sql::identifier;
use flowcontrol_contract::{Digest, ErrorKind, SessionId};
use flowcontrol_evidence::{CheckResult, Draft, Outcome, Verdict, schema};
use flowcontrol_runbook as runbook;
use flowcontrol_runbook::{Goal, MigrationState, Version};
use flowcontrol_servers::TargetKind;
use serde::Serialize;
use serde_json::{Map, json};
use sqlx::{AssertSqlSafe, Connection};
use std::path::Path;

/// The result of an abort.
#[derive(Debug, Serialize)]
pub struct Aborted {
    /// The cutover's id.
    pub id: String,
    /// The database.
    pub database: String,
    /// The number of emptied tables.
    pub emptied: usize,
    /// The number of reverted migrations.
    pub reverted: usize,
    /// The packet that records the abort.
    pub packet: Digest,
}

/// Restores the database to its state before [`super::run`] and lifts the freeze windows. Rows that the
/// cutover did not write are deleted with its own only if `discard` is set.
///
/// # Errors
/// A usage failure when no cutover was begun, a check failure when it is complete already or the
/// database holds foreign rows. The journal is kept until everything is restored, so an abort that was
/// interrupted can be repeated.
pub async fn abort(active: &Settings, discard: bool, ran: String) -> Result<Aborted> {
    let evidence = active.evidence()?;
    let folder = CutoverFolder::open(&active.state())?;
    let journal = folder.read()?.ok_or_else(|| {
        Failure::usage("no cutover was begun, so there is nothing to abort")
            .hint("`flowcontrol cutover plan` shows what one would do")
    })?;
    if journal.stage == Stage::Sealed {
        return Err(Failure::check(format!(
            "the scenario was cut over to {} and may have new records there; it cannot be emptied any more",
            journal.database
        ))
        .hint(
            "with the profile that is active now, `flowcontrol snapshot freeze` takes the \
             scenario from there; a file-local store imports it",
        ));
    }
    let judged = active.with_profile(Some(&journal.profile.name))?;
    let endpoints = Endpoints::open(active, &judged).await?;
    if endpoints.server.endpoint.redacted() != journal.database {
        return Err(Failure::check(format!(
            "the cutover was begun to {}, but {} is configured now",
            journal.database,
            endpoints.server.endpoint.redacted()
        ))
        .hint("configure the database that the cutover was begun to, then abort"));
    }
    let scratch = folder.scratch()?;
    let guard = (!discard).then(|| (active.config.session.clone(), scratch.path()));
    let (emptied, reverted) = restore(&endpoints, &judged, &journal, guard).await?;
    match endpoints.source.fence().lift(&endpoints.tenants, &journal.window.id).await {
        // The window may have expired, or have been lifted by hand.
        Err(e) if e.kind() != ErrorKind::NotFound => return Err(e.into()),
        _ => {}
    }
    let draft = draft(&journal, ran, emptied, reverted);
    let stored = evidence.append(draft, &endpoints.secrets)?;
    folder.forget()?;
    Ok(Aborted {
        id: journal.window.id,
        database: journal.database,
        emptied,
        reverted,
        packet: stored.sealed.sha256(),
    })
}

/// Empties the tables, then reverts what the cutover migrated. A migration that creates a table is
/// reverted last, so nothing is reverted before its rows are deleted.
async fn restore(
    endpoints: &Endpoints,
    judged: &Settings,
    journal: &Journal,
    guard: Option<(SessionId, &Path)>,
) -> Result<(usize, usize)> {
    let source = judged.migrations()?;
    if source.digest() != journal.migrations {
        return Err(Failure::check(format!(
            "the cutover was begun with migrations {}, but the current ones are {}",
            journal.migrations.short(),
            source.digest().short()
        ))
        .hint("restore the migration files, then abort"));
    }
    let site = endpoints.site();
    let (rows, _) = runbook::status(site, &source, Goal::Latest).await?;
    if !rows.iter().any(|r| r.state.is_in_force() || r.state == MigrationState::Failed) {
        return Ok((0, 0));
    }
    let complete = rows.iter().all(|r| r.state == MigrationState::Applied);
    let emptied = empty(endpoints, guard.map(|(session, path)| (session, path, complete))).await?;
    let above = rows.iter().any(|r| r.state.is_in_force() && r.version.0 > journal.found);
    let reverted = match above {
        true => Box::pin(runbook::down(site, &source, Version(journal.found))).await?.len(),
        false => 0,
    };
    if journal.found > 0 {
        endpoints.is_empty().await?;
    }
    Ok((emptied, reverted))
}

/// Empties every table of the schema in one statement, because the tables refer to each other; only the
/// owner may. Locks keep other sessions from writing between the check for foreign rows and the truncation.
async fn empty(endpoints: &Endpoints, guard: Option<(SessionId, &Path, bool)>) -> Result<usize> {
    let site = endpoints.site();
    let failed = |e: sqlx::Error| {
        Failure::environment(format!("cannot empty {}: {e}", site.endpoint.redacted()))
            .hint("terminate the sessions that lock its tables, then abort again")
    };
    let mut connection = site.endpoint.connect(site.login).await?;
    let schema = &site.layout.schema;
    let tables = tables(&mut connection, schema).await.map_err(failed)?;
    if !tables.is_empty() {
        let schema = identifier(schema);
        let names: Vec<String> =
            tables.iter().map(|t| format!("{schema}.{}", identifier(t))).collect();
        let (names, wait) = (names.join(", "), site.limits.lock_timeout.as_millis());
        let lock =
            format!("begin; set local lock_timeout = {wait}; lock table {names} in exclusive mode");
        sqlx::raw_sql(AssertSqlSafe(lock)).execute(&mut connection).await.map_err(failed)?;
        if let Some((session, scratch, complete)) = guard
            && let Some(other) =
                foreign_objects::find(endpoints, session, scratch, complete).await?
        {
            return Err(Failure::check(format!(
                "{} holds foreign objects that the cutover did not write: {other}; nothing was emptied",
                site.endpoint.redacted()
            ))
            .hint(
                "copy them elsewhere and delete them there, then abort; or \
                 `flowcontrol cutover abort --discard` empties it as well",
            ));
        }
        let sql = format!("truncate {names}; commit");
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.map_err(failed)?;
    }
    // The tables are empty; an error when closing changes nothing.
    drop(connection.close().await);
    Ok(tables.len())
}

fn draft(journal: &Journal, ran: String, emptied: usize, reverted: usize) -> Draft {
    let reason = format!(
        "rolled back: {emptied} tables emptied, {reverted} migrations reverted, the source takes \
         writes again"
    );
    let checks = super::seal::CHECKS.map(|(id, title)| CheckResult {
        id: id.to_owned(),
        title: title.to_owned(),
        verdict: Verdict::Next,
        reason: reason.clone(),
        figures: Map::new(),
    });
    Draft {
        schema: schema::CUTOVER_RUN.to_owned(),
        created_at: clock::now(),
        tool_version: flowcontrol_base::VERSION.to_owned(),
        ran,
        profile: journal.profile.clone(),
        snapshot_sha256: Some(journal.sha256),
        target: Some(json!({"kind": TargetKind::External, "database": journal.database})),
        checks: checks.into(),
        outcome: Outcome::Failed,
        body: json!({
            "cutover": journal.window.id,
            "rolled_back": true,
            "emptied": emptied,
            "reverted": reverted,
            "migrations_sha256": journal.migrations,
        }),
    }
}
