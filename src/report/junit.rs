//! The report as JUnit XML. What did not run is skipped, with the reason.

use flowcontrol_base::{Failure, Result};
use flowcontrol_evidence::Verdict;
use flowcontrol_gates::outcome::verdict;
use flowcontrol_gates::outcome::{
    Finding, RehearsalDecision, RehearsalReport, Scope, Severity, StepStatus,
};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use std::time::Duration;

/// The report as JUnit XML; ends with a line break.
///
/// # Errors
/// A check failure when the XML cannot be written, which no report leads to.
pub fn render(report: &RehearsalReport) -> Result<String> {
    let mut all = Report::new("FlowControl rehearsal");
    all.set_time(duration(report.seconds));
    // Without a scenario nothing is replayed, so no table is expected.
    let tables = (report.scope == Scope::Scenario).then(|| tables(report));
    let before = [steps(report), migrations(report), lint(report)];
    let after = [isolation(report), checks(report), decision(report)];
    for suite in before.into_iter().chain(tables).chain(after) {
        all.add_test_suite(suite);
    }
    let mut text = all
        .to_string()
        .map_err(|e| Failure::check(format!("cannot write the JUnit report: {e}")))?;
    // The common schema has `skipped` on a suite and not on the whole report.
    let whole = format!(" skipped=\"{}\"", all.skipped);
    if let Some(at) = text.find(&whole) {
        text.replace_range(at..at + whole.len(), "");
    }
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}

fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

fn case(suite: &str, name: &str, seconds: Option<f64>, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(name, status);
    case.set_classname(format!("flowcontrol.{suite}"));
    // Always with a time: some readers treat a missing one as an error.
    case.set_time(duration(seconds.unwrap_or(0.0)));
    case
}

fn bad(kind: NonSuccessKind, label: &str, message: &str, body: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(label).set_message(message);
    status.set_description(body);
    status
}

fn failure(label: &str, message: &str, hint: Option<&str>) -> TestCaseStatus {
    let hint = hint.map(|h| format!("\nHint: {h}")).unwrap_or_default();
    bad(NonSuccessKind::Failure, label, message, &format!("{message}{hint}"))
}

fn skipped(why: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(why);
    status
}

/// A suite for a part that did not run: one skipped case, so that its absence is visible.
fn not_run(suite: &str, why: &str) -> TestSuite {
    let mut out = TestSuite::new(suite);
    out.add_test_case(case(suite, suite, None, skipped(why)));
    out.set_time(Duration::ZERO);
    out
}

/// Adds up the cases' times.
fn finish(mut suite: TestSuite) -> TestSuite {
    let total = suite.test_cases.iter().filter_map(|c| c.time).sum();
    suite.set_time(total);
    suite
}

fn steps(report: &RehearsalReport) -> TestSuite {
    let mut suite = TestSuite::new("steps");
    for step in &report.steps {
        let detail = step.detail.as_deref().unwrap_or("no detail was recorded");
        let hint = step.hint.as_deref();
        let status = match step.status {
            StepStatus::Passed => TestCaseStatus::success(),
            StepStatus::Failed => failure("step", detail, hint),
            StepStatus::Interrupted => {
                bad(NonSuccessKind::Error, "interrupted", detail, hint.unwrap_or(detail))
            }
            StepStatus::Skipped => skipped(step.detail.as_deref().unwrap_or("it was not started")),
        };
        suite.add_test_case(case("steps", step.id.name(), step.seconds, status));
    }
    finish(suite)
}

fn migrations(report: &RehearsalReport) -> TestSuite {
    let Some(migrations) = &report.migrations else {
        return not_run("migrations", "no migration was applied");
    };
    let mut suite = TestSuite::new("migrations");
    for m in migrations {
        let status = match &m.error {
            Some(error) => failure("migration", error, None),
            None => TestCaseStatus::success(),
        };
        let name = format!("{}_{}", m.version, m.name);
        suite.add_test_case(case("migrations", &name, Some(m.seconds), status));
    }
    finish(suite)
}

fn lint(report: &RehearsalReport) -> TestSuite {
    let Some(findings) = &report.findings else {
        return not_run("lint", "lint did not run");
    };
    let mut suite = TestSuite::new("lint");
    if findings.is_empty() {
        suite.add_test_case(case("lint", "no finding", None, TestCaseStatus::success()));
    }
    for finding in findings {
        let status = match (&finding.waived, finding.severity) {
            (Some(reason), _) => skipped(&format!("waived: {reason}")),
            (None, Severity::Error) => {
                failure(&finding.rule, &finding.message, finding.hint.as_deref())
            }
            // Waived findings and infos decide nothing; SARIF has them.
            (None, Severity::Warning | Severity::Info) => {
                skipped(&format!("{}: {}", finding.severity.name(), finding.message))
            }
        };
        suite.add_test_case(case("lint", &finding_name(finding), None, status));
    }
    finish(suite)
}

fn finding_name(finding: &Finding) -> String {
    let mut name = finding.rule.clone();
    let line = finding.line.map(|l| format!("line {l}"));
    for part in [finding.file.clone(), line, finding.object.clone()].into_iter().flatten() {
        name.push(' ');
        name.push_str(&part);
    }
    name
}

/// One case for each table: whether what was read back is what was sent.
fn tables(report: &RehearsalReport) -> TestSuite {
    let Some(verify) = &report.verify else {
        return not_run("verify", "nothing was read back");
    };
    let mut suite = TestSuite::new("verify");
    let mut names: Vec<&str> =
        report.replay.iter().flat_map(|r| &r.tables).map(|t| t.name.as_str()).collect();
    for mismatch in &verify.mismatches {
        if !names.contains(&mismatch.table.as_str()) {
            names.push(&mismatch.table);
        }
    }
    for name in &names {
        let wrong: Vec<String> = verify
            .mismatches
            .iter()
            .filter(|m| m.table == *name)
            .map(|m| {
                let tenant = m.tenant.as_ref().map(|t| format!("tenant {t}, ")).unwrap_or_default();
                let row = m.row.as_ref().map(|r| format!("row {r}: ")).unwrap_or_default();
                format!("{tenant}{row}{}", m.message)
            })
            .collect();
        let status = match wrong.first() {
            None => TestCaseStatus::success(),
            Some(first) => bad(NonSuccessKind::Failure, "mismatch", first, &wrong.join("\n")),
        };
        suite.add_test_case(case("verify", name, None, status));
    }
    // A verdict of its own, since a mismatch need not belong to a table.
    let status = if verify.matched {
        TestCaseStatus::success()
    } else {
        failure("mismatch", "the rows read back differ from the snapshot", None)
    };
    suite.add_test_case(case("verify", "everything matched", None, status));
    finish(suite)
}

fn isolation(report: &RehearsalReport) -> TestSuite {
    let Some(isolation) = &report.isolation else {
        return not_run("isolation", "tenant isolation was not probed");
    };
    let mut suite = TestSuite::new("isolation");
    let mut ids: Vec<&str> = isolation.cases.iter().map(|c| c.id.as_str()).collect();
    for leak in &isolation.leaks {
        if !ids.contains(&leak.case.as_str()) {
            ids.push(&leak.case);
        }
    }
    for id in ids {
        let known = isolation.cases.iter().find(|c| c.id == id);
        let leaks: Vec<String> = isolation
            .leaks
            .iter()
            .filter(|l| l.case == id)
            .map(|l| format!("{}: {}", l.object, l.message))
            .collect();
        let status = match (leaks.first(), known) {
            (Some(first), _) => bad(NonSuccessKind::Failure, "leak", first, &leaks.join("\n")),
            (None, Some(c)) if c.leaks > 0 => failure("leak", "it leaked", None),
            (None, Some(c)) if c.probes == 0 => skipped("nothing of the kind was probed"),
            (None, _) => TestCaseStatus::success(),
        };
        let name = known.map_or(id.to_owned(), |c| format!("{id}: {}", c.title));
        suite.add_test_case(case("isolation", &name, None, status));
    }
    finish(suite)
}

/// Open checks are not failures of a rehearsal, so they are skipped with their reason.
fn checks(report: &RehearsalReport) -> TestSuite {
    let mut suite = TestSuite::new("checks");
    for check in &report.checks {
        let status = match check.verdict {
            Verdict::Ready => TestCaseStatus::success(),
            Verdict::Next | Verdict::Blocked => {
                skipped(&format!("{}: {}", check.verdict.name(), check.reason))
            }
        };
        let name = format!("{} {}", check.gate, check.id);
        suite.add_test_case(case("checks", &name, None, status));
    }
    for unproved in &report.unproved {
        let status = skipped(&format!("not proved: {}", unproved.why));
        suite.add_test_case(case("checks", &unproved.what, None, status));
    }
    finish(suite)
}

/// A case that fails when the rehearsal is NO-GO, whatever the other suites show.
fn decision(report: &RehearsalReport) -> TestSuite {
    let mut suite = TestSuite::new("decision");
    let reasons = verdict::reasons(report);
    let status = match report.decision {
        RehearsalDecision::Go => TestCaseStatus::success(),
        RehearsalDecision::NoGo => {
            let message = reasons.first().map_or("NO-GO", String::as_str);
            bad(NonSuccessKind::Failure, "decision", message, &reasons.join("\n"))
        }
    };
    suite.add_test_case(case("decision", "rehearsal is GO", None, status));
    finish(suite)
}
