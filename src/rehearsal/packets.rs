//! The evidence packets of a rehearsal.

use super::Rehearsal;
use flowcontrol_base::Result;
use flowcontrol_base::clock;
use flowcontrol_evidence::{
    CheckResult, Draft, Outcome, ProfileRef, StoredPacket, Verdict, schema,
};
use flowcontrol_gates::outcome::{
    CheckLine, PacketRef, RehearsalDecision, Scope, StepId, StepStatus,
};
use flowcontrol_gates::{connection, dry_run};
use serde_json::{Value, json};

fn draft(
    run: &Rehearsal<'_>,
    schema: &str,
    checks: Vec<CheckResult>,
    outcome: Outcome,
    body: Value,
) -> Result<Draft> {
    let target = run.report.target.as_ref().map(serde_json::to_value).transpose();
    Ok(Draft {
        schema: schema.to_owned(),
        created_at: clock::now(),
        tool_version: run.report.tool_version.clone(),
        ran: run.order.ran.clone(),
        profile: ProfileRef {
            name: run.settings.config.profile.clone(),
            sha256: run.settings.digest()?,
        },
        snapshot_sha256: run.report.snapshot.as_ref().map(|s| s.sha256),
        target: target
            .map_err(|e| flowcontrol_base::Failure::environment(format!("evidence: {e}")))?,
        checks,
        outcome,
        body,
    })
}

/// The outcome: passed only when every check is ready.
fn judged(checks: &[CheckResult]) -> Outcome {
    if checks.iter().all(|c| c.verdict == Verdict::Ready) {
        Outcome::Passed
    } else {
        Outcome::Failed
    }
}

/// The packet of one step.
pub fn step(run: &Rehearsal<'_>, id: StepId) -> Result<Draft> {
    let step = run.report.step(id);
    let body = json!({
        "step": id,
        "status": step.map(|s| s.status.name()),
        "seconds": step.and_then(|s| s.seconds),
        "detail": step.and_then(|s| s.detail.clone()),
    });
    draft(run, schema::STEP, Vec::new(), run.outcome(id), body)
}

/// The packet of the connection probes.
pub fn connection(run: &Rehearsal<'_>) -> Result<Draft> {
    let checks = run.resources.facts.as_ref().map(connection::checks).unwrap_or_default();
    let endpoint = run.resources.facts.as_ref().map(|f| f.endpoint.clone());
    let outcome = judged(&checks);
    draft(run, schema::CONNECTION, checks, outcome, json!({ "endpoint": endpoint }))
}

/// The packet of the dry run.
pub fn dry_run(run: &Rehearsal<'_>) -> Result<Draft> {
    let checks = dry_run::checks(&run.report);
    let interrupted = run.report.steps.iter().any(|s| s.status == StepStatus::Interrupted);
    let outcome = if interrupted { Outcome::Interrupted } else { judged(&checks) };
    let body = json!({
        "migrations_sha256": run.settings.migrations()?.digest(),
        "migrations": run.report.migrations,
        "replay": run.report.replay,
        "rollback": run.report.rollback,
        "unproved": run.report.unproved,
    });
    draft(run, schema::DRY_RUN, checks, outcome, body)
}

/// The packet of the whole rehearsal.
pub fn rehearsal(run: &Rehearsal<'_>) -> Result<Draft> {
    let outcome = match run.report.decision {
        RehearsalDecision::Go => Outcome::Passed,
        RehearsalDecision::NoGo
            if run.report.steps.iter().any(|s| s.status == StepStatus::Interrupted) =>
        {
            Outcome::Interrupted
        }
        RehearsalDecision::NoGo => Outcome::Failed,
    };
    let body = serde_json::to_value(&run.report)
        .map_err(|e| flowcontrol_base::Failure::environment(format!("evidence: {e}")))?;
    let schema = match run.report.scope {
        Scope::Scenario => schema::REHEARSAL,
        Scope::Migrations => schema::MIGRATIONS,
    };
    draft(run, schema, Vec::new(), outcome, body)
}

/// The checks of the gates that this rehearsal's evidence feeds.
pub fn checks(run: &Rehearsal<'_>) -> Vec<CheckLine> {
    let line = |gate: &str, c: CheckResult| CheckLine {
        gate: gate.to_owned(),
        id: c.id,
        verdict: c.verdict,
        reason: c.reason,
    };
    let connection = run.resources.facts.iter().flat_map(connection::checks);
    let dry_run = match run.report.scope {
        Scope::Scenario => dry_run::checks(&run.report),
        Scope::Migrations => Vec::new(),
    };
    connection
        .map(|c| line("connection", c))
        .chain(dry_run.into_iter().map(|c| line("dry-run", c)))
        .collect()
}

/// The report's reference to a packet.
pub fn reference(stored: &StoredPacket) -> PacketRef {
    PacketRef {
        schema: stored.sealed.packet().schema.clone(),
        sha256: stored.sealed.sha256(),
        path: stored.path.display().to_string(),
    }
}
