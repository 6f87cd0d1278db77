//! `rollback drill` and `rollback env`.

use super::args::{Format, Rollback};
use super::{Cx, Stop, gates, handoff, out};
use crate::rehearsal::drill::{DrillOrder, Drilled, drill};
use crate::report::adapters::verdicts;
use flowcontrol_base::{Exit, Result};
use flowcontrol_evidence::Verdict;
use std::time::Duration;

/// Runs the drill, or prints the values.
pub async fn run(cx: &Cx, args: &Rollback, named: bool) -> Result<Exit> {
    let (target, judged, watch, minutes) = match args {
        Rollback::Env { judged } => return handoff::rollback(cx, judged.as_deref(), named).await,
        Rollback::Drill { target, judged, watch, minutes } => (target, judged, watch, minutes),
    };
    // A key that cannot be read must stop the command before anything is frozen.
    let evidence = cx.settings.evidence()?;
    let stop = Stop::listen(|| {
        super::out::note(
            "stopping; writes are allowed again, and what this drill created is removed",
        )
    });
    let inputs = gates::gather(cx, judged.as_deref(), named).await?;
    let settings = cx.settings.with_profile(judged.as_deref())?;
    let order = DrillOrder {
        active: &cx.settings,
        judged: &settings,
        target: *target,
        minutes: *minutes,
        watch: Duration::from_secs(*watch),
        ran: format!("rollback drill --target {target}"),
    };
    let done = Box::pin(drill(&order, inputs, &cx.progress, stop.receiver())).await;
    cx.progress.clear();
    let Drilled { draft, secrets, broken_off } = done?;
    let stored = evidence.append(draft, &secrets)?;
    if let Some(failure) = broken_off {
        return Err(failure);
    }
    let packet = stored.sealed.packet();
    match cx.format {
        Format::Json => out::text(stored.sealed.text())?,
        Format::Text => out::text(&verdicts("rollback drill", &stored, cx.view))?,
    }
    let ready = packet.checks.iter().all(|c| c.verdict == Verdict::Ready);
    Ok(if ready { Exit::Done } else { Exit::Check })
}
