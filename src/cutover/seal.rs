//! Seals a cutover: verifies that it can be restored from the database, and writes the packets.

use super::endpoints::Endpoints;
use super::journal::{CutoverFolder, Journal, Stage};
use super::run::{Cutover, after};
use super::slice::SnapshotSlice;
use crate::registry::{self, Purpose};
use flowcontrol_base::clock;
use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::{Digest, ErrorKind, ScenarioStore};
use flowcontrol_evidence::{CheckResult, Draft, Outcome, Verdict, schema};
use flowcontrol_gates::cutover::GROUPS;
use flowcontrol_snapshot::{copy, freeze};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Days for which the source stays frozen after the seal, since later writes to it
/// would be lost. `cutover abort` is not possible any more; `scenario thaw` is.
const AFTERWARDS_DAYS: i64 = 365;

/// The checks of a cutover's packet: its batches, then parity and the rollback seal.
pub(super) const CHECKS: [(&str, &str); 6] = [
    (GROUPS[0].id, GROUPS[0].title),
    (GROUPS[1].id, GROUPS[1].title),
    (GROUPS[2].id, GROUPS[2].title),
    (GROUPS[3].id, GROUPS[3].title),
    ("parity", "Audit parity"),
    ("rollback-seal", "Rollback seal"),
];

impl Cutover<'_> {
    /// Verifies the restore from the database, then seals the packet; afterwards no abort is possible.
    pub(super) async fn seal(
        &mut self,
        slice: &SnapshotSlice<'_>,
        store: &Arc<dyn ScenarioStore>,
        compared: bool,
    ) -> Result<Digest> {
        let since = clock::instant();
        if !compared {
            let step = self.progress.step("compare", None);
            let found = slice.compare(&self.endpoints, GROUPS.len(), |n| step.inc(n)).await?;
            self.unproved = found.unproved;
            step.done("");
        }
        let step = self.progress.step("rollback seal", Some(slice.summary.records));
        let back = way_back(&self.endpoints, slice, &self.folder, |n| step.inc(n)).await?;
        step.done("");
        self.close_source().await?;
        self.still_closed(&**store).await?;
        let detail =
            format!("a fallback store restored from the database freezes to {}", back.short());
        self.done("rollback-seal", detail, since.elapsed().as_secs_f64())?;
        let draft = packet(self, back)?;
        let stored = self.evidence.append(draft, &self.endpoints.secrets)?;
        self.journal.stage = Stage::Sealed;
        self.folder.write(&self.journal)?;
        lift(&**store, &self.endpoints, &self.journal).await?;
        Ok(stored.sealed.sha256())
    }

    /// Freezes the source for a year and checks that nothing was written before: its window may have expired
    /// while this process was suspended.
    async fn close_source(&mut self) -> Result<()> {
        self.journal.window.expires_at = after(clock::now(), AFTERWARDS_DAYS * 86_400_000_000)?;
        let source = Arc::clone(&self.endpoints.source);
        source.fence().raise(&self.endpoints.tenants, &self.journal.window).await?;
        let session = self.inputs.scenario.session.clone();
        let scratch = self.folder.scratch()?;
        let path = scratch.path().join("source.jsonl.zst");
        let now = freeze(&*source, session, &self.endpoints.tenants, &path, |_| {}).await?;
        self.as_judged(&now)
    }

    /// Checks that the database's freeze window lasted from the last comparison until now.
    async fn still_closed(&self, store: &dyn ScenarioStore) -> Result<()> {
        let id = &self.journal.window.id;
        for tenant in &self.endpoints.tenants {
            let window = store.fence().window(std::slice::from_ref(tenant)).await?;
            if window.is_none_or(|raised| raised.window.id != *id) {
                return Err(Failure::check(format!(
                    "freeze window {id} of tenant {tenant} ended in {} before the cutover was sealed",
                    self.journal.database
                ))
                .hint("resuming raises it again and compares again; --minutes makes it longer"));
            }
        }
        Ok(())
    }
}

/// Lifts the database's freeze window, which may have expired already.
pub(super) async fn lift(
    store: &dyn ScenarioStore,
    endpoints: &Endpoints,
    journal: &Journal,
) -> Result<()> {
    match store.fence().lift(&endpoints.tenants, &journal.window.id).await {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(e.into()),
        _ => Ok(()),
    }
}

/// Restores a file store from the database and freezes it.
///
/// # Errors
/// A check failure with both digests when they differ.
pub async fn way_back(
    endpoints: &Endpoints,
    slice: &SnapshotSlice<'_>,
    folder: &CutoverFolder,
    on_records: impl FnMut(u64),
) -> Result<Digest> {
    let store = endpoints.store(&endpoints.server.logins.auditor, Purpose::Auditor).await?;
    let scratch = folder.scratch()?;
    let files = registry::open_file_store(&scratch.path().join("store")).await?;
    copy(store.export(&endpoints.tenants).await?, slice.summary.sha256, &*files, on_records)
        .await?;
    let session = slice.summary.header.session.clone();
    let path = scratch.path().join("back.jsonl");
    let back = freeze(&*files, session, &endpoints.tenants, &path, |_| {}).await?;
    if back.sha256 != slice.summary.sha256 {
        return Err(Failure::check(format!(
            "the store restored from the database freezes to {}, not {}",
            back.sha256.short(),
            slice.summary.sha256.short()
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
/// this run and of earlier ones passed.
///
/// # Errors
/// A check failure when a batch is missing, which would be a defect.
pub(super) fn packet(cutover: &Cutover<'_>, back: Digest) -> Result<Draft> {
    if cutover.journal.stage != Stage::Batches(4) {
        return Err(Failure::check("a batch is missing, so nothing is sealed"));
    }
    let compared = "its rows were compared with the snapshot".to_owned();
    let mut parity =
        format!("every row and every evidence packet so far is in {}", cutover.journal.database);
    if let Some(why) = &cutover.unproved {
        parity.push_str(&format!("; whether there are extra rows is unproved: {why}"));
    }
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
        tool_version: flowcontrol_base::VERSION.to_owned(),
        ran: cutover.order.ran.clone(),
        profile: cutover.journal.profile.clone(),
        snapshot_sha256: Some(cutover.journal.sha256),
        target: Some(cutover.target()),
        checks,
        outcome,
        body,
    }
}
