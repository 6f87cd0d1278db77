//! Step 7: rolls back from Postgres to a fresh file store.

use super::store;
use super::{snapshot, workspace};
use crate::registry;
use crate::registry::Purpose;
use crate::rehearsal::{Rehearsal, StepOutcome};
use flowcontrol_base::{Failure, Result};
use flowcontrol_files::AtPath as _;
use flowcontrol_gates::outcome::{RollbackPart, StepId};
use flowcontrol_snapshot::{copy, freeze};

/// Exports as a role that is subject to row-level security, fills a new file store,
/// freezes it and compares the digests.
pub async fn rollback(run: &mut Rehearsal<'_>) -> Result<StepOutcome> {
    let (_, summary) = snapshot(run)?;
    let login = workspace(run)?.logins.auditor;
    let store = match run.resources.store.take() {
        Some(store) => store.done().await?,
        None => store::open(run, &login, Purpose::Auditor).await?,
    };
    let tenants = run.resources.tenants();
    let scratch = tempfile::Builder::new().prefix("rollback-").tempdir_in(&run.folder);
    let scratch = scratch.at_path("create a folder in", &run.folder)?;
    let files = registry::open_file_store(&scratch.path().join("store")).await?;
    let step = run.progress.step(StepId::Rollback.name(), Some(summary.records));
    let export = store.export(&tenants).await?;
    copy(export, summary.sha256, &*files, |n| step.inc(n)).await?;
    let session = summary.header.session.clone();
    let frozen =
        freeze(&*files, session, &tenants, &scratch.path().join("back.jsonl"), |_| {}).await?;
    step.done("");
    let equal = frozen.sha256 == summary.sha256;
    run.report.rollback = Some(RollbackPart { sha256: frozen.sha256, equal });
    scratch
        .close()
        .map_err(|e| Failure::environment(format!("cannot remove the fresh file store: {e}")))?;
    let detail =
        format!("a fresh file store filled from Postgres freezes to {}", frozen.sha256.short());
    Ok(match equal {
        true => StepOutcome::proved(format!("{detail}, the snapshot's digest")),
        false => StepOutcome::found(format!("{detail}, not to {}", summary.sha256.short())),
    })
}
