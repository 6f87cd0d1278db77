//! `adapters` as text.

use super::style::Tone;
use super::terminal::View;
use flowcontrol_base::text::layout::{hang, pad};
use flowcontrol_base::text::one_line;
use flowcontrol_contract::Mode;
use flowcontrol_evidence::{StoredPacket, Verdict};
use flowcontrol_gates::swap::Swap;
use serde::Serialize;

/// A port of the active profile.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The port's name.
    pub port: &'static str,
    /// The kind configured in the profile.
    pub kind: String,
    /// Its mode; `None` when this build has no such adapter.
    pub mode: Option<Mode>,
    /// Whether this build has the adapter.
    pub built: bool,
    /// Every kind that a profile may use.
    pub known: Vec<&'static str>,
}

/// The ports of a profile, one a line.
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

/// The checks of a packet, one a line, and the path of the packet.
pub fn verdicts(title: &str, stored: &StoredPacket, view: View) -> String {
    let packet = stored.sealed.packet();
    let mut text = format!("{title} of profile {}\n", packet.profile.name);
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

/// A swap of profiles: every port, then the gates that lose their evidence.
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
        text.push_str("no evidence is lost by this swap\n");
        return text;
    }
    text.push_str("gates that lose the evidence recorded for another configuration\n");
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
    let gates = format!("`flowcontrol gates --for {}` shows how to supply it again", plan.to);
    text.push_str(&format!("{gates}\n"));
    text
}
