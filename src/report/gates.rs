//! `gates` as text and JSON.

pub mod markdown;

use super::json;
use super::style::Tone;
use super::terminal::View;
use flowcontrol_base::Result;
use flowcontrol_base::text::layout::{hang, pad, pad_left};
use flowcontrol_base::text::one_line;
use flowcontrol_contract::{Actor, Digest, Timestamp};
use flowcontrol_evidence::{RecordedAcceptance, Verdict};
use flowcontrol_gates::decision;
use flowcontrol_gates::inputs::Evidence;
use flowcontrol_gates::readiness::Readiness;
use flowcontrol_gates::spec::READY;
use flowcontrol_gates::{Check, Gate, Judgement, Production};
use serde::Serialize;

/// The judgement as JSON; with `only`, only that gate is in `gates`.
///
/// # Errors
/// As [`json::pretty`].
pub fn json(judgement: &Judgement, only: Option<&str>) -> Result<String> {
    #[derive(Serialize)]
    struct Whole<'a> {
        profile: &'a str,
        as_of: Timestamp,
        snapshot: Option<Digest>,
        gates: Vec<One<'a>>,
        readiness: &'a Readiness,
        production: Production,
    }
    #[derive(Serialize)]
    struct One<'a> {
        id: &'a str,
        packet: Option<&'a str>,
        passed: usize,
        total: usize,
        decision: Option<&'a str>,
        checks: &'a [Check],
    }
    let one = |gate: &'static str| only.is_none_or(|only| only == gate);
    let gates = judgement.gates.iter().filter(|g| one(g.id)).map(|g| One {
        id: g.id,
        packet: g.packet,
        passed: g.passed(),
        total: g.total(),
        decision: g.decision,
        checks: &g.checks,
    });
    json::pretty(&Whole {
        profile: &judgement.profile,
        as_of: judgement.as_of,
        snapshot: judgement.snapshot,
        gates: gates.collect(),
        readiness: &judgement.readiness,
        production: judgement.production,
    })
}

/// The judgement as text: one line a gate and what to do next; with `only`, that gate's checks.
pub fn text(judgement: &Judgement, only: Option<&str>, view: View) -> String {
    if let Some(gate) = only.and_then(|id| judgement.gate(id)) {
        return details(gate, view);
    }
    let paint = view.paint;
    let snapshot = judgement
        .snapshot
        .map_or_else(|| "no scenario yet".to_owned(), |d| format!("snapshot {}", d.short()));
    let mut out = format!(
        "{}\n",
        paint.tone(Tone::Strong, format!("Gates of profile {}, {snapshot}", judgement.profile))
    );
    let name = judgement.gates.iter().map(|g| g.id.len()).max().unwrap_or(0);
    for gate in &judgement.gates {
        let (tone, mark) = mark(worst(gate));
        let counted = pad_left(&format!("{}/{}", gate.passed(), gate.total()), 4);
        let decision = gate.decision.unwrap_or("");
        let line = format!("{}  {counted}  {decision}", pad(gate.id, name));
        out.push_str(&format!("  {} {}\n", paint.tone(tone, pad(mark, 7)), line.trim_end()));
    }
    let readiness = &judgement.readiness;
    out.push_str(&format!(
        "Readiness  {}/{} areas, {} %\n",
        readiness.passed, readiness.total, readiness.percent
    ));
    if let Some(next) = &readiness.next_action {
        let owner = next.owner.as_ref().map(|o| format!(" ({})", o.name)).unwrap_or_default();
        let what = match &next.command {
            Some(command) => match (&next.owner, decision::find(&next.check)) {
                (Some(owner), Some(_)) => {
                    format!("{}, {} decides: {command}", next.check, owner.name)
                }
                _ => format!("{}{owner}: {command}", next.check),
            },
            None => {
                format!("{}{owner}: `flowcontrol gates {}` shows why", next.check, gate_of(next))
            }
        };
        out.push_str(&format!("Next       {}\n", hang(&one_line(&what), 11, view.columns)));
    }
    let production = judgement.production;
    let tone = if production == Production::PERMITTED { Tone::Good } else { Tone::Bad };
    out.push_str(&format!(
        "Production {}, {}\n",
        paint.tone(tone, production.decision),
        production.traffic
    ));
    out
}

/// An acceptance as it was recorded; `score` is the score of its gate after it.
pub fn accepted(
    recorded: &Evidence,
    acceptance: &RecordedAcceptance,
    actor: &Actor,
    score: (usize, usize),
) -> String {
    let did = if acceptance.revoked { "revoked the acceptance of" } else { "accepted" };
    let short = |digest: &Digest| digest.short();
    let snapshot = acceptance.bound.snapshot.as_ref().map_or_else(|| "none".to_owned(), short);
    let seen: Vec<String> = acceptance.bound.evidence.iter().map(short).collect();
    let seen = if seen.is_empty() { "none".to_owned() } else { seen.join(", ") };
    let gate = acceptance.check.split('/').next().unwrap_or_default();
    let profile = &recorded.packet.profile;
    let mut lines = vec![
        format!("{} {did} {} for profile {}", actor.display_name, acceptance.check, profile.name),
        format!(
            "  bound to  configuration {}, snapshot {snapshot}, evidence {seen}",
            profile.sha256.short()
        ),
        match (&acceptance.signature, &acceptance.sign_in) {
            (Some(signature), _) => format!("  signed    by {}", signature.key),
            (None, Some(sign_in)) => format!(
                "  signed in as {} at {}, for which {} vouches",
                sign_in.subject, sign_in.issuer, sign_in.signature.key
            ),
            (None, None) => format!(
                "  login     {}: not proved; production does not accept it",
                acceptance.authentication.name()
            ),
        },
    ];
    lines.extend(acceptance.values.iter().map(|(name, text)| format!("  value     {name}={text}")));
    lines.push(format!("  packet    {} {}", recorded.packet.sequence, recorded.sha256.short()));
    lines.push(format!("  gate      {gate} is {}/{}", score.0, score.1));
    lines.iter().map(|line| format!("{}\n", one_line(line))).collect()
}

fn gate_of(next: &flowcontrol_gates::readiness::NextAction) -> &str {
    next.check.split('/').next().unwrap_or_default()
}

fn details(gate: &Gate, view: View) -> String {
    let paint = view.paint;
    let mut head = format!("{}: {}/{} ready", gate.title, gate.passed(), gate.total());
    if let Some(decision) = gate.decision {
        head.push_str(&format!(", {decision}"));
    }
    let mut out = format!("{}\n", paint.tone(Tone::Strong, head));
    if let Some(packet) = gate.packet {
        out.push_str(&format!("  {}\n", paint.tone(Tone::Quiet, format!("packet {packet}"))));
    }
    for check in &gate.checks {
        let (tone, mark) = mark(check.verdict());
        let body = hang(&one_line(&format!("{}: {}", check.title, check.reason)), 10, view.columns);
        out.push_str(&format!("  {} {body}\n", paint.tone(tone, pad(mark, 7))));
        let owner = check.owner.as_ref().map(|o| format!("owner {} ({})", o.name, o.id));
        let seen: Vec<String> = check.evidence.iter().map(Digest::short).collect();
        let seen = (!seen.is_empty()).then(|| format!("evidence {}", seen.join(", ")));
        let command = check.command.as_ref().map(|c| format!("run {c}"));
        for line in [owner, seen, command].into_iter().flatten() {
            out.push_str(&format!("          {}\n", hang(&one_line(&line), 10, view.columns)));
        }
    }
    out
}

/// A gate shows the verdict of its worst check.
fn worst(gate: &Gate) -> Verdict {
    let any = |verdict| gate.checks.iter().any(|c| c.verdict() == verdict);
    if gate.is_complete() && gate.decision.is_none_or(|d| d == READY) {
        Verdict::Ready
    } else if any(Verdict::Blocked) {
        Verdict::Blocked
    } else {
        Verdict::Next
    }
}

fn mark(verdict: Verdict) -> (Tone, &'static str) {
    let tone = match verdict {
        Verdict::Ready => Tone::Good,
        Verdict::Next => Tone::Open,
        Verdict::Blocked => Tone::Bad,
    };
    (tone, verdict.name())
}
