//! The report for a terminal: in each part the errors come first, and the decision is the last
//! line.

use super::style::{Paint, Tone};
use flowcontrol_base::text::layout::{
    Side, count, counted, hang, pad, seconds, short, table, width,
};
use flowcontrol_base::text::one_line;
use flowcontrol_evidence::Verdict;
use flowcontrol_gates::outcome::verdict;
use flowcontrol_gates::outcome::{
    Finding, RehearsalDecision, RehearsalReport, Scope, Severity, StepId, StepReport, StepStatus,
};
use std::fmt::Write as _;

/// How to render.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// Columns at which lines are wrapped.
    pub columns: usize,
    /// Whether to colour.
    pub paint: Paint,
}

impl Default for View {
    fn default() -> Self {
        Self { columns: 100, paint: Paint { on: false } }
    }
}

/// Most lines listed of one kind; the rest is counted, and the JSON report has all of it.
const LISTED: usize = 20;
/// Column at which values start in the head.
const INDENT: usize = 14;
/// Column at which sentences start beside a mark such as `FAIL`.
const UNDER_MARK: usize = 8;

/// The whole report; ends with a line break.
pub fn render(report: &RehearsalReport, view: View) -> String {
    let mut screen = Screen { out: String::new(), view };
    screen.head(report);
    screen.steps(&report.steps);
    screen.migrations(report);
    screen.lint(report);
    screen.replay(report);
    screen.verify(report);
    screen.isolation(report);
    screen.rollback(report);
    screen.unproved(report);
    screen.evidence(report);
    screen.decision(report);
    screen.out
}

struct Screen {
    out: String,
    view: View,
}

impl Screen {
    fn line(&mut self, text: &str) {
        self.out.push_str(text.trim_end());
        self.out.push('\n');
    }

    fn heading(&mut self, name: &str, figure: &str) {
        let body = hang(figure, name.len() + 2, self.view.columns);
        let name = self.view.paint.tone(Tone::Strong, name);
        self.line("");
        self.line(&format!("{name}: {body}"));
    }

    /// A part without a result. When its step was not started, the list of steps has said so.
    fn absent(&mut self, name: &str, report: &RehearsalReport, step: StepId) {
        let why = match report.step(step).map(|s| s.status) {
            None | Some(StepStatus::Skipped) => return,
            Some(StepStatus::Passed) => "no result, although its step says passed",
            Some(StepStatus::Failed) => "no result; its step failed before there was one",
            Some(StepStatus::Interrupted) => {
                "no result; its step was interrupted before there was one"
            }
        };
        self.heading(name, why);
    }

    /// A mark of at most five letters, then a sentence with a hanging indent.
    fn marked(&mut self, tone: Tone, mark: &str, text: &str) {
        let body = hang(text, UNDER_MARK, self.view.columns);
        let mark = self.view.paint.tone(tone, pad(mark, UNDER_MARK - 3));
        self.line(&format!("  {mark} {body}"));
    }

    fn under(&mut self, text: &str) {
        let body = hang(text, UNDER_MARK, self.view.columns);
        self.line(&format!("{}{body}", " ".repeat(UNDER_MARK)));
    }

    fn table(&mut self, header: &[(&str, Side)], rows: &[Vec<String>]) {
        let room = self.view.columns.saturating_sub(2);
        for (i, line) in table(header, rows, room).into_iter().enumerate() {
            let line = if i == 0 { self.view.paint.tone(Tone::Quiet, line) } else { line };
            self.line(&format!("  {line}"));
        }
    }

    fn rest(&mut self, total: usize) {
        if total > LISTED {
            self.under(&format!("and {} more, all of them in rehearsal.json", total - LISTED));
        }
    }

    fn fact(&mut self, name: &str, text: &str) {
        let body = hang(text, INDENT, self.view.columns);
        self.line(&format!("  {}{body}", pad(name, INDENT - 2)));
    }

    fn head(&mut self, report: &RehearsalReport) {
        let title = self.view.paint.tone(Tone::Strong, "FlowControl rehearsal");
        self.line(&title);
        self.line("");
        let took = seconds(report.seconds);
        self.fact("run", &format!("{}, took {took}", report.started_at));
        let session = report.session.as_deref().map(|s| format!(", session {s}"));
        let session = session.unwrap_or_default();
        let version = &report.tool_version;
        self.fact("with", &format!("flowcontrol {version}, profile {}{session}", report.profile));
        match &report.snapshot {
            Some(part) => {
                let records = counted(part.records, "record", "records");
                self.fact("snapshot", &format!("{}, {records}", part.short));
                self.fact("", &format!("sha256 {}", part.sha256));
            }
            None if report.scope == Scope::Migrations => {
                self.fact("scope", "the migrations and the isolation of their tenants; no scenario")
            }
            None => self.fact("snapshot", "none: the scenario was not frozen"),
        }
        match &report.target {
            Some(part) => {
                let text = format!("{}, PostgreSQL {}", part.kind, part.server_version);
                self.fact("target", &text);
                let more = [
                    part.chosen_because.as_ref().map(|why| format!("chosen because {why}")),
                    part.image.as_ref().map(|image| format!("image {image}")),
                    part.identity.clone(),
                ];
                for text in more.into_iter().flatten() {
                    self.fact("", &text);
                }
            }
            None => self.fact("target", "none: no Postgres was reached"),
        }
    }

    fn steps(&mut self, steps: &[StepReport]) {
        let passed = steps.iter().filter(|s| s.status == StepStatus::Passed).count();
        self.heading("Steps", &format!("{passed} of {} passed", steps.len()));
        let widest = steps.iter().map(|s| width(&s.title)).max().unwrap_or(0);
        for (i, step) in steps.iter().enumerate() {
            let (tone, mark) = match step.status {
                StepStatus::Passed => (Tone::Good, "ok"),
                StepStatus::Failed => (Tone::Bad, "FAIL"),
                StepStatus::Skipped => (Tone::Quiet, "-"),
                StepStatus::Interrupted => (Tone::Open, "STOP"),
            };
            let time = match (step.status, step.seconds) {
                (StepStatus::Skipped, _) => "not run".to_owned(),
                (_, Some(s)) => seconds(s),
                (_, None) => String::new(),
            };
            let mark = self.view.paint.tone(tone, pad(mark, UNDER_MARK - 3));
            let title = pad(&one_line(&step.title), widest);
            self.line(&format!("  {mark} {} {title}  {time}", i + 1));
            if let Some(detail) = &step.detail {
                self.step_note(detail);
            }
            if let Some(hint) = &step.hint {
                self.step_note(&format!("hint: {hint}"));
            }
        }
    }

    fn step_note(&mut self, text: &str) {
        let indent = UNDER_MARK + 2;
        let body = hang(text, indent, self.view.columns);
        self.line(&format!("{}{body}", " ".repeat(indent)));
    }

    fn migrations(&mut self, report: &RehearsalReport) {
        let Some(migrations) = &report.migrations else {
            return self.absent("Migrations", report, StepId::Migrate);
        };
        let failed = migrations.iter().filter(|m| m.error.is_some()).count();
        let figure = match failed {
            0 => format!("{} applied and verified", count(migrations.len() as u64)),
            n => format!("{n} of {} failed", migrations.len()),
        };
        self.heading("Migrations", &figure);
        for migration in migrations {
            if let Some(error) = &migration.error {
                let text = format!("{}_{}: {error}", migration.version, migration.name);
                self.marked(Tone::Bad, "FAIL", &text);
            }
        }
        let rows: Vec<Vec<String>> = migrations
            .iter()
            .map(|m| {
                let lock = m.max_lock.clone().unwrap_or_else(|| "none".to_owned());
                vec![m.version.clone(), m.name.clone(), seconds(m.seconds), lock]
            })
            .collect();
        if !rows.is_empty() {
            let header = [
                ("version", Side::Left),
                ("name", Side::Left),
                ("time", Side::Right),
                ("strongest lock", Side::Left),
            ];
            self.table(&header, &rows);
        }
    }

    fn lint(&mut self, report: &RehearsalReport) {
        let Some(findings) = &report.findings else {
            return self.absent("Lint", report, StepId::Migrate);
        };
        let of = |severity| {
            findings.iter().filter(|f| f.severity == severity && f.waived.is_none()).count()
        };
        let (errors, warnings) = (of(Severity::Error), of(Severity::Warning));
        let (infos, waived) =
            (of(Severity::Info), findings.iter().filter(|f| f.waived.is_some()).count());
        let figure = format!(
            "{}, {}, {} info, {waived} waived",
            counted(errors as u64, "error", "errors"),
            counted(warnings as u64, "warning", "warnings"),
            infos
        );
        self.heading("Lint", &figure);
        // Infos are counted here; the JSON report lists them.
        let mut standing: Vec<&Finding> =
            findings.iter().filter(|f| f.waived.is_none() && f.severity > Severity::Info).collect();
        standing.sort_by_key(|f| std::cmp::Reverse(f.severity));
        for finding in standing.iter().take(LISTED) {
            let (tone, mark) = match finding.severity {
                Severity::Error => (Tone::Bad, "FAIL"),
                Severity::Warning | Severity::Info => (Tone::Open, "warn"),
            };
            self.marked(tone, mark, &format!("{}: {}", place(finding), finding.message));
            if let Some(hint) = &finding.hint {
                self.under(&format!("hint: {hint}"));
            }
        }
        self.rest(standing.len());
        for finding in findings.iter().filter(|f| f.waived.is_some()).take(LISTED) {
            let reason = finding.waived.as_deref().unwrap_or_default();
            let text = format!("{}: {reason}", place(finding));
            self.marked(Tone::Quiet, "waive", &text);
        }
    }

    fn replay(&mut self, report: &RehearsalReport) {
        let Some(replay) = &report.replay else {
            return self.absent("Replay", report, StepId::Replay);
        };
        let mut figure = format!(
            "{} in {}, {}",
            counted(replay.records, "record", "records"),
            counted(replay.chunks, "chunk", "chunks"),
            seconds(replay.seconds)
        );
        if replay.seconds > 0.0 && replay.records > 0 {
            #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
            let rate = replay.records as f64 / replay.seconds;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a positive rate for people; `as` saturates"
            )]
            let _ = write!(figure, ", {} a second", count(rate as u64));
        }
        self.heading("Replay", &figure);
        // Only a verification that passed as a whole proves a table it does not name.
        let back = |name: &str| match &report.verify {
            None => "not read back",
            Some(v) if v.mismatches.iter().any(|m| m.table == name) => "DIFFERS",
            Some(v) if v.matched && v.mismatches.is_empty() => "equal",
            Some(_) => "no difference named",
        };
        let rows: Vec<Vec<String>> = replay
            .tables
            .iter()
            .map(|t| {
                vec![t.name.clone(), count(t.rows), short(&t.sha256), back(&t.name).to_owned()]
            })
            .collect();
        if !rows.is_empty() {
            let header = [
                ("table", Side::Left),
                ("rows", Side::Right),
                ("sha256", Side::Left),
                ("read back", Side::Left),
            ];
            self.table(&header, &rows);
        }
    }

    fn verify(&mut self, report: &RehearsalReport) {
        let Some(verify) = &report.verify else {
            return self.absent("Verify", report, StepId::Verify);
        };
        let compared = format!(
            "{} of {}, {}",
            counted(verify.rows, "row", "rows"),
            counted(verify.tables, "table", "tables"),
            verify.method
        );
        if verify.matched && verify.mismatches.is_empty() {
            return self.heading("Verify", &format!("all equal; read back {compared}"));
        }
        let n = verify.mismatches.len() as u64;
        let figure = match n {
            0 => "NOT equal, and no difference was named".to_owned(),
            n => counted(n, "MISMATCH", "MISMATCHES"),
        };
        self.heading("Verify", &format!("{figure}; read back {compared}"));
        for mismatch in verify.mismatches.iter().take(LISTED) {
            let mut name = mismatch.table.clone();
            if let Some(tenant) = &mismatch.tenant {
                let _ = write!(name, ", tenant {tenant}");
            }
            if let Some(row) = &mismatch.row {
                let _ = write!(name, ", row {row}");
            }
            self.marked(Tone::Bad, "FAIL", &format!("{name}: {}", mismatch.message));
            if let Some(expected) = &mismatch.expected {
                self.under(&format!("sent {expected}"));
            }
            if let Some(found) = &mismatch.found {
                self.under(&format!("read {found}"));
            }
        }
        self.rest(verify.mismatches.len());
    }

    fn isolation(&mut self, report: &RehearsalReport) {
        let Some(isolation) = &report.isolation else {
            return self.absent("Isolation", report, StepId::Isolation);
        };
        let probes = counted(isolation.probes, "probe", "probes");
        let leaks = match isolation.leaks.len() as u64 {
            0 => "no leak found".to_owned(),
            n => counted(n, "LEAK", "LEAKS"),
        };
        self.heading("Isolation", &format!("{leaks} by {probes}"));
        for leak in isolation.leaks.iter().take(LISTED) {
            let text = format!("{} ({}): {}", leak.object, leak.case, leak.message);
            self.marked(Tone::Bad, "LEAK", &text);
            if let Some(hint) = &leak.hint {
                self.under(&format!("hint: {hint}"));
            }
        }
        self.rest(isolation.leaks.len());
        let rows: Vec<Vec<String>> = isolation
            .cases
            .iter()
            .map(|case| {
                let result = match (case.probes, case.leaks) {
                    (0, 0) => "nothing probed".to_owned(),
                    (_, 0) => "held".to_owned(),
                    (_, n) => counted(n, "LEAK", "LEAKS"),
                };
                vec![case.id.clone(), case.title.clone(), count(case.probes), result]
            })
            .collect();
        if !rows.is_empty() {
            let header = [
                ("case", Side::Left),
                ("what was tried", Side::Left),
                ("probes", Side::Right),
                ("result", Side::Left),
            ];
            self.table(&header, &rows);
        }
    }

    fn rollback(&mut self, report: &RehearsalReport) {
        let Some(rollback) = &report.rollback else {
            return self.absent("Rollback", report, StepId::Rollback);
        };
        if rollback.equal {
            let short = rollback.sha256.short();
            return self.heading(
                "Rollback",
                &format!("the restored store is {short}, equal to the snapshot"),
            );
        }
        self.heading("Rollback", "the restored store is NOT equal to the snapshot");
        if let Some(snapshot) = &report.snapshot {
            self.marked(Tone::Bad, "FAIL", &format!("sent {}", snapshot.sha256));
        }
        self.under(&format!("back {}", rollback.sha256));
    }

    fn unproved(&mut self, report: &RehearsalReport) {
        match report.unproved.len() as u64 {
            0 => return,
            n => self.heading("Not proved", &counted(n, "thing", "things")),
        }
        for unproved in &report.unproved {
            self.marked(Tone::Open, "?", &format!("{}: {}", unproved.what, unproved.why));
        }
    }

    fn evidence(&mut self, report: &RehearsalReport) {
        let ready = report.checks.iter().filter(|c| c.verdict == Verdict::Ready).count();
        if !report.checks.is_empty() {
            self.heading("Checks", &format!("{ready} of {} ready", report.checks.len()));
            for check in &report.checks {
                let (tone, mark) = match check.verdict {
                    Verdict::Ready => (Tone::Good, "ready"),
                    Verdict::Next => (Tone::Open, "next"),
                    Verdict::Blocked => (Tone::Bad, "BLOCK"),
                };
                self.marked(tone, mark, &format!("{} {}: {}", check.gate, check.id, check.reason));
            }
        }
        match report.packets.len() as u64 {
            0 => self.heading("Evidence", "no packet was sealed"),
            n => self.heading("Evidence", &counted(n, "packet", "packets")),
        }
        for packet in &report.packets {
            let schema = one_line(&packet.schema);
            let digest = packet.sha256.short();
            self.line(&format!("  {digest}  {schema}"));
            self.line(&format!("{}{}", " ".repeat(16), one_line(&packet.path)));
        }
    }

    fn decision(&mut self, report: &RehearsalReport) {
        let (tone, text) = match report.decision {
            RehearsalDecision::Go => {
                let but = match report.unproved.len() as u64 {
                    0 => String::new(),
                    n => format!("; {} not proved, named above", counted(n, "thing", "things")),
                };
                (Tone::Good, format!("every step of this rehearsal passed{but}"))
            }
            RehearsalDecision::NoGo => (Tone::Bad, verdict::reasons(report).join("; ")),
        };
        self.line("");
        let name = report.decision.name();
        let indent = name.len() + 2;
        let body = hang(&text, indent, self.view.columns);
        let name = self.view.paint.tone(tone, name);
        self.line(&format!("{name}: {body}"));
        let next = hang(&verdict::next_action(report), 6, self.view.columns);
        self.line(&format!("Next: {next}"));
    }
}

/// `rule at file:line, object`.
fn place(finding: &Finding) -> String {
    let mut text = finding.rule.clone();
    if let Some(file) = &finding.file {
        let _ = write!(text, " at {file}");
        if let Some(line) = finding.line {
            let _ = write!(text, ":{line}");
        }
    }
    if let Some(object) = &finding.object {
        let _ = write!(text, ", {object}");
    }
    text
}
