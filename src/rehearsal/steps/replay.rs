//! Step 4: replays the snapshot in chunks with a ledger, as a role that is subject to row-level
//! security.

use super::store;
use super::{snapshot, workspace};
use crate::registry::Purpose;
use crate::rehearsal::prefetch::Prefetch;
use crate::rehearsal::{Rehearsal, StepOutcome};
use flowcontrol_base::Result;
use flowcontrol_base::clock;
use flowcontrol_gates::outcome::{ReplayPart, StepId};
use flowcontrol_snapshot::import;

/// Writes every record; those of an earlier run are kept and counted.
pub async fn replay(run: &mut Rehearsal<'_>) -> Result<StepOutcome> {
    let (path, summary) = snapshot(run)?;
    let login = workspace(run)?.logins.replayer;
    run.resources.store = Some(Prefetch::start(store::opening_verifier(run)?));
    let store = store::open(run, &login, Purpose::Replayer).await?;
    let step = run.progress.step(StepId::Replay.name(), Some(summary.records));
    let began = clock::instant();
    let done = import(&path, summary.sha256, &*store, |n| step.inc(n)).await?;
    let seconds = began.elapsed().as_secs_f64();
    step.done("");
    run.report.replay = Some(ReplayPart {
        records: done.resumed + done.written,
        chunks: done.chunks,
        seconds,
        // Filled when the rows are read back, not from what was sent.
        tables: Vec::new(),
    });
    let resumed = match done.resumed {
        0 => String::new(),
        n => format!(", {n} of them by an earlier run"),
    };
    Ok(StepOutcome::proved(format!(
        "{} records in {} chunks as {}{resumed}",
        done.resumed + done.written,
        done.chunks,
        login.user
    )))
}
