//! `gates` as a GitHub Markdown table, for a CI step summary or a pull request.

use super::worst;
use crate::report::markdown::{code, escape};
use flowcontrol_base::text::one_line;
use flowcontrol_contract::Digest;
use flowcontrol_gates::readiness::NextAction;
use flowcontrol_gates::{Gate, Judgement, decision};

/// The judgement: one row a gate; with `only`, that gate's checks. Every text is escaped.
pub fn render(judgement: &Judgement, only: Option<&str>) -> String {
    match only.and_then(|id| judgement.gate(id)) {
        Some(gate) => details(gate),
        None => whole(judgement),
    }
}

fn whole(judgement: &Judgement) -> String {
    let (production, readiness) = (judgement.production, &judgement.readiness);
    let snapshot = judgement
        .snapshot
        .map_or_else(|| "no scenario yet".to_owned(), |d| format!("snapshot {}", code(&d.short())));
    let mut lines = vec![
        format!("## Gates of profile {}: {}", text(&judgement.profile), production.decision),
        String::new(),
        format!(
            "Production is **{}**, {}. Readiness is **{}/{}** areas, {} %; {snapshot}, judged at \
             {}.",
            production.decision,
            code(production.traffic),
            readiness.passed,
            readiness.total,
            readiness.percent,
            judgement.as_of,
        ),
        String::new(),
    ];
    if let Some(next) = &readiness.next_action {
        lines.extend([format!("Next: {}", next_step(next)), String::new()]);
    }
    lines.extend(
        ["| Gate | Ready | Verdict | Decision |", "| --- | ---: | --- | --- |"].map(Into::into),
    );
    lines.extend(judgement.gates.iter().map(|gate| {
        row(&[
            format!("{}<br>{}", text(gate.title), code(gate.id)),
            format!("{}/{}", gate.passed(), gate.total()),
            worst(gate).name().to_owned(),
            gate.decision.map(code).unwrap_or_default(),
        ])
    }));
    joined(&lines)
}

fn details(gate: &Gate) -> String {
    let decision = gate.decision.map(|d| format!(", {}", code(d))).unwrap_or_default();
    let (passed, total) = (gate.passed(), gate.total());
    let mut lines = vec![
        format!("## {}: {passed}/{total} ready{decision}", text(gate.title)),
        String::new(),
        "| Check | Verdict | Reason | Owner | Evidence | Command |".to_owned(),
        "| --- | --- | --- | --- | --- | --- |".to_owned(),
    ];
    lines.extend(gate.checks.iter().map(|check| {
        let owner = check.owner.as_ref().map(|o| format!("{} ({})", o.name, o.id));
        let seen: Vec<String> =
            check.evidence.iter().map(Digest::short).map(|d| code(&d)).collect();
        row(&[
            text(check.title),
            check.verdict().name().to_owned(),
            text(&check.reason),
            owner.as_deref().map(text).unwrap_or_default(),
            seen.join("<br>"),
            check.command.as_deref().map(command).unwrap_or_default(),
        ])
    }));
    if let Some(packet) = gate.packet {
        lines.extend([String::new(), format!("Its packet is {}.", code(packet))]);
    }
    joined(&lines)
}

fn next_step(next: &NextAction) -> String {
    let what = text(&next.check);
    let whose = match &next.owner {
        Some(owner) if decision::find(&next.check).is_some() => {
            format!(", {} decides", text(&owner.name))
        }
        Some(owner) => format!(" ({})", text(&owner.name)),
        None => String::new(),
    };
    match &next.command {
        Some(run) => format!("{what}{whose}: {}", command(run)),
        None => {
            let gate = super::gate_of(next);
            format!("{what}{whose}: {} shows why", command(&format!("flowcontrol gates {gate}")))
        }
    }
}

/// Escaped text: it cannot start a line, leave its cell, add markup or reverse text.
fn text(text: &str) -> String {
    escape(&one_line(text))
}

fn command(text: &str) -> String {
    code(&one_line(text))
}

fn row(cells: &[String]) -> String {
    format!("| {} |", cells.join(" | "))
}

fn joined(lines: &[String]) -> String {
    format!("{}\n", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::details;
    use flowcontrol_contract::Digest;
    use flowcontrol_gates::{Check, Gate};

    #[test]
    fn no_text_leaves_its_cell() {
        let hostile = "a|b `c` <script>x</script>\n| d | **e** \u{202e}f @anna [g](http://h)";
        let check = Check::next("one", "One", hostile)
            .resting_on(vec![Digest::of("p")])
            .supplied_by(Some("flowcontrol a | b `c`\n<b>".into()));
        let said =
            details(&Gate::new("g", "G", vec![check, Check::ready("two", "Two", "so", vec![])]));
        let rows: Vec<&str> = said.lines().filter(|l| l.starts_with('|')).collect();
        assert_eq!(rows.len(), 4, "{said}");
        for line in &rows {
            let bars = line.matches('|').count();
            assert_eq!(bars, 7, "{line}");
        }
        for never in ["<script", "<b>", "**e**", "\u{202e}", "@anna", "[g]("] {
            assert!(!said.contains(never), "{never}: {said}");
        }
        assert!(said.contains(&Digest::of("p").short()), "{said}");
    }
}
