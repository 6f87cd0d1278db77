//! `adapters` as text.

use super::style::Tone;
use super::terminal::View;
use flowcontrol_base::text::layout::{hang, pad};
use flowcontrol_base::text::one_line;
use flowcontrol_contract::Mode;
use flowcontrol_evidence::{StoredPacket, Verdict};
use flowcontrol_gates::swap::Swap;
use serde::Serialize;

/// One port of the active profile.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The port's name.
    pub port: &'static str,
    /// The kind that the profile names.
    pub kind: String,
    /// Its mode; `None` when it is not in this build.
    pub mode: Option<Mode>,
    /// Whether it is in this build.
    pub built: bool,
    /// Every kind that a profile may name.
    pub known: Vec<&'static str>,
}

/// The ports of a profile, a line each.
pub fn list(profile: &str, rows: &[Row]) -> String {
    let mut text = format!("profile {profile}\n");
    for row in rows {
        let state = match row.mode {
            Some(Mode::Local) => "local",
            Some(Mode::Live) => "live",
            None => "not in this build",
        };
        text.push_str(&format!("  {:<6} {:<18} {state}\n", row.port, row.kind));
    }
    text
}

/// What a packet's checks came to, a line each, and where the packet is.
pub fn verdicts(of: &str, stored: &StoredPacket, view: View) -> String {
    let packet = stored.sealed.packet();
    let mut text = format!("{of} of profile {}\n", packet.profile.name);
    for check in &packet.checks {
        let tone = if check.verdict == Verdict::Ready { Tone::Good } else { Tone::Open };
        let line = one_line(&format!("{}: {}", check.id, check.reason));
        text.push_str(&format!(
            "  {} {}\n",
            view.paint.tone(tone, pad(check.verdict.name(), 7)),
            hang(&line, 10, view.columns)
        ));
    }
    text.push_str(&format!("packet   {}\n", stored.path.display()));
    text
}

/// A swap: every port, then the gates that it puts back.
pub fn plan(plan: &Swap, view: View) -> String {
    let mut text = format!("swap of profile {} to {}\n", plan.from, plan.to);
    let left = plan.ports.iter().map(|p| p.from.len()).max().unwrap_or(0);
    let right = plan.ports.iter().map(|p| p.to.len()).max().unwrap_or(0);
    for port in &plan.ports {
        let arrow = if port.changes { "->" } else { "  " };
        let to = if port.changes { port.to.as_str() } else { "stays" };
        let lacks = match (port.built, port.configured) {
            (false, _) => "not in this build".to_owned(),
            (true, false) => format!("[adapters.{}] is not configured", port.to),
            (true, true) => String::new(),
        };
        let line = format!(
            "  {} {} {arrow} {} {lacks}",
            pad(port.port, 6),
            pad(&port.from, left),
            pad(to, right)
        );
        text.push_str(&format!("{}\n", line.trim_end()));
    }
    if plan.gates.is_empty() {
        text.push_str("no gate has evidence that would have to be supplied again\n");
        return text;
    }
    text.push_str("gates that lose what was proved for another configuration\n");
    for gate in &plan.gates {
        let line = format!(
            "{} {}/{} -> {}/{}: {}",
            gate.gate,
            gate.ready_now,
            gate.total,
            gate.ready_then,
            gate.total,
            gate.checks.join(", ")
        );
        text.push_str(&format!("  {}\n", hang(&line, 4, view.columns)));
    }
    let gates = format!("`flowcontrol gates --for {}` says what supplies it again", plan.to);
    text.push_str(&format!("{gates}\n"));
    text
}
