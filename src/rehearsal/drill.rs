//! The rollback drill: refuses writes, restores the fallback store from Postgres, compares, watches for
//! a second writer, and lets writes through again.

use super::scratch::Scratch;
use super::{Order, Rehearsal};
use crate::config::Settings;
use crate::progress::Progress;
use crate::registry;
use flowcontrol_base::clock;
use flowcontrol_base::{Exit, Failure, Result};
use flowcontrol_contract::fence::Window;
use flowcontrol_contract::{CallCx, Digest, ErrorKind, Mode, ScenarioStore, TenantId, Timestamp};
use flowcontrol_evidence::{Draft, KnownSecrets, Outcome, ProfileRef, Verdict, schema};
use flowcontrol_gates::admit::{Binding, newest};
use flowcontrol_gates::outcome::{StepId, StepStatus};
use flowcontrol_gates::rollback::{DrillFacts, FreezeWatch, RestoredStore, checks};
use flowcontrol_gates::{Inputs, block, judge, rollback as gate};
use flowcontrol_servers::{TargetChoice, TargetKind};
use flowcontrol_snapshot as snapshot;
use flowcontrol_snapshot::{Summary, copy};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use tokio::sync::watch;

/// The request for a drill.
#[derive(Debug)]
pub struct DrillOrder<'a> {
    /// The active configuration, whose store is frozen.
    pub active: &'a Settings,
    /// The configuration that the drill is for.
    pub judged: &'a Settings,
    /// The target that a file-local scenario is replayed to, and restored from.
    pub target: TargetChoice,
    /// Minutes after which the freeze window expires, in case this process is killed.
    pub minutes: u32,
    /// The least time for which a second writer is watched for.
    pub watch: Duration,
    /// The command as it was given, for the evidence.
    pub ran: String,
}

/// The result of a drill.
#[derive(Debug)]
pub struct Drilled {
    /// The packet, not sealed yet.
    pub draft: Draft,
    /// Secrets that must not be in it.
    pub secrets: KnownSecrets,
    /// The failure that ended the drill early, if any.
    pub broken_off: Option<Failure>,
}

/// What was observed while writes were refused.
struct Seen {
    holds: bool,
    /// Refused writes of other clients; `None` when the window had ended before the drill did.
    refused: Option<u64>,
    before: Digest,
    after: Digest,
    back: Back,
}

/// The restored fallback store.
struct Back {
    restored: Result<RestoredStore, String>,
    target: Option<Value>,
    secrets: KnownSecrets,
}

/// Runs a drill. Writes are accepted again when this returns, whatever the result.
///
/// # Errors
/// When there is nothing to drill, the window cannot be raised, or `stop` becomes true; what the
/// drill found wrong is in the packet.
pub async fn drill(
    order: &DrillOrder<'_>,
    mut inputs: Inputs,
    progress: &Progress,
    mut stop: watch::Receiver<bool>,
) -> Result<Drilled> {
    let store = registry::open_store(order.active).await?;
    let tenants = store.tenants().await?;
    let Some(first) = tenants.first() else {
        return Err(Failure::check("the scenario is empty, so there is nothing to roll back to")
            .hint("`flowcontrol demo seed`, or append records first"));
    };
    let window = window(order, inputs.scenario.session.as_str())?;
    let began = clock::instant();
    let step = progress.step("freeze window", None);
    store.fence().raise(&tenants, &window).await?;
    step.done("");
    let found = Box::pin(under(order, &*store, &tenants, &window, progress, &mut stop)).await;
    // Also when the drill failed or was stopped, so that writers do not have to wait for the expiry.
    match store.fence().lift(&tenants, &window.id).await {
        Err(e) if e.kind() != ErrorKind::NotFound => return Err(e.into()),
        _ => {}
    }
    let lifted = !is_frozen(&*store, first).await?;
    let millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (seen, broken_off) = match found {
        Ok(seen) => (Some(seen), None),
        Err(failure) => (None, Some(failure)),
    };
    if let Some(seen) = &seen {
        inputs.scenario.snapshot = Some(seen.before);
    }
    let (dry_run, release) = rests_on(&inputs);
    let why = broken_off.as_ref().map_or_else(String::new, |failure| failure.message.clone());
    let (watched, fallback, target, secrets) = match seen {
        None => (Err(why), Err("not tried".to_owned()), None, KnownSecrets::new()),
        Some(Seen { holds, refused, before, after, back }) => {
            let watched = FreezeWatch {
                id: window.id.clone(),
                millis,
                holds,
                kept: refused.is_some(),
                refused: refused.unwrap_or(0),
                snapshots: (before, after),
                lifted,
            };
            (Ok(watched), back.restored, back.target, back.secrets)
        }
    };
    let facts = DrillFacts { window: watched, fallback, dry_run, release };
    let mut draft = draft(order, &inputs, &facts, &window, target)?;
    if broken_off.as_ref().is_some_and(|failure| failure.exit == Exit::Interrupted) {
        draft.outcome = Outcome::Interrupted;
    }
    Ok(Drilled { draft, secrets, broken_off })
}

/// The current dry run, and the newest recorded release handoff.
fn rests_on(inputs: &Inputs) -> (Result<Digest, String>, Option<Digest>) {
    let dry_run = newest(inputs, schema::DRY_RUN, Binding::Snapshot).map(|found| found.sha256);
    let release = inputs.packets.iter().rev().find(|e| {
        e.packet.schema == schema::RELEASE && e.packet.profile.name == inputs.profile.name
    });
    (dry_run, release.map(|e| e.sha256))
}

fn window(order: &DrillOrder<'_>, session: &str) -> Result<Window> {
    let now = clock::now();
    let ends = now.micros() + i64::from(order.minutes) * 60_000_000;
    let id = format!("drill-{}", clock::random_hex(4));
    let reason = format!("rollback drill of session {session}");
    Ok(Window::new(id, reason, now, Timestamp::from_micros(ends)?)?)
}

/// The part of the drill during which writes are refused.
async fn under(
    order: &DrillOrder<'_>,
    store: &dyn ScenarioStore,
    tenants: &[TenantId],
    window: &Window,
    progress: &Progress,
    stop: &mut watch::Receiver<bool>,
) -> Result<Seen> {
    let began = clock::instant();
    let first = tenants.first().ok_or_else(|| Failure::check("the scenario is empty"))?;
    let holds = is_frozen(store, first).await?;
    let own = u64::from(holds);
    let state = order.active.state();
    let scratch = Scratch::new(&state, "drill-")?;
    let frozen = scratch.path().join("before.jsonl.zst");
    let step = progress.step("freeze", None);
    let before = freeze(order, store, tenants, &frozen).await?;
    step.done("");
    let back = match store.info().mode {
        Mode::Live => from_store(store, tenants, &before, scratch.path(), progress).await?,
        _ => from_target(order, &frozen, progress, stop).await?,
    };
    if *stop.borrow() {
        return Err(Failure::interrupted());
    }
    let step = progress.step("watch for a second writer", None);
    let rest = order.watch.saturating_sub(began.elapsed());
    tokio::select! {
        () = tokio::time::sleep(rest) => {}
        () = super::run::stopped(stop) => return Err(Failure::interrupted()),
    }
    let after = freeze(order, store, tenants, &scratch.path().join("after.jsonl.zst")).await?;
    let raised = store.fence().window(tenants).await?.filter(|r| r.window.id == window.id);
    step.done("");
    let refused = raised.map(|raised| raised.refused.saturating_sub(own));
    Ok(Seen { holds, refused, before: before.sha256, after: after.sha256, back })
}

/// Whether a write is refused: the write of an existing roster, which changes nothing
/// if it is accepted.
async fn is_frozen(store: &dyn ScenarioStore, tenant: &TenantId) -> Result<bool> {
    let cx = CallCx::tenant(tenant.clone());
    let Some(roster) = store.roster(&cx).await? else {
        return Err(Failure::check(format!("tenant {tenant} has no roster")));
    };
    match store.enroll(&cx, &roster).await {
        Ok(()) => Ok(false),
        Err(e) if e.kind() == ErrorKind::Frozen => Ok(true),
        Err(e) => Err(e.into()),
    }
}

async fn freeze(
    order: &DrillOrder<'_>,
    store: &dyn ScenarioStore,
    tenants: &[TenantId],
    path: &Path,
) -> Result<Summary> {
    let session = order.active.config.session.clone();
    snapshot::freeze(store, session, tenants, path, |_| {}).await
}

/// The scenario is in Postgres already: the fallback is filled from there.
async fn from_store(
    store: &dyn ScenarioStore,
    tenants: &[TenantId],
    before: &Summary,
    scratch: &Path,
    progress: &Progress,
) -> Result<Back> {
    let info = store.info();
    let step = progress.step("restore the fallback", Some(before.records));
    let files = registry::open_file_store(&scratch.join("fallback")).await?;
    copy(store.export(tenants).await?, before.sha256, &*files, |n| step.inc(n)).await?;
    let session = before.header.session.clone();
    let path = scratch.join("fallback.jsonl.zst");
    let back = snapshot::freeze(&*files, session, tenants, &path, |_| {}).await?;
    step.done("");
    Ok(Back {
        restored: Ok(RestoredStore {
            from: info.endpoint.clone(),
            records: back.records,
            sha256: back.sha256,
        }),
        target: Some(json!({"kind": TargetKind::External, "endpoint": info.endpoint})),
        secrets: KnownSecrets::new(),
    })
}

/// The scenario is file-local: it is replayed into a Postgres as in a rehearsal, and restored.
async fn from_target(
    order: &DrillOrder<'_>,
    frozen: &Path,
    progress: &Progress,
    stop: &mut watch::Receiver<bool>,
) -> Result<Back> {
    let rehearsal = Order {
        target: order.target,
        snapshot: Some(frozen.to_owned()),
        resume: None,
        ran: order.ran.clone(),
        // The isolation probes belong to a rehearsal, not to a drill.
        without: &[StepId::Isolation],
    };
    let mut run = Rehearsal::begin(order.judged, &rehearsal, progress)?;
    run.walk(stop).await?;
    let report = &run.report;
    let open =
        report.steps.iter().find(|s| s.id != StepId::Evidence && s.status != StepStatus::Passed);
    let restored = match (open, &report.rollback, &report.snapshot) {
        (Some(step), _, _) => {
            Err(format!("{}: {}", step.title, step.detail.as_deref().unwrap_or("it did not run")))
        }
        (None, Some(back), Some(snapshot)) => Ok(RestoredStore {
            from: report.target.as_ref().map_or_else(String::new, |t| {
                format!("PostgreSQL {} ({})", t.server_version, t.kind)
            }),
            records: snapshot.records,
            sha256: back.sha256,
        }),
        _ => Err("the rollback was not run".to_owned()),
    };
    let target = report.target.as_ref().map(|t| json!(t));
    Ok(Back { restored, target, secrets: run.secrets.clone() })
}

fn draft(
    order: &DrillOrder<'_>,
    inputs: &Inputs,
    facts: &DrillFacts,
    window: &Window,
    target: Option<Value>,
) -> Result<Draft> {
    let checks = checks(facts);
    let ready = checks.iter().all(|c| c.verdict == Verdict::Ready);
    let lines =
        block::block(inputs, &judge(inputs), gate::ID).transpose().map_err(Failure::check)?;
    Ok(Draft {
        schema: schema::DRILL.to_owned(),
        created_at: clock::now(),
        tool_version: flowcontrol_base::VERSION.to_owned(),
        ran: order.ran.clone(),
        profile: ProfileRef { name: inputs.profile.name.clone(), sha256: inputs.profile.sha256 },
        snapshot_sha256: inputs.scenario.snapshot,
        target,
        checks,
        outcome: if ready { Outcome::Passed } else { Outcome::Failed },
        body: json!({
            "block": lines,
            "migrations_sha256": inputs.migrations,
            "window": window,
        }),
    })
}
