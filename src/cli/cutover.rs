//! `cutover plan / run / abort`.

use super::args::Cutover;
use super::{Cx, Stop, gates, out};
use crate::config::nearest;
use crate::cutover::{self, CutoverOrder, Journal, Stage};
use crate::report::cutover as views;
use flowcontrol_base::{Exit, Failure, Result};
use flowcontrol_evidence::{KnownSecrets, StoredPacket};
use flowcontrol_gates::cutover::{GROUPS, ID};
use flowcontrol_gates::{Inputs, Judgement, judge, record};

/// Plans, runs or aborts a cutover.
pub async fn run(cx: &Cx, args: &Cutover, named: bool) -> Result<Exit> {
    match args {
        Cutover::Plan { judged } => plan(cx, judged.as_deref(), named).await,
        Cutover::Run { judged, until, minutes } => {
            start(cx, judged.as_deref(), named, until.as_deref(), *minutes).await
        }
        Cutover::Abort { discard } => {
            let step = cx.progress.step("abort", None);
            let ran = if *discard { "cutover abort --discard" } else { "cutover abort" };
            let done = Box::pin(cutover::abort(&cx.settings, *discard, ran.to_owned())).await;
            step.done("");
            cx.progress.clear();
            let done = done?;
            out::either(cx.format, &done, || views::aborted(&done))?;
            Ok(Exit::Done)
        }
    }
}

/// The plan, sealed even if the gate is not ready: reviewers may want it before that.
async fn plan(cx: &Cx, judged: Option<&str>, named: bool) -> Result<Exit> {
    let inputs = gates::gather(cx, judged, named).await?;
    let judgement = judge(&inputs);
    let (plan, stored) = seal(cx, judged, &inputs, &judgement)?;
    out::either(cx.format, &plan, || views::plan(&plan, &stored, cx.view))?;
    Ok(Exit::Done)
}

fn seal(
    cx: &Cx,
    judged: Option<&str>,
    inputs: &Inputs,
    judgement: &Judgement,
) -> Result<(cutover::Plan, StoredPacket)> {
    let evidence = cx.settings.evidence()?;
    let settings = cx.settings.with_profile(judged)?;
    let external = settings.config.target.external.as_ref();
    let database = external.map(|e| format!("{}:{}/{}", e.host, e.port, e.database));
    let plan = cutover::plan(inputs, judgement, database);
    let mut draft =
        record::cutover(inputs, judgement, "cutover plan".to_owned()).map_err(Failure::check)?;
    draft.body["plan"] = serde_json::to_value(&plan)
        .map_err(|e| Failure::environment(format!("the plan cannot be serialized: {e}")))?;
    let stored = evidence.append(draft, &KnownSecrets::new())?;
    Ok((plan, stored))
}

async fn start(
    cx: &Cx,
    judged: Option<&str>,
    named: bool,
    until: Option<&str>,
    minutes: u32,
) -> Result<Exit> {
    if let Some(batch) = until.filter(|batch| GROUPS.iter().all(|g| g.id != *batch)) {
        let known = GROUPS.map(|g| g.id);
        let meant =
            nearest(batch, known).map_or_else(String::new, |near| format!("did you mean {near}? "));
        return Err(Failure::usage(format!("unknown batch {batch:?}"))
            .hint(format!("{meant}batches: {}", known.join(", "))));
    }
    let settings = cx.settings.with_profile(judged)?;
    let begun = cutover::peek(&cx.settings.state())?.filter(|j| j.stage != Stage::Sealed);
    if let Some(begun) = begun.as_ref().filter(|j| j.profile.name != settings.config.profile) {
        let name = &begun.profile.name;
        return Err(Failure::check(format!(
            "a cutover for profile {name} is in progress, not for {}",
            settings.config.profile
        ))
        .hint(format!(
            "`flowcontrol cutover run --for {name}` resumes it, `flowcontrol cutover abort` undoes it"
        )));
    }
    let inputs = gates::gather(cx, judged, named).await?;
    let judgement = judge(&inputs);
    ready(&judgement, &inputs, begun.as_ref())?;
    let order = CutoverOrder {
        active: &cx.settings,
        judged: &settings,
        minutes,
        until,
        ran: until.map_or_else(|| "cutover run".into(), |b| format!("cutover run --until {b}")),
    };
    let stop = Stop::listen(|| {
        super::out::note("stopping; acknowledged batches are kept and the source stays frozen")
    });
    let done = Box::pin(cutover::run(&order, &inputs, &cx.progress, stop.receiver())).await;
    drop(stop);
    cx.progress.clear();
    let done = done?;
    out::either(cx.format, &done, || views::ran(&done, cx.view))?;
    Ok(Exit::Done)
}

/// A cutover starts and resumes only while its gate is ready.
fn ready(judgement: &Judgement, inputs: &Inputs, begun: Option<&Journal>) -> Result<()> {
    let open = judgement.gate(ID).and_then(|gate| gate.checks.iter().find(|c| !c.is_ready()));
    let Some(check) = open else { return Ok(()) };
    let name = &inputs.profile.name;
    let state = begun.map_or_else(
        || "nothing was frozen or written".to_owned(),
        |journal| {
            format!(
                "{} is in progress in {}; `flowcontrol cutover abort` undoes it",
                journal.window.id, journal.database
            )
        },
    );
    Err(Failure::check(format!(
        "NO-GO for a cutover to profile {name}: {}: {}",
        check.title, check.reason
    ))
    .hint(format!("`flowcontrol gates {ID} --for {name}` shows what is missing; {state}")))
}
