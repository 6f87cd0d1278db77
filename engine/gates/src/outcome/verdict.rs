//! GO or NO-GO for a rehearsal: a pure function of what its steps found.

use super::model::{Finding, RehearsalDecision, RehearsalReport, Severity, StepStatus};
use super::step::StepId;
use flowcontrol_base::text::{count, counted};

/// Every reason against GO, in the order of the steps; empty means GO. Absent parts never
/// count as a success.
pub fn reasons(report: &RehearsalReport) -> Vec<String> {
    let mut against = steps(report);
    // A part is missing only if its step passed; otherwise the step itself is the reason.
    let passed = |id: StepId| report.step(id).is_some_and(|s| s.status == StepStatus::Passed);
    // An empty text means that the part is present and in order.
    for (id, part, wrong) in [
        (StepId::Freeze, "snapshot", report.snapshot.as_ref().map(|_| String::new())),
        (StepId::Target, "target", report.target.as_ref().map(|_| String::new())),
        (StepId::Migrate, "migration", migrations(report)),
        (StepId::Migrate, "lint result", lint(report)),
        (StepId::Replay, "replay", replay(report)),
        (StepId::Verify, "verification", verify(report)),
        (StepId::Isolation, "isolation probe", isolation(report)),
        (StepId::Rollback, "rollback", rollback(report)),
    ] {
        match wrong {
            Some(wrong) if wrong.is_empty() => {}
            Some(wrong) => against.push(wrong),
            None if passed(id) => {
                against.push(format!("step {id} passed, but no {part} is reported"));
            }
            None => {}
        }
    }
    against
}

/// Steps that did not pass, those that did not run in one sentence.
fn steps(report: &RehearsalReport) -> Vec<String> {
    let mut against = Vec::new();
    let mut not_run = Vec::new();
    for id in report.scope.steps() {
        match report.step(id).map(|s| s.status) {
            Some(StepStatus::Passed) => {}
            Some(StepStatus::Failed) => against.push(format!("step {id} failed ({})", id.title())),
            Some(StepStatus::Interrupted) => against.push(format!("step {id} was interrupted")),
            Some(StepStatus::Skipped) | None => not_run.push(id.name()),
        }
    }
    match not_run.as_slice() {
        [] => {}
        [one] => against.push(format!("step {one} did not run")),
        [first @ .., last] => {
            against.push(format!("steps {} and {last} did not run", first.join(", ")));
        }
    }
    against
}

fn migrations(report: &RehearsalReport) -> Option<String> {
    let migrations = report.migrations.as_ref()?;
    let failed: Vec<String> = migrations
        .iter()
        .filter(|m| m.error.is_some())
        .map(|m| format!("migration {}_{} failed", m.version, m.name))
        .collect();
    Some(failed.join("; "))
}

fn lint(report: &RehearsalReport) -> Option<String> {
    let findings = report.findings.as_ref()?;
    let stands = |f: &&Finding| f.severity == Severity::Error && f.waived.is_none();
    Some(match findings.iter().filter(stands).count() as u64 {
        0 => String::new(),
        n => format!("{} without a waiver", counted(n, "lint error", "lint errors")),
    })
}

fn replay(report: &RehearsalReport) -> Option<String> {
    let replay = report.replay.as_ref()?;
    Some(match &report.snapshot {
        Some(snapshot) if snapshot.records != replay.records => format!(
            "replay wrote {} of the snapshot's {}",
            count(replay.records),
            counted(snapshot.records, "record", "records")
        ),
        _ => String::new(),
    })
}

fn verify(report: &RehearsalReport) -> Option<String> {
    let verify = report.verify.as_ref()?;
    let replayed = report.replay.as_ref().map_or(0, |r| r.tables.len() as u64);
    Some(match verify.mismatches.len() as u64 {
        0 if !verify.matched => "the rows read back differ from the snapshot".to_owned(),
        0 if verify.tables < replayed => {
            format!("{} of {replayed} replayed tables were read back", verify.tables)
        }
        0 => String::new(),
        n => format!("{} when reading back", counted(n, "mismatch", "mismatches")),
    })
}

fn isolation(report: &RehearsalReport) -> Option<String> {
    let isolation = report.isolation.as_ref()?;
    let by_case: u64 = isolation.cases.iter().map(|c| c.leaks).sum();
    Some(match (isolation.leaks.len() as u64).max(by_case) {
        0 if isolation.probes == 0 => "no isolation probe ran".to_owned(),
        0 => String::new(),
        n => format!("{} between tenants", counted(n, "leak", "leaks")),
    })
}

fn rollback(report: &RehearsalReport) -> Option<String> {
    let back = report.rollback.as_ref()?;
    let same = report.snapshot.as_ref().is_some_and(|s| s.sha256 == back.sha256);
    let wrong = "the restored store differs from the snapshot";
    Some(if back.equal && same { String::new() } else { wrong.to_owned() })
}

/// The decision that [`reasons`] lead to.
pub fn decide(report: &RehearsalReport) -> RehearsalDecision {
    if reasons(report).is_empty() { RehearsalDecision::Go } else { RehearsalDecision::NoGo }
}

/// What to do next, in one sentence: the first failed step's hint, or what follows a GO.
pub fn next_action(report: &RehearsalReport) -> String {
    let stopped = |status| report.steps.iter().find(|s| s.status == status);
    if let Some(step) = stopped(StepStatus::Failed) {
        return match &step.hint {
            Some(hint) => hint.clone(),
            None => format!("correct what step {} reports above, then rehearse again", step.id),
        };
    }
    if let Some(step) = stopped(StepStatus::Interrupted) {
        return match &step.hint {
            Some(hint) => hint.clone(),
            None => "run `flowcontrol rehearse` again".to_owned(),
        };
    }
    match report.decision {
        RehearsalDecision::Go => {
            "`flowcontrol evidence verify` checks the evidence, `flowcontrol gates` \
                         shows what is still open"
                .to_owned()
        }
        RehearsalDecision::NoGo => "correct what is reported above, then rehearse again".to_owned(),
    }
}
