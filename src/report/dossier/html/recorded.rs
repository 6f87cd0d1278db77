//! The page's second half: the evidence, the acceptances, the SQL, and how to verify all of it.

use super::{badge, command, digest, digests, said, visible};
use crate::report::dossier::acceptances::{AcceptanceRow, Asked};
use crate::report::dossier::model::{Dossier, PacketPart};
use flowcontrol_contract::{Digest, Timestamp};
use flowcontrol_evidence::{ForgeryCheck, Outcome};
use maud::{Markup, html};
use serde_json::Value;

/// 4. The chain and its packets.
pub(super) fn evidence(dossier: &Dossier) -> Markup {
    let found = &dossier.chain.verification;
    html! {
        h3 { "Is the chain intact?" }
        table .answers {
            caption .hidden { "Results of verifying the chain" }
            thead { tr {
                th scope="col" { "Question" }
                th scope="col" { "Answer" }
                th scope="col" { "Why" }
            } }
            tbody {
                (answer("Was a packet edited, removed or inserted?", &found.edit_inside))
                (answer("Were packets removed at the end?", &found.cut_at_tail))
                (answer("Was the whole chain recomputed?", &found.recomputed_from_root))
            }
        }
        @if !found.notes.is_empty() {
            p { "Notes:" }
            ul { @for note in &found.notes { li { (said(note)) } } }
        }
        @if let Some(head) = &found.head {
            p { "The chain's head, to be kept elsewhere: " (digest(head)) }
        }
        h3 { "Packets" }
        @if dossier.packets.is_empty() {
            p { "Nothing is recorded yet." }
        } @else {
            table .packets {
                caption { (dossier.packets.len()) " sealed, oldest first" }
                thead { tr {
                    th scope="col" .figure { "#" }
                    th scope="col" { "Packet" }
                    th scope="col" { "Sealed at" }
                    th scope="col" { "Outcome" }
                    th scope="col" { "Made for" }
                    th scope="col" { "Digests" }
                } }
                tbody { @for packet in &dossier.packets { (packet_row(packet)) } }
            }
            h3 { "What the packets say" }
            @for packet in &dossier.packets {
                details {
                    summary { "Packet " (packet.sequence) ", " code { (visible(&packet.schema)) } }
                    pre { (visible(&packet.text)) }
                }
            }
        }
    }
}

fn answer(question: &str, answer: &ForgeryCheck) -> Markup {
    let (tone, word, why) = match answer {
        ForgeryCheck::Sound { why } => ("ready", "ruled out", why),
        ForgeryCheck::Found { why } => ("blocked", "found", why),
        ForgeryCheck::Either { why } => ("blocked", "one of the two was found", why),
        ForgeryCheck::Unproved { why } => ("next", "could not be checked", why),
    };
    html! { tr {
        th scope="row" { (question) }
        td data-label="Answer" { (badge(tone, word)) }
        td data-label="Why" { (said(why)) }
    } }
}

fn packet_row(packet: &PacketPart) -> Markup {
    let tone = match packet.outcome {
        Outcome::Passed => "ready",
        Outcome::Failed => "blocked",
        Outcome::Interrupted => "next",
    };
    html! { tr id={ "packet-" (packet.sequence) } {
        th scope="row" .figure { (packet.sequence) }
        td data-label="Packet" { code { (visible(&packet.schema)) } }
        td data-label="Sealed at" { (time(packet.created_at)) }
        td data-label="Outcome" {
            (badge(tone, packet.outcome.name()))
            @if packet.checks > 0 { " " (packet.ready) "/" (packet.checks) }
        }
        td data-label="Made for" {
            "profile " (said(&packet.profile.name)) " " code { (packet.profile.sha256.short()) }
            br; "on " (said(&target(packet.target.as_ref())))
            @if let Some(snapshot) = &packet.snapshot_sha256 {
                br; "of snapshot " code { (snapshot.short()) }
            }
        }
        td data-label="Digests" {
            (digest(&packet.sha256))
            span .quiet .follows {
                @match &packet.previous {
                    Some(previous) => { "after " code { (previous.short()) } },
                    None => "the first of the chain",
                }
            }
        }
    } }
}

/// With a space where a narrow column may break it.
fn time(at: Timestamp) -> Markup {
    let text = at.to_string();
    html! { time datetime=(text) { (text.replace('T', " ")) } }
}

/// A target in a few words; the packet's text has all of it.
fn target(target: Option<&Value>) -> String {
    let Some(target) = target else { return "no target".to_owned() };
    let member = |name| target.get(name).and_then(Value::as_str);
    let kind = member("kind").unwrap_or("an unnamed kind of");
    let version = member("server_version").map(|v| format!(", PostgreSQL {v}"));
    format!("{kind} target{}", version.unwrap_or_default())
}

/// 5. Decisions, owners and acceptances.
pub(super) fn owners(dossier: &Dossier) -> Markup {
    html! {
        h3 { "Decisions of the owners" }
        table .asked {
            caption .hidden { "Decisions and their owners" }
            thead { tr {
                th scope="col" { "Decision" }
                th scope="col" { "Owner" }
                th scope="col" { "Accepted" }
                th scope="col" { "Why" }
            } }
            tbody { @for asked in &dossier.asked { (asked_row(dossier, asked)) } }
        }
        h3 { "Acceptances" }
        @if dossier.acceptances.is_empty() {
            p { "No acceptance is recorded yet." }
        } @else {
            table .words {
                caption { (dossier.acceptances.len()) " acceptances, oldest first" }
                thead { tr {
                    th scope="col" { "When, who" }
                    th scope="col" { "AcceptanceRow" }
                    th scope="col" { "Login" }
                    th scope="col" { "Given for" }
                    th scope="col" { "Counts now" }
                } }
                tbody { @for acceptance in &dossier.acceptances { (acceptance_row(dossier, acceptance)) } }
            }
        }
    }
}

fn asked_row(dossier: &Dossier, asked: &Asked) -> Markup {
    let id = asked.check.replace('/', "-");
    html! { tr {
        th scope="row" {
            a href={ "#check-" (id) } { (asked.title) }
            span .quiet .follows { (asked.check) }
        }
        td data-label="Owner" {
            @match &asked.owner {
                Some(owner) => (said(&owner.name)),
                None => span .none { "nobody" },
            }
            span .quiet .follows { (asked.role) }
        }
        td data-label="Accepted" {
            @if asked.accepted { (badge("ready", "yes")) } @else { (badge("next", "no")) }
        }
        td data-label="Why" {
            (said(&asked.reason))
            @if !asked.evidence.is_empty() { " " (digests(dossier, &asked.evidence)) }
            @if let Some(run) = &asked.command { p .run { "Supplied by " (command(run)) } }
        }
    } }
}

fn acceptance_row(dossier: &Dossier, acceptance: &AcceptanceRow) -> Markup {
    html! { tr {
        th scope="row" {
            (said(acceptance.name.as_deref().unwrap_or(&acceptance.actor)))
            span .quiet .follows { (visible(&acceptance.actor)) }
            span .quiet .follows { (time(acceptance.as_of)) }
        }
        td data-label="AcceptanceRow" {
            @if acceptance.revoked { "revoked " } @else { "accepted " }
            code { (visible(&acceptance.check)) }
            @if !acceptance.values.is_empty() {
                ul { @for (name, value) in &acceptance.values {
                    li { code { (visible(name)) "=" (visible(value)) } }
                } }
            }
            span .follows { (digests(dossier, &[acceptance.sha256])) }
        }
        td data-label="Login" { (acceptance.authentication.name()) }
        td data-label="Given for" {
            "profile " (said(&acceptance.profile.name)) " " code { (acceptance.profile.sha256.short()) }
            span .follows {
                "snapshot "
                @match &acceptance.snapshot {
                    Some(snapshot) => code { (snapshot.short()) },
                    None => span .none { "none" },
                }
            }
            span .follows { "evidence " (digests(dossier, &acceptance.evidence)) }
        }
        td data-label="Counts now" {
            @if acceptance.counts { (badge("ready", "yes")) } @else { (badge("next", "no")) }
            " " (said(&acceptance.reason))
        }
    } }
}

/// 6. The SQL.
pub(super) fn runbook(dossier: &Dossier) -> Markup {
    let runbook = &dossier.runbook;
    html! {
        p { "What " code { "flowcontrol migrate runbook" } " prints, which is what runs." }
        dl .facts {
            div .wide { dt { "Migration files" } dd { (digest(&runbook.migrations_sha256)) } }
            div .wide { dt { "This text" } dd { (digest(&runbook.sha256)) } }
        }
        pre .sql { (visible(&runbook.sql)) }
    }
}

/// 7. Commands for a reviewer who wants to verify everything independently.
pub(super) fn check(dossier: &Dossier, json_sha256: Digest) -> Markup {
    html! {
        ol .steps {
            li {
                p { "This page shows what " code { "dossier.json" } " says. Its digest is"
                    " printed by:" }
                (line("sha256sum dossier.json"))
                p { (digest(&json_sha256)) }
            }
            @if let Some(head) = &dossier.chain.verification.head {
                li {
                    p { "Ask for the chain in one file, and for its head by another channel. On any"
                                    " machine, every packet is then hashed, linked and verified again:" }
                    (line(&format!(
                        "flowcontrol evidence verify --archive evidence.tar.zst --head {head}"
                    )))
                    p .quiet { "The sender makes the file with " code {
                        "flowcontrol evidence export --out evidence.tar.zst"
                    } "." }
                }
            }
            @if let Some(packet) = dossier.packets.last() {
                li {
                    p { "One packet, without this program: its seal is the digest of its line"
                        " without the seal." }
                    (line(&by_hand(packet)))
                    p { (digest(&packet.sha256)) }
                }
            }
            li {
                p { "Each migration's SHA-256 is above its SQL. The whole text as it is"
                    " in the document:" }
                (line("jq -j .runbook.sql dossier.json | sha256sum"))
                p { (digest(&dossier.runbook.sha256)) }
            }
            li {
                p { "Where the chain and the scenario are, the gates can be judged again:" }
                (line(&dossier.subject.judged_by))
            }
        }
    }
}

/// Its own digest cannot stand anywhere else in a packet, so taking it out by text is exact.
fn by_hand(packet: &PacketPart) -> String {
    format!("sed 's/\"sha256\":\"{}\",//' {} | tr -d '\\n' | sha256sum", packet.sha256, packet.file)
}

fn line(text: &str) -> Markup {
    html! { pre .line { (visible(text)) } }
}
