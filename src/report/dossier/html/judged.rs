//! The page's first half: what blocks production, readiness, and every gate.

use super::{badge, command, digests, go, said, verdict, visible};
use crate::report::dossier::model::{Blocker, Dossier, GatePart};
use flowcontrol_gates::readiness::NextAction;
use flowcontrol_gates::{Check, decision};
use maud::{Markup, html};

/// 1. GO or NO-GO, with every reason.
pub(super) fn decision(dossier: &Dossier) -> Markup {
    let production = &dossier.production;
    html! {
        p .lead {
            "Production is " (badge(go(production.decision), production.decision)) ", "
            code { (production.traffic) } "."
        }
        @if let Some(stage) = &production.stage { p { "Whatever the evidence: " (said(stage)) "." } }
        @if production.blockers.is_empty() {
            p { "Every check of every gate is ready." }
        } @else {
            table .blockers {
                caption {
                    "Blocked by: " (production.blockers.len()) " of "
                    (dossier.gates.len()) " gates"
                }
                thead { tr {
                    th scope="col" { "Gate" }
                    th scope="col" .figure { "Ready" }
                    th scope="col" { "Decision" }
                    th scope="col" { "Open, and why" }
                } }
                tbody { @for blocker in &production.blockers { (row(blocker)) } }
            }
        }
    }
}

fn row(blocker: &Blocker) -> Markup {
    html! {
        tr {
            th scope="row" { a href={ "#gate-" (blocker.gate) } { (blocker.title) } }
            td .figure data-label="Ready" { (blocker.passed) "/" (blocker.total) }
            td data-label="Decision" { (code_or_none(blocker.decision)) }
            td data-label="Open, and why" {
                @if blocker.reasons.is_empty() { "it has no check yet" }
                ul { @for reason in &blocker.reasons {
                    li {
                        (verdict(reason.verdict)) " "
                        @for (n, check) in reason.checks.iter().enumerate() {
                            @if n > 0 { ", " }
                            a href={ "#check-" (blocker.gate) "-" (check) } { (check) }
                        }
                        ": " (said(&reason.reason))
                    }
                } }
            }
        }
    }
}

/// 2. Readiness.
pub(super) fn readiness(dossier: &Dossier) -> Markup {
    let readiness = &dossier.readiness;
    html! {
        p .lead {
            strong { (readiness.passed) "/" (readiness.total) } " areas are complete; "
            strong { (readiness.percent) " %" } " (" (readiness.formula) ")."
        }
        @match &readiness.next_action {
            Some(next) => (next_action(next)),
            None => p { "Nothing is left to do." },
        }
    }
}

fn next_action(next: &NextAction) -> Markup {
    let (gate, check) = next.check.split_once('/').unwrap_or((&next.check, ""));
    html! {
        p .next {
            strong { "Next: " } a href={ "#check-" (gate) "-" (check) } { (next.check) }
            @if let Some(owner) = &next.owner {
                @if decision::find(&next.check).is_some() {
                    ", which " (said(&owner.name)) " decides"
                } @else {
                    " (" (said(&owner.name)) ")"
                }
            }
            @if let Some(run) = &next.command { ": " (command(run)) }
        }
    }
}

/// 3. Every gate.
pub(super) fn gates(dossier: &Dossier) -> Markup {
    html! { @for gate in &dossier.gates { (one(dossier, gate)) } }
}

fn one(dossier: &Dossier, gate: &GatePart) -> Markup {
    html! {
        section .gate id={ "gate-" (gate.id) } {
            h3 {
                (gate.title) " "
                span .score { (gate.passed) "/" (gate.total) }
                @if let Some(decision) = gate.decision { " " code { (decision) } }
            }
            p .quiet {
                "Gate " code { (gate.id) }
                @if let Some(packet) = gate.packet { ", packet " code { (packet) } }
            }
            table .checks {
                caption .hidden { "Checks of " (gate.title) }
                thead { tr {
                    th scope="col" { "Check" }
                    th scope="col" { "Verdict" }
                    th scope="col" { "Reason" }
                    th scope="col" { "Owner" }
                    th scope="col" { "Evidence" }
                } }
                tbody { @for check in &gate.checks { (check_row(dossier, gate, check)) } }
            }
        }
    }
}

fn check_row(dossier: &Dossier, gate: &GatePart, check: &Check) -> Markup {
    html! {
        tr id={ "check-" (gate.id) "-" (check.id) } {
            th scope="row" { (check.title) }
            td data-label="Verdict" { (verdict(check.verdict())) }
            td data-label="Reason" {
                (said(&check.reason))
                @if let Some(run) = &check.command {
                    p .run { "Supplied by " (command(run)) }
                }
            }
            td data-label="Owner" {
                @match &check.owner {
                    Some(owner) => {
                        (said(&owner.name)) " " span .quiet { (visible(owner.id.as_str())) }
                    },
                    None => span .none { "nobody" },
                }
            }
            td data-label="Evidence" { (digests(dossier, &check.evidence)) }
        }
    }
}

fn code_or_none(text: Option<&str>) -> Markup {
    html! { @match text {
        Some(text) => code { (text) },
        None => span .none { "none" },
    } }
}
