//! `gates`: loads the gates' inputs, judges them and prints the result.

use super::args::{Format, Gates, GatesReport};
use super::{Cx, out};
use crate::config::nearest;
use crate::decide::inputs::load;
use crate::report::gates as views;
use flowcontrol_base::{Exit, Failure, Result};
use flowcontrol_evidence::{KnownSecrets, StoredPacket};
use flowcontrol_gates::{IDS, Inputs, Judgement, judge, record};

/// Judges and prints. `named` says that the command line or the environment chose the profile.
pub async fn run(cx: &Cx, args: &Gates, named: bool) -> Result<Exit> {
    for id in args.gate.iter().chain(&args.require) {
        known(id)?;
    }
    if args.report.is_some() && cx.format == Format::Json {
        return Err(Failure::usage("--report markdown and --format json cannot be combined")
            .hint("give one of them"));
    }
    let inputs = gather(cx, args.judged.as_deref(), named).await?;
    let judgement = judge(&inputs);
    if let Some(gate) = args.gate.as_deref().filter(|_| args.record) {
        let sealed = seal(cx, &inputs, &judgement, gate, format!("gates {gate} --record"))?;
        out::note(&format!("sealed {}", sealed.path.display()));
    }
    let only = args.gate.as_deref();
    let text = match (args.report, cx.format) {
        (Some(GatesReport::Markdown), _) => views::markdown::render(&judgement, only),
        (None, Format::Json) => views::json(&judgement, only)?,
        (None, Format::Text) => views::text(&judgement, only, cx.view),
    };
    out::text(&text)?;
    let required = args.require.as_deref().and_then(|id| judgement.gate(id));
    Ok(if required.is_some_and(|gate| !gate.is_complete()) { Exit::Check } else { Exit::Done })
}

/// Seals the result of `gate` as its packet; `ran` is the command.
pub fn seal(
    cx: &Cx,
    inputs: &Inputs,
    judgement: &Judgement,
    gate: &str,
    ran: String,
) -> Result<StoredPacket> {
    let draft = record::draft(inputs, judgement, gate, ran).map_err(|why| {
        Failure::usage(format!("nothing to record for {gate}: {why}")).hint(format!(
            "`flowcontrol gates {gate}` shows the command that supplies what is missing"
        ))
    })?;
    cx.settings.evidence()?.append(draft, &KnownSecrets::new())
}

/// Loads the gates' inputs from the configured store; see [`gather::gather`].
pub async fn gather(cx: &Cx, wanted: Option<&str>, named: bool) -> Result<Inputs> {
    let inputs = load(&cx.settings, Box::pin(cx.store()), &cx.progress, wanted, named).await;
    cx.progress.clear();
    inputs
}

fn known(id: &str) -> Result<()> {
    if IDS.contains(&id) {
        return Ok(());
    }
    let meant = nearest(id, IDS).map_or_else(String::new, |near| format!("did you mean {near}? "));
    Err(Failure::usage(format!("unknown gate {id:?}"))
        .hint(format!("{meant}known gates: {}", IDS.join(", "))))
}
