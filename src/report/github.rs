//! GitHub workflow commands: one annotation for each error, warning and notice. They are printed to
//! standard output, where the runner reads them.

use flowcontrol_gates::outcome::verdict;
use flowcontrol_gates::outcome::{RehearsalDecision, RehearsalReport, Severity, StepStatus};
use std::fmt::Write as _;

/// The commands, one a line; the decision is the last.
pub fn render(report: &RehearsalReport) -> String {
    let mut out = String::new();
    for finding in report.findings.iter().flatten().filter(|f| f.waived.is_none()) {
        let level = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "notice",
        };
        let file = finding.file.as_deref();
        let text = with_hint(&finding.message, finding.hint.as_deref());
        let about = finding.object.as_ref().map(|o| format!(" ({o})")).unwrap_or_default();
        let title = format!("{}{about}", finding.rule);
        command(&mut out, level, file, finding.line, &title, &text);
    }
    for leak in report.isolation.iter().flat_map(|part| &part.leaks) {
        let title = format!("Leak: {} ({})", leak.object, leak.case);
        let text = with_hint(&leak.message, leak.hint.as_deref());
        command(&mut out, "error", leak.file.as_deref(), leak.line, &title, &text);
    }
    for mismatch in report.verify.iter().flat_map(|part| &part.mismatches) {
        let row = mismatch.row.as_ref().map(|r| format!(", row {r}")).unwrap_or_default();
        let tenant = mismatch.tenant.as_ref().map(|t| format!(", tenant {t}")).unwrap_or_default();
        let title = format!("Mismatch: {}{tenant}{row}", mismatch.table);
        command(&mut out, "error", None, None, &title, &mismatch.message);
    }
    for step in &report.steps {
        let why = step.detail.as_deref().unwrap_or("no detail was recorded");
        let text = with_hint(why, step.hint.as_deref());
        match step.status {
            StepStatus::Failed => {
                command(&mut out, "error", None, None, &format!("Step {} failed", step.id), &text);
            }
            StepStatus::Interrupted => {
                let title = format!("Step {} was interrupted", step.id);
                command(&mut out, "error", None, None, &title, &text);
            }
            StepStatus::Passed | StepStatus::Skipped => {}
        }
    }
    for unproved in &report.unproved {
        let title = format!("Not proved: {}", unproved.what);
        command(&mut out, "warning", None, None, &title, &unproved.why);
    }
    let title = format!("Rehearsal {}", report.decision.name());
    match report.decision {
        RehearsalDecision::Go => {
            command(&mut out, "notice", None, None, &title, "every step of this rehearsal passed");
        }
        RehearsalDecision::NoGo => {
            let text = verdict::reasons(report).join("; ");
            command(&mut out, "error", None, None, &title, &text);
        }
    }
    out
}

fn with_hint(text: &str, hint: Option<&str>) -> String {
    match hint {
        Some(hint) => format!("{text}\nHint: {hint}"),
        None => text.to_owned(),
    }
}

fn command(
    out: &mut String,
    level: &str,
    file: Option<&str>,
    line: Option<u32>,
    title: &str,
    text: &str,
) {
    let _ = write!(out, "::{level} ");
    if let Some(file) = file {
        let _ = write!(out, "file={},", property(file));
        if let Some(line) = line {
            let _ = write!(out, "line={line},");
        }
    }
    let _ = writeln!(out, "title={}::{}", property(title), data(text));
}

/// Escapes a message; `%` must be first, or it would escape the other escapes.
fn data(text: &str) -> String {
    let text = text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    text.replace(|c: char| c.is_control(), "\u{fffd}")
}

/// Escapes the value of a property, which `:` and `,` would end.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::{command, data, property};

    #[test]
    fn nothing_can_end_a_command_or_a_property_early() {
        assert_eq!(data("50%\r\n::error::x"), "50%25%0D%0A::error::x");
        assert_eq!(property("a:b,c%2C\n"), "a%3Ab%2Cc%252C%0A");
        let mut out = String::new();
        command(&mut out, "error", Some("m/1,2.sql"), Some(7), "t::u", "one\ntwo");
        assert_eq!(out, "::error file=m/1%2C2.sql,line=7,title=t%3A%3Au::one%0Atwo\n");
    }
}
