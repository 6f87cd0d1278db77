//! Lint findings and leaks as SARIF 2.1.0, for code scanning.

use super::json;
use flowcontrol_base::Result;
use flowcontrol_contract::Digest;
use flowcontrol_gates::outcome::{Finding, Leak, RehearsalReport, Severity};
use serde_json::{Value, json};
use std::fmt::Write as _;

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The SARIF log; ends with a line break. When lint or the probes did not run, the invocation says
/// so and is not marked successful: an empty list of results would look like a clean run.
///
/// # Errors
/// As [`json::pretty`].
pub fn render(report: &RehearsalReport) -> Result<String> {
    let mut missing = Vec::new();
    if report.findings.is_none() {
        missing.push(notification("lint did not run, so its findings are not known"));
    }
    if report.isolation.is_none() {
        missing.push(notification("isolation was not probed, so leaks are not known"));
    }
    log(report, &missing)
}

/// The SARIF log of lint alone.
///
/// # Errors
/// As [`json::pretty`].
pub fn render_lint(report: &RehearsalReport) -> Result<String> {
    log(report, &[])
}

fn log(report: &RehearsalReport, missing: &[Value]) -> Result<String> {
    let mut rules = Rules::default();
    let mut results = Vec::new();
    for finding in report.findings.iter().flatten() {
        results.push(finding_result(finding, &mut rules));
    }
    for leak in report.isolation.iter().flat_map(|part| &part.leaks) {
        results.push(leak_result(leak, report, &mut rules));
    }
    let invocation = json!({
        "executionSuccessful": missing.is_empty(),
        "startTimeUtc": report.started_at,
        "toolExecutionNotifications": missing,
    });
    json::pretty(&json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "FlowControl",
                "version": report.tool_version,
                "rules": rules.list,
            }},
            "columnKind": "unicodeCodePoints",
            "invocations": [invocation],
            "results": results,
        }],
    }))
}

fn notification(text: &str) -> Value {
    json!({"level": "error", "message": {"text": text}})
}

#[derive(Default)]
struct Rules {
    list: Vec<Value>,
}

impl Rules {
    /// The index of a rule; the first finding of a rule describes it.
    fn index(&mut self, id: &str, level: &str, short: &str, help: &str) -> usize {
        if let Some(at) = self.list.iter().position(|rule| rule["id"] == id) {
            return at;
        }
        self.list.push(json!({
            "id": id,
            "shortDescription": {"text": short},
            "help": {"text": help},
            "defaultConfiguration": {"level": level},
        }));
        self.list.len() - 1
    }
}

fn finding_result(finding: &Finding, rules: &mut Rules) -> Value {
    let level = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    };
    let help = finding.hint.as_deref().unwrap_or(&finding.message);
    let short = format!("Migration rule {}", finding.rule);
    let index = rules.index(&finding.rule, level, &short, help);
    let mut result = json!({
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": level,
        "message": {"text": message(&finding.message, finding.hint.as_deref())},
        "locations": locations(finding.file.as_deref(), finding.line, finding.object.as_deref()),
        "partialFingerprints": fingerprint(
            &finding.rule,
            finding.file.as_deref(),
            finding.object.as_deref(),
            &finding.message,
        ),
    });
    if let Some(reason) = &finding.waived {
        result["suppressions"] = json!([{"kind": "external", "justification": reason}]);
    }
    result
}

fn leak_result(leak: &Leak, report: &RehearsalReport, rules: &mut Rules) -> Value {
    let id = format!("isolation/{}", leak.case);
    let cases = report.isolation.iter().flat_map(|part| &part.cases);
    let title = cases.into_iter().find(|c| c.id == leak.case).map(|c| c.title.as_str());
    let short = title.unwrap_or("A way from one tenant to the data of another");
    let help = leak.hint.as_deref().unwrap_or(short);
    let index = rules.index(&id, "error", short, help);
    let text = format!("{}: {}", leak.object, message(&leak.message, leak.hint.as_deref()));
    json!({
        "ruleId": id,
        "ruleIndex": index,
        "level": "error",
        "message": {"text": text},
        "locations": locations(leak.file.as_deref(), leak.line, Some(&leak.object)),
        "partialFingerprints":
            fingerprint(&id, leak.file.as_deref(), Some(&leak.object), &leak.message),
    })
}

fn message(text: &str, hint: Option<&str>) -> String {
    hint.map_or(text.to_owned(), |hint| format!("{text}. Hint: {hint}"))
}

fn locations(file: Option<&str>, line: Option<u32>, object: Option<&str>) -> Value {
    let mut location = json!({});
    if let Some(file) = file {
        let mut place = json!({"artifactLocation": artifact(file)});
        if let Some(line) = line.filter(|l| *l > 0) {
            place["region"] = json!({"startLine": line});
        }
        location["physicalLocation"] = place;
    }
    if let Some(object) = object {
        location["logicalLocations"] = json!([{"fullyQualifiedName": object}]);
    }
    if file.is_none() && object.is_none() { json!([]) } else { json!([location]) }
}

/// A relative path is relative to the root of the sources, wherever the reader has them.
fn artifact(file: &str) -> Value {
    let path = file.replace('\\', "/");
    let path = path.strip_prefix("./").unwrap_or(&path);
    if path.starts_with('/') {
        json!({"uri": format!("file://{}", encoded(path))})
    } else {
        json!({"uri": encoded(path), "uriBaseId": "%SRCROOT%"})
    }
}

/// Percent-encodes everything but unreserved characters; also the colon, which would turn the text
/// before it into a URI scheme.
fn encoded(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// A finding keeps its identity when lines move.
fn fingerprint(rule: &str, file: Option<&str>, object: Option<&str>, message: &str) -> Value {
    let parts = [rule, file.unwrap_or_default(), object.unwrap_or_default(), message];
    json!({"flowcontrol/v1": Digest::of(parts.join("\n"))})
}

#[cfg(test)]
mod tests {
    use super::artifact;
    use serde_json::json;

    #[test]
    fn paths_become_uris() {
        let base = "%SRCROOT%";
        for (path, uri) in [
            ("migrations/0001_a.up.sql", "migrations/0001_a.up.sql"),
            ("./migrations/a b%.sql", "migrations/a%20b%25.sql"),
            ("migracje\\żółć:1.sql", "migracje/%C5%BC%C3%B3%C5%82%C4%87%3A1.sql"),
        ] {
            assert_eq!(artifact(path), json!({"uri": uri, "uriBaseId": base}), "{path}");
        }
        assert_eq!(artifact("/srv/m/a.sql"), json!({"uri": "file:///srv/m/a.sql"}));
    }
}
