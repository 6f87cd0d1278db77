//! GO or NO-GO for a rehearsal: a pure function of what its steps found.

use super::model::{Decision, RehearsalReport, STEPS, Severity, StepStatus};

/// Every reason against GO, in the order of the steps; empty means GO. Nothing that is absent
/// counts in favour.
pub fn reasons(report: &RehearsalReport) -> Vec<String> {
    let mut against = Vec::new();
    for (id, title) in STEPS {
        match report.step(id).map(|s| s.status) {
            Some(StepStatus::Passed) => {}
            Some(StepStatus::Failed) => against.push(format!("step {id} failed ({title})")),
            Some(StepStatus::Interrupted) => against.push(format!("step {id} was interrupted")),
            Some(StepStatus::Skipped) | None => against.push(format!("step {id} did not run")),
        }
    }
    if report.snapshot.is_none() {
        against.push("no snapshot was frozen".to_owned());
    }
    for migration in report.migrations.iter().flatten().filter(|m| m.error.is_some()) {
        against.push(format!("migration {}_{} failed", migration.version, migration.name));
    }
    if report.migrations.is_none() {
        against.push("no migration was applied".to_owned());
    }
    let standing = report.findings.iter().flatten();
    let errors =
        standing.filter(|f| f.severity == Severity::Error && f.waived.is_none()).count();
    if errors > 0 {
        against.push(format!("{errors} lint error(s) without a waiver"));
    }
    match (&report.snapshot, &report.replay) {
        (Some(snapshot), Some(replay)) if snapshot.records != replay.records => {
            against.push(format!(
                "replay wrote {} of the snapshot's {} records",
                replay.records, snapshot.records
            ));
        }
        (_, Some(_)) => {}
        (_, None) => against.push("nothing was replayed".to_owned()),
    }
    match &report.verify {
        None => against.push("nothing was read back".to_owned()),
        Some(verify) if !verify.matched || !verify.mismatches.is_empty() => {
            against.push(format!("{} mismatch(es) on reading back", verify.mismatches.len()));
        }
        Some(_) => {}
    }
    match &report.isolation {
        None => against.push("tenant isolation was not probed".to_owned()),
        Some(isolation) if !isolation.leaks.is_empty() => {
            against.push(format!("{} leak(s) between tenants", isolation.leaks.len()));
        }
        Some(isolation) if isolation.probes == 0 => {
            against.push("not one isolation probe ran".to_owned());
        }
        Some(_) => {}
    }
    match (&report.snapshot, &report.rollback) {
        (_, None) => against.push("the way back was not proved".to_owned()),
        (Some(snapshot), Some(back)) if back.equal && back.sha256 == snapshot.sha256 => {}
        (_, Some(_)) => against.push("what came back is not the snapshot".to_owned()),
    }
    against
}

/// The decision that [`reasons`] lead to.
pub fn decide(report: &RehearsalReport) -> Decision {
    if reasons(report).is_empty() { Decision::Go } else { Decision::NoGo }
}

/// What to do next, in one sentence: the first failed step's way out, or what follows a GO.
pub fn next_action(report: &RehearsalReport) -> String {
    let stopped = |status| report.steps.iter().find(|s| s.status == status);
    if let Some(step) = stopped(StepStatus::Failed) {
        return match &step.hint {
            Some(hint) => hint.clone(),
            None => format!("put right what step {} names above, then rehearse again", step.id),
        };
    }
    if let Some(step) = stopped(StepStatus::Interrupted) {
        return match &step.hint {
            Some(hint) => hint.clone(),
            None => "run `flowcontrol rehearse` again; the target was disposed of".to_owned(),
        };
    }
    match report.decision {
        Decision::Go => "`flowcontrol evidence verify` checks the evidence, `flowcontrol gates` \
                         shows what is still open"
            .to_owned(),
        Decision::NoGo => "put right what is named above, then rehearse again".to_owned(),
    }
}
