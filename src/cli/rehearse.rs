//! `rehearse`.

use super::args::{Format, Rehearse};
use super::{Cx, Stop, out};
use crate::rehearsal::{Order, journal, rehearse};
use crate::report::{ReportFormat, github, json, terminal, write_reports};
use flowcontrol_base::{Exit, Failure, Result};
use flowcontrol_servers::TargetChoice;

/// Runs the rehearsal and prints its report, whatever the result.
pub async fn run(cx: &Cx, args: Rehearse) -> Result<Exit> {
    let order = order(cx, &args)?;
    let stop = Stop::listen(|| super::out::note("stopping; removing what this rehearsal created"));
    let done = Box::pin(rehearse(&cx.settings, &order, &cx.progress, stop.receiver())).await;
    drop(stop);
    cx.progress.clear();
    let done = done?;
    let written = write_reports(&args.out, &args.report, &done.report)?;
    match cx.format {
        Format::Json => out::text(&json::render(&done.report)?)?,
        Format::Text => out::text(&terminal::render(&done.report, cx.view))?,
    }
    if args.report.contains(&ReportFormat::Github) {
        out::text(&github::render(&done.report))?;
    }
    for path in &written {
        out::note(&format!("wrote {}", path.display()));
    }
    Ok(done.exit)
}

fn order(cx: &Cx, args: &Rehearse) -> Result<Order> {
    let mut order = Order {
        target: args.target,
        snapshot: args.snapshot.clone(),
        resume: None,
        ran: format!("rehearse --target {}", args.target),
        without: &[],
    };
    if args.resume {
        if args.target != TargetChoice::External {
            return Err(Failure::usage("--resume requires --target external")
                .hint("a throw-away target is removed with its rehearsal: start a new one"));
        }
        let unfinished = journal::newest(&cx.settings.state())?;
        let begun_with = &unfinished.journal.snapshot;
        if let Some(given) = &args.snapshot
            && &std::path::absolute(given).unwrap_or_else(|_| given.clone()) != begun_with
        {
            return Err(Failure::usage(format!(
                "the rehearsal to resume was started with {}, not with {}",
                begun_with.display(),
                given.display()
            )));
        }
        order.snapshot = Some(begun_with.clone());
        order.resume = Some(unfinished);
        order.ran.push_str(" --resume");
    }
    Ok(order)
}
