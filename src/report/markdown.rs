//! The report as GitHub Markdown, for a CI step summary.

use flowcontrol_base::text::layout::{count, counted, seconds};
use flowcontrol_gates::outcome::verdict;
use flowcontrol_gates::outcome::{RehearsalDecision, RehearsalReport, Scope, StepStatus};
use std::fmt::Write as _;

/// The report as Markdown; ends with a line break. Every text from outside is escaped.
pub fn render(report: &RehearsalReport) -> String {
    let mut page = Page(String::new());
    page.head(report);
    page.steps(report);
    page.wrong(report);
    page.parts(report);
    page.findings(report);
    page.rest(report);
    page.0
}

struct Page(String);

impl Page {
    fn line(&mut self, text: &str) {
        self.0.push_str(text);
        self.0.push('\n');
    }

    fn heading(&mut self, text: &str) {
        self.line(&format!("\n### {text}\n"));
    }

    /// The cells must be escaped.
    fn table(&mut self, header: &str, align: &str, rows: impl IntoIterator<Item = Vec<String>>) {
        self.line(&format!("| {header} |"));
        self.line(&format!("| {align} |"));
        for row in rows {
            self.line(&format!("| {} |", row.join(" | ")));
        }
    }

    fn head(&mut self, report: &RehearsalReport) {
        self.line(&format!("## FlowControl rehearsal: {}\n", report.decision.name()));
        match report.decision {
            RehearsalDecision::Go => self.line("Every step of this rehearsal passed."),
            RehearsalDecision::NoGo => {
                for reason in verdict::reasons(report) {
                    self.line(&format!("- {}", escape(&reason)));
                }
            }
        }
        if !report.unproved.is_empty() {
            let things = counted(report.unproved.len() as u64, "thing", "things");
            self.line(&format!("\n{things} not proved, named below."));
        }
        self.line(&format!("\nNext: {}\n", next(report)));
        let mut rows = vec![vec![
            "Run".to_owned(),
            format!("{}, {}", report.started_at, seconds(report.seconds)),
        ]];
        let session = report.session.as_deref().map(|s| format!(", session {s}"));
        rows.push(vec![
            "With".to_owned(),
            escape(&format!(
                "flowcontrol {}, profile {}{}",
                report.tool_version,
                report.profile,
                session.unwrap_or_default()
            )),
        ]);
        rows.push(match report.scope {
            Scope::Migrations => vec![
                "Scope".to_owned(),
                "the migrations and the isolation of their tenants; no scenario".to_owned(),
            ],
            Scope::Scenario => vec![
                "Snapshot".to_owned(),
                report.snapshot.as_ref().map_or("not frozen".to_owned(), |s| {
                    let records = counted(s.records, "record", "records");
                    format!("{}, {records}<br>{}", code(&s.short), code(&s.sha256.to_string()))
                }),
            ],
        });
        rows.push(vec![
            "Target".to_owned(),
            report.target.as_ref().map_or("none was reached".to_owned(), |t| {
                let first = format!("{}, PostgreSQL {}", t.kind, t.server_version);
                let because = t.chosen_because.as_ref().map(|w| format!("chosen because {w}"));
                let image = t.image.as_ref().map(|i| format!("image {i}"));
                let lines = [Some(first), because, image, t.identity.clone()];
                let lines: Vec<String> = lines.iter().flatten().map(|l| escape(l)).collect();
                lines.join("<br>")
            }),
        ]);
        self.table("What | Value", "--- | ---", rows);
    }

    fn steps(&mut self, report: &RehearsalReport) {
        self.heading("Steps");
        let rows = report.steps.iter().enumerate().map(|(i, step)| {
            let status = match step.status {
                StepStatus::Passed => "passed",
                StepStatus::Failed => "**FAILED**",
                StepStatus::Skipped => "not run",
                StepStatus::Interrupted => "**interrupted**",
            };
            let mut detail = step.detail.as_deref().map(escape).unwrap_or_default();
            if let Some(hint) = &step.hint {
                let gap = if detail.is_empty() { "" } else { "<br>" };
                let _ = write!(detail, "{gap}Hint: {}", escape(hint));
            }
            let time = step.seconds.map(seconds).unwrap_or_default();
            vec![(i + 1).to_string(), escape(&step.title), status.to_owned(), time, detail]
        });
        let rows: Vec<_> = rows.collect();
        self.table("# | Step | Result | Time | Detail", "---: | --- | --- | ---: | ---", rows);
    }

    /// Leaks and mismatches, before the parts that passed.
    fn wrong(&mut self, report: &RehearsalReport) {
        let leaks: Vec<_> = report.isolation.iter().flat_map(|i| &i.leaks).collect();
        if !leaks.is_empty() {
            self.heading("Leaks between tenants");
            let rows = leaks.iter().map(|leak| {
                let hint = leak.hint.as_deref().map(escape).unwrap_or_default();
                vec![code(&leak.object), escape(&leak.case), escape(&leak.message), hint]
            });
            let rows: Vec<_> = rows.collect();
            self.table("Object | Case | What could be done | Hint", "--- | --- | --- | ---", rows);
        }
        let mismatches: Vec<_> = report.verify.iter().flat_map(|v| &v.mismatches).collect();
        if !mismatches.is_empty() {
            self.heading("Mismatches on reading back");
            let or_none = |text: &Option<String>| text.as_deref().map(code).unwrap_or_default();
            let rows = mismatches.iter().map(|m| {
                let tenant = m.tenant.as_deref().map(escape).unwrap_or_default();
                let row = or_none(&m.row);
                let table = code(&m.table);
                vec![
                    table,
                    tenant,
                    row,
                    escape(&m.message),
                    or_none(&m.expected),
                    or_none(&m.found),
                ]
            });
            let rows: Vec<_> = rows.collect();
            self.table(
                "Table | Tenant | Row | What differs | Sent | Read",
                "--- | --- | --- | --- | --- | ---",
                rows,
            );
        }
    }

    fn parts(&mut self, report: &RehearsalReport) {
        self.heading("Migrations");
        match &report.migrations {
            None => self.line("Not run."),
            Some(migrations) => {
                let rows = migrations.iter().map(|m| {
                    let lock = m.max_lock.as_deref().map_or("none".to_owned(), escape);
                    let result = match &m.error {
                        Some(error) => format!("**FAILED**: {}", escape(error)),
                        None => "in force".to_owned(),
                    };
                    vec![escape(&m.version), escape(&m.name), seconds(m.seconds), lock, result]
                });
                let rows: Vec<_> = rows.collect();
                self.table(
                    "Version | Name | Time | Strongest lock | Result",
                    "--- | --- | ---: | --- | ---",
                    rows,
                );
            }
        }
        let scenario = report.scope == Scope::Scenario;
        if scenario {
            self.replay(report);
        }
        self.isolation(report);
        if scenario {
            self.rollback(report);
        }
    }

    fn replay(&mut self, report: &RehearsalReport) {
        self.heading("Replay and verification");
        match &report.replay {
            None => self.line("Nothing was replayed."),
            Some(replay) => {
                let chunks = counted(replay.chunks, "chunk", "chunks");
                let records = counted(replay.records, "record", "records");
                self.line(&format!("{records} in {chunks}, {}.\n", seconds(replay.seconds)));
                let rows = replay
                    .tables
                    .iter()
                    .map(|t| vec![escape(&t.name), count(t.rows), code(&t.sha256.to_string())]);
                let rows: Vec<_> = rows.collect();
                self.table("Table | Rows | SHA-256", "--- | ---: | ---", rows);
            }
        }
        match &report.verify {
            None => self.line("\nNothing was read back."),
            Some(v) => {
                let rows = counted(v.rows, "row", "rows");
                let tables = counted(v.tables, "table", "tables");
                let result = match (v.matched, v.mismatches.len() as u64) {
                    (true, 0) => "all equal".to_owned(),
                    (_, n) => format!("**{}**", counted(n, "mismatch", "mismatches")),
                };
                let method = escape(&v.method);
                self.line(&format!("\nRead back {rows} of {tables}, {method}: {result}."));
            }
        }
    }

    fn isolation(&mut self, report: &RehearsalReport) {
        self.heading("Tenant isolation");
        match &report.isolation {
            None => self.line("Not probed."),
            Some(isolation) => {
                let rows = isolation.cases.iter().map(|case| {
                    let result = match (case.probes, case.leaks) {
                        (0, 0) => "nothing probed".to_owned(),
                        (_, 0) => "held".to_owned(),
                        (_, n) => format!("**{}**", counted(n, "leak", "leaks")),
                    };
                    vec![escape(&case.id), escape(&case.title), count(case.probes), result]
                });
                let rows: Vec<_> = rows.collect();
                let probes = counted(isolation.probes, "probe", "probes");
                let leaks = counted(isolation.leaks.len() as u64, "leak", "leaks");
                self.line(&format!("{probes}, {leaks}.\n"));
                self.table(
                    "Case | What was tried | Probes | Result",
                    "--- | --- | ---: | ---",
                    rows,
                );
            }
        }
    }

    fn rollback(&mut self, report: &RehearsalReport) {
        self.heading("Rollback");
        match &report.rollback {
            None => self.line("Not run."),
            Some(back) if back.equal => {
                self.line(&format!(
                    "The restored store equals the snapshot, {}.",
                    code(&back.sha256.short())
                ));
            }
            Some(back) => {
                let digest = code(&back.sha256.to_string());
                self.line(&format!("**The restored store differs from the snapshot**: {digest}."));
            }
        }
    }

    fn findings(&mut self, report: &RehearsalReport) {
        self.heading("Lint");
        let Some(findings) = &report.findings else {
            return self.line("Not run.");
        };
        if findings.is_empty() {
            return self.line("No finding.");
        }
        let rows = findings.iter().map(|f| {
            let line = f.line.map(|l| format!(":{l}")).unwrap_or_default();
            let file = f.file.as_ref().map(|file| code(&format!("{file}{line}")));
            let object = f.object.as_deref().map(code).unwrap_or_default();
            let mut message = escape(&f.message);
            if let Some(hint) = &f.hint {
                let _ = write!(message, "<br>Hint: {}", escape(hint));
            }
            let state = match &f.waived {
                Some(reason) => format!("{}, waived: {}", f.severity.name(), escape(reason)),
                None => f.severity.name().to_owned(),
            };
            vec![state, escape(&f.rule), file.unwrap_or_default(), object, message]
        });
        let rows: Vec<_> = rows.collect();
        self.table(
            "Severity | Rule | Place | Object | Finding",
            "--- | --- | --- | --- | ---",
            rows,
        );
    }

    fn rest(&mut self, report: &RehearsalReport) {
        if !report.unproved.is_empty() {
            self.heading("Not proved");
            for unproved in &report.unproved {
                self.line(&format!("- **{}**: {}", escape(&unproved.what), escape(&unproved.why)));
            }
        }
        if !report.checks.is_empty() {
            self.heading("Checks");
            let rows = report.checks.iter().map(|c| {
                let verdict = c.verdict.name().to_owned();
                vec![escape(&c.gate), escape(&c.id), verdict, escape(&c.reason)]
            });
            let rows: Vec<_> = rows.collect();
            self.table("Gate | Check | Verdict | Reason", "--- | --- | --- | ---", rows);
        }
        self.heading("Evidence");
        if report.packets.is_empty() {
            return self.line("No packet was sealed.");
        }
        let rows = report
            .packets
            .iter()
            .map(|p| vec![escape(&p.schema), code(&p.sha256.to_string()), code(&p.path)]);
        let rows: Vec<_> = rows.collect();
        self.table("Packet | SHA-256 | File", "--- | --- | ---", rows);
    }
}

/// The next action with its commands as code; only hints in it come from outside.
fn next(report: &RehearsalReport) -> String {
    let action = verdict::next_action(report);
    let parts: Vec<&str> = action.split('`').collect();
    // An odd number of back-ticks cannot be paired as code, so all of it is text.
    if parts.len().is_multiple_of(2) {
        return escape(&action);
    }
    let shown = parts.iter().enumerate();
    shown.map(|(i, part)| if i % 2 == 1 { code(part) } else { escape(part) }).collect()
}

/// Escapes text: no markup, no HTML, and nothing that ends a table cell.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // As entities, `@` mentions nobody and `:` makes no link of an address.
            '@' => out.push_str("&#64;"),
            '|' => out.push_str("&#124;"),
            '`' | '*' | '_' | '[' | ']' | '\\' | '#' | '~' | '!' => {
                out.push('\\');
                out.push(c);
            }
            '\n' => out.push_str("<br>"),
            '\r' => {}
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// Code as HTML, since back-ticks inside a table cell cannot hold a pipe or a back-tick.
pub(super) fn code(text: &str) -> String {
    let mut out = String::from("<code>");
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '@' => out.push_str("&#64;"),
            '|' => out.push_str("&#124;"),
            '`' => out.push_str("&#96;"),
            '*' => out.push_str("&#42;"),
            '_' => out.push_str("&#95;"),
            '[' => out.push_str("&#91;"),
            ']' => out.push_str("&#93;"),
            '~' => out.push_str("&#126;"),
            '\\' => out.push_str("&#92;"),
            '\n' | '\r' => out.push(' '),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out.push_str("</code>");
    out
}

#[cfg(test)]
mod tests {
    use super::{code, escape};

    #[test]
    fn nothing_from_outside_is_markup() {
        assert_eq!(
            escape("a|b\n<script>`*x_[y](z) @anna \\ & #1"),
            "a&#124;b<br>&lt;script&gt;\\`\\*x\\_\\[y\\](z) &#64;anna \\\\ &amp; \\#1"
        );
        assert_eq!(code("a`|b\n*c*"), "<code>a&#96;&#124;b &#42;c&#42;</code>");
    }
}
