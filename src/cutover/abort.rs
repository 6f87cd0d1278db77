//! The way back before a cutover is complete: the database as it was found, and a source that
//! takes writes again.

use super::endpoints::{Endpoints, tables};
use super::foreign_objects;
use super::journal::{Folder, Journal, Stage};
use crate::config::Settings;
use flowcontrol_base::clock;
use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::sql::identifier;
use flowcontrol_contract::{Digest, ErrorKind, SessionId};
use flowcontrol_evidence::{CheckResult, Draft, Outcome, Verdict, schema};
use flowcontrol_runbook as runbook;
use flowcontrol_runbook::{Goal, State, Version};
use flowcontrol_target::TargetKind;
use serde::Serialize;
use serde_json::{Map, json};
use sqlx::{AssertSqlSafe, Connection};
use std::path::Path;

/// What an abort came to.
#[derive(Debug, Serialize)]
pub struct Aborted {
    /// The cutover's name.
    pub id: String,
    /// The database.
    pub database: String,
    /// How many tables were emptied.
    pub emptied: usize,
    /// How many migrations were reverted.
    pub reverted: usize,
    /// The packet that says so.
    pub packet: Digest,
}

/// Puts the database back to how [`super::run`] found it and lifts the windows. Rows that the
/// cutover did not write go with its own only when `discard` says so.
///
/// # Errors
/// A usage failure when no cutover was begun, a check failure when it is complete already or
/// somebody else's rows are there; the journal stays until everything is back, so an abort that was
/// cut off is repeated.
pub async fn abort(active: &Settings, discard: bool, ran: String) -> Result<Aborted> {
    let evidence = active.evidence()?;
    let folder = Folder::open(&active.state())?;
    let journal = folder.read()?.ok_or_else(|| {
        Failure::usage("no cutover was begun, so there is none to go back from")
            .hint("`flowcontrol cutover plan` shows what one would do")
    })?;
    if journal.stage == Stage::Sealed {
        return Err(Failure::check(format!(
            "the scenario was cut over to {} and may have grown there; it is not emptied any more",
            journal.database
        ))
        .hint(
            "with the profile that is in force now, `flowcontrol snapshot freeze` takes the \
             scenario from there; a file-local store imports it",
        ));
    }
    let judged = active.with_profile(Some(&journal.profile.name))?;
    let ends = Endpoints::open(active, &judged).await?;
    if ends.server.endpoint.redacted() != journal.database {
        return Err(Failure::check(format!(
            "the cutover was begun to {}, and {} is configured now",
            journal.database,
            ends.server.endpoint.redacted()
        ))
        .hint("configure the database that it was begun to, then abort"));
    }
    let scratch = folder.scratch()?;
    let guard = (!discard).then(|| (active.config.session.clone(), scratch.path()));
    let (emptied, reverted) = restore(&ends, &judged, &journal, guard).await?;
    match ends.source.fence().lift(&ends.tenants, &journal.window.id).await {
        // It may have ended by itself, or have been lifted by hand.
        Err(e) if e.kind() != ErrorKind::NotFound => return Err(e.into()),
        _ => {}
    }
    let draft = draft(&journal, ran, emptied, reverted);
    let stored = evidence.append(draft, &ends.secrets)?;
    folder.forget()?;
    Ok(Aborted {
        id: journal.window.id,
        database: journal.database,
        emptied,
        reverted,
        packet: stored.sealed.sha256(),
    })
}

/// Empties the tables, then reverts what the cutover migrated. A migration that makes a table goes
/// last, so nothing is reverted before its rows are gone.
async fn restore(
    ends: &Endpoints,
    judged: &Settings,
    journal: &Journal,
    guard: Option<(SessionId, &Path)>,
) -> Result<(usize, usize)> {
    let source = judged.migrations()?;
    if source.digest() != journal.migrations {
        return Err(Failure::check(format!(
            "the cutover was begun with migrations {}, not {}",
            journal.migrations.short(),
            source.digest().short()
        ))
        .hint("put the files back as they were, then abort"));
    }
    let site = ends.site();
    let (rows, _) = runbook::status(site, &source, Goal::Latest).await?;
    if !rows.iter().any(|r| r.state.is_in_force() || r.state == State::Failed) {
        return Ok((0, 0));
    }
    let complete = rows.iter().all(|r| r.state == State::Applied);
    let emptied = empty(ends, guard.map(|(session, path)| (session, path, complete))).await?;
    let above = rows.iter().any(|r| r.state.is_in_force() && r.version.0 > journal.found);
    let reverted = match above {
        true => Box::pin(runbook::down(site, &source, Version(journal.found))).await?.len(),
        false => 0,
    };
    if journal.found > 0 {
        ends.is_empty().await?;
    }
    Ok((emptied, reverted))
}

/// Empties every table of the schema in one statement: as the owner, who alone may, and because the
/// tables refer to each other. Nobody writes between the look at whose rows they are and that.
async fn empty(ends: &Endpoints, guard: Option<(SessionId, &Path, bool)>) -> Result<usize> {
    let site = ends.site();
    let failed = |e: sqlx::Error| {
        Failure::environment(format!("cannot empty {}: {e}", site.endpoint.redacted()))
            .hint("end the sessions that hold its tables, then abort again")
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
            && let Some(other) = foreign_objects::find(ends, session, scratch, complete).await?
        {
            return Err(Failure::check(format!(
                "{} holds what the cutover did not write: {other}; nothing was emptied",
                site.endpoint.redacted()
            ))
            .hint(
                "keep it elsewhere and delete it there, then abort; or \
                 `flowcontrol cutover abort --discard` empties it as well",
            ));
        }
        let sql = format!("truncate {names}; commit");
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.map_err(failed)?;
    }
    // The tables are empty; the farewell changes nothing.
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
