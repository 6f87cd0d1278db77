//! Step 1: freezes the scenario, or takes a frozen snapshot.

use crate::registry;
use crate::rehearsal::{Rehearsal, StepOutcome};
use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::Digest;
use flowcontrol_demo as demo;
use flowcontrol_gates::outcome::SnapshotPart;
use flowcontrol_snapshot as snapshot;
use std::path::Path;

/// The snapshot's name in the run's folder.
pub const FILE: &str = "snapshot.jsonl.zst";

/// Freezes the configured store while writes may continue; `--snapshot` takes a file instead, and
/// the built-in demo profile fills its empty store first.
pub async fn freeze(run: &mut Rehearsal<'_>) -> Result<StepOutcome> {
    let (path, summary, origin) = match &run.order.snapshot {
        Some(path) => {
            let step = run.progress.step("verify the snapshot", None);
            let file = path.clone();
            let summary = tokio::task::spawn_blocking(move || snapshot::verify(&file, |_| {}))
                .await
                .map_err(|e| {
                    Failure::environment(format!("the task that verifies the snapshot failed: {e}"))
                })??;
            step.done("");
            unchanged(run, path, summary.sha256)?;
            (path.clone(), summary, format!("from {}", path.display()))
        }
        None => {
            let store = registry::open_store(run.settings).await?;
            let mut origin = format!("of {}", store.info().endpoint);
            if store.tenants().await?.is_empty() && run.settings.file.is_none() {
                let size = demo::Size::default();
                let step = run.progress.step("seed the demo", Some(size.records));
                demo::seed(&*store, size, |n| step.inc(n)).await?;
                step.done("");
                origin.push_str(", filled with the demo scenario");
            }
            let path = run.folder.join(FILE);
            let step = run.progress.step("freeze", None);
            let tenants = store.tenants().await?;
            let session = run.settings.config.session.clone();
            let summary =
                snapshot::freeze(&*store, session, &tenants, &path, |n| step.inc(n)).await?;
            step.done("");
            (path, summary, origin)
        }
    };
    run.report.session = Some(summary.header.session.to_string());
    run.report.snapshot = Some(SnapshotPart::new(summary.sha256, summary.records));
    let detail =
        format!("{} records of {} tenants {origin}", summary.records, summary.header.tenants.len());
    run.resources.snapshot = Some((path, summary));
    Ok(StepOutcome::proved(detail))
}

/// Checks that a resumed rehearsal uses the snapshot that it began with.
fn unchanged(run: &Rehearsal<'_>, path: &Path, found: Digest) -> Result<()> {
    let Some(earlier) = &run.order.resume else { return Ok(()) };
    if earlier.journal.sha256 == found {
        return Ok(());
    }
    Err(Failure::check(format!(
        "the rehearsal to resume was begun with snapshot {}, but {} is now {}",
        earlier.journal.sha256.short(),
        path.display(),
        found.short()
    ))
    .hint("restore the file, or rehearse again without --resume"))
}
