//! The end of a cutover: the way back from the database, and the packets.

use super::batch::Cargo;
use super::ends::Ends;
use super::journal::{Folder, Stage};
use super::run::Cutover;
use crate::clock;
use crate::error::{Failure, Result};
use crate::evidence::{CheckResult, Draft, Outcome, Verdict, schema};
use crate::gates::cutover::GROUPS;
use crate::registry::{self, Use};
use crate::snapshot::{copy, freeze};
use flowcontrol_contract::Digest;
use serde_json::{Map, Value, json};

/// The checks of a cutover's packet: its batches, and what follows them.
pub(super) const CHECKS: [(&str, &str); 6] = [
    (GROUPS[0].id, GROUPS[0].title),
    (GROUPS[1].id, GROUPS[1].title),
    (GROUPS[2].id, GROUPS[2].title),
    (GROUPS[3].id, GROUPS[3].title),
    ("parity", "Audit parity"),
    ("rollback-seal", "Rollback seal"),
];

/// Restores a file store from the database and freezes it.
///
/// # Errors
/// A check failure with both digests when they differ.
pub async fn way_back(
    ends: &Ends,
    cargo: &Cargo<'_>,
    folder: &Folder,
    on_records: impl FnMut(u64),
) -> Result<Digest> {
    let store = ends.store(&ends.server.logins.auditor, Use::Auditor).await?;
    let place = folder.file("");
    let scratch = tempfile::Builder::new().prefix("back-").tempdir_in(&place).map_err(|e| {
        Failure::environment(format!("cannot make a folder in {}: {e}", place.display()))
    })?;
    let files = registry::open_file_store(&scratch.path().join("store")).await?;
    copy(store.export(&ends.tenants).await?, cargo.summary.sha256, &*files, on_records).await?;
    let session = cargo.summary.header.session.clone();
    let path = scratch.path().join("back.jsonl");
    let back = freeze(&*files, session, &ends.tenants, &path, |_| {}).await?;
    if back.sha256 != cargo.summary.sha256 {
        return Err(Failure::check(format!(
            "what comes back from the database is {}, not {}",
            back.sha256.short(),
            cargo.summary.sha256.short()
        )));
    }
    Ok(back.sha256)
}

/// The packet of one step.
pub(super) fn step(
    cutover: &Cutover<'_>,
    step: &str,
    detail: &str,
    seconds: f64,
    outcome: Outcome,
) -> Draft {
    let body = json!({
        "cutover": cutover.journal.window.id,
        "step": step,
        "detail": detail,
        "seconds": seconds,
    });
    draft(cutover, schema::CUTOVER_STEP, Vec::new(), outcome, body)
}

/// The packet of the whole cutover. It is sealed when every batch was compared, so each step of
/// this run and of those before it passed.
///
/// # Errors
/// A check failure when a batch is missing, which would be a mistake of ours.
pub(super) fn packet(cutover: &Cutover<'_>, back: Digest) -> Result<Draft> {
    if cutover.journal.stage != Stage::Batches(4) {
        return Err(Failure::check("not every batch is there, so nothing is sealed"));
    }
    let compared = "its rows were compared with the snapshot".to_owned();
    let parity =
        format!("every row and every evidence packet so far is in {}", cutover.journal.database);
    let restored = format!("a fallback store restored from there freezes to {}", back.short());
    let checks = CHECKS.map(|(id, title)| CheckResult {
        id: id.to_owned(),
        title: title.to_owned(),
        verdict: Verdict::Ready,
        reason: match id {
            "parity" => parity.clone(),
            "rollback-seal" => restored.clone(),
            _ => compared.clone(),
        },
        figures: Map::new(),
    });
    let body = json!({
        "cutover": cutover.journal.window.id,
        "migrations_sha256": cutover.journal.migrations,
        "restored_sha256": back,
        "records": cutover.inputs.scenario.total(),
        "source_frozen_until": cutover.journal.window.expires_at,
    });
    Ok(draft(cutover, schema::CUTOVER_RUN, checks.into(), Outcome::Passed, body))
}

fn draft(
    cutover: &Cutover<'_>,
    schema: &str,
    checks: Vec<CheckResult>,
    outcome: Outcome,
    body: Value,
) -> Draft {
    Draft {
        schema: schema.to_owned(),
        created_at: clock::now(),
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        ran: cutover.order.ran.clone(),
        profile: cutover.journal.profile.clone(),
        snapshot_sha256: Some(cutover.journal.sha256),
        target: Some(cutover.target()),
        checks,
        outcome,
        body,
    }
}
