//! Dry run: snapshot export, schema map, RBAC claims, adapter replay transcript, rollback
//! checkpoint.

use super::admit::{Binding, from_packet, newest, same_server};
use super::check;
use super::inputs::{Inputs, Role};
use super::spec::Gate;
use crate::outcome::{RehearsalReport, Severity, StepId, StepStatus};
use flowcontrol_evidence::{CheckResult, schema};
use serde_json::json;

/// The name on the command line.
pub const ID: &str = "dry-run";

/// The gate, from the newest dry-run packet of the judged profile and the current snapshot.
pub fn gate(inputs: &Inputs) -> Gate {
    let found = newest(inputs, schema::DRY_RUN, Binding::Snapshot)
        .and_then(|found| same_server(inputs, found));
    let command = inputs.rehearse_command();
    let owner = inputs.owner(Role::Director);
    let checks = [
        ("snapshot-export", "Snapshot export"),
        ("schema-map", "Schema map"),
        ("rbac-claims", "RBAC claims"),
        ("adapter-replay-transcript", "Adapter replay transcript"),
        ("rollback-checkpoint", "Rollback checkpoint"),
    ]
    .map(|(id, title)| from_packet(id, title, &found))
    .map(|c| c.owned_by(owner.clone()).supplied_by(command.clone()));
    Gate::new(ID, "Adapter dry run", checks.into()).with_packet(schema::DRY_RUN)
}

/// The gate's five checks, in order, from a rehearsal's report. What did not run is not ready.
pub fn checks(report: &RehearsalReport) -> Vec<CheckResult> {
    vec![export(report), schema(report), claims(report), replay(report), rollback(report)]
}

fn missing(what: &str) -> Result<String, String> {
    Err(format!("{what}; `flowcontrol rehearse` supplies it"))
}

fn export(report: &RehearsalReport) -> CheckResult {
    let outcome = match &report.snapshot {
        None => missing("no snapshot was frozen"),
        Some(s) if s.records == 0 => Err("the snapshot holds no record".to_owned()),
        Some(s) => Ok(format!("{} records are frozen as {}", s.records, s.short)),
    };
    let figures = report
        .snapshot
        .as_ref()
        .map_or(json!({}), |s| json!({"records": s.records, "sha256": s.sha256}));
    check("snapshot-export", "Snapshot export", outcome, figures)
}

fn schema(report: &RehearsalReport) -> CheckResult {
    let passed = step_passed(report, StepId::Migrate);
    let errors = report
        .findings
        .iter()
        .flatten()
        .filter(|f| f.severity == Severity::Error && f.waived.is_none())
        .count();
    let outcome = match &report.migrations {
        None => missing("no migration was applied"),
        Some(all) => match all.iter().find(|m| m.error.is_some()) {
            Some(failed) => Err(format!("migration {}_{} failed", failed.version, failed.name)),
            None if errors > 0 => Err(format!("lint found {errors} error(s) without a waiver")),
            None if !passed => Err("migrating up, down and up again was not proved".to_owned()),
            None => Ok(format!("{} migrations are applied, verified and reversible", all.len())),
        },
    };
    let figures =
        json!({"migrations": report.migrations.as_ref().map(Vec::len), "lint_errors": errors});
    check("schema-map", "Schema map", outcome, figures)
}

fn claims(report: &RehearsalReport) -> CheckResult {
    let outcome = match &report.isolation {
        None => missing("tenant isolation was not probed"),
        Some(i) if !i.leaks.is_empty() => {
            Err(format!("{} leak(s) from one tenant to another's rows", i.leaks.len()))
        }
        Some(i) if i.probes == 0 || !step_passed(report, StepId::Isolation) => {
            Err("the isolation probes did not complete".to_owned())
        }
        Some(i) => {
            Ok(format!("{} probes found no leak from one tenant to another's rows", i.probes))
        }
    };
    let figures = report
        .isolation
        .as_ref()
        .map_or(json!({}), |i| json!({"probes": i.probes, "leaks": i.leaks.len()}));
    check("rbac-claims", "RBAC claims", outcome, figures)
}

fn replay(report: &RehearsalReport) -> CheckResult {
    let outcome = match (&report.snapshot, &report.replay, &report.verify) {
        (_, None, _) | (None, _, _) => missing("nothing was replayed"),
        (_, _, None) => missing("nothing was read back"),
        (Some(s), Some(r), _) if s.records != r.records => {
            Err(format!("{} of {} records were replayed", r.records, s.records))
        }
        (_, _, Some(v)) if !v.matched || !v.mismatches.is_empty() => {
            Err(format!("{} row(s) differ from the snapshot", v.mismatches.len()))
        }
        (_, Some(r), Some(v)) => Ok(format!(
            "{} records were replayed and {} rows were read back unchanged ({})",
            r.records, v.rows, v.method
        )),
    };
    let figures = json!({"records": report.replay.as_ref().map(|r| r.records),
        "rows": report.verify.as_ref().map(|v| v.rows)});
    check("adapter-replay-transcript", "Adapter replay transcript", outcome, figures)
}

fn rollback(report: &RehearsalReport) -> CheckResult {
    let outcome = match (&report.snapshot, &report.rollback) {
        (_, None) | (None, _) => missing("the rollback was not run"),
        (Some(s), Some(back)) if back.equal && back.sha256 == s.sha256 => {
            Ok(format!("a fresh file store filled from Postgres freezes to {}", s.short))
        }
        (Some(s), Some(back)) => {
            Err(format!("the restored store freezes to {}, not {}", back.sha256.short(), s.short))
        }
    };
    let figures = report.rollback.as_ref().map_or(json!({}), |b| json!({"sha256": b.sha256}));
    check("rollback-checkpoint", "Rollback checkpoint", outcome, figures)
}

fn step_passed(report: &RehearsalReport, id: StepId) -> bool {
    report.step(id).is_some_and(|s| s.status == StepStatus::Passed)
}
