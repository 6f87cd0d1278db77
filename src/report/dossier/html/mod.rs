//! The dossier as one HTML page: no script, nothing fetched, every text escaped.

mod judged;
mod recorded;

use super::model::Dossier;
use flowcontrol_base::text::one_line;
use flowcontrol_contract::Digest;
use flowcontrol_evidence::Verdict;
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// The page may apply its own style sheet and load nothing.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";
/// The style sheet, embedded in the page.
pub const STYLE: &str = include_str!("style.css");

/// The sections of the page in order: anchor and title.
const PARTS: [(&str, &str); 7] = [
    ("decision", "Decision"),
    ("readiness", "Readiness"),
    ("gates", "Gates"),
    ("evidence", "Evidence"),
    ("owners", "Owners and acceptances"),
    ("runbook", "Runbook"),
    ("check", "How to check this dossier without us"),
];

/// Renders the page; `json_sha256` is the digest of the document.
pub fn page(dossier: &Dossier, json_sha256: Digest) -> String {
    let title = format!(
        "FlowControl dossier: profile {}, production {}",
        dossier.subject.profile.name, dossier.production.decision
    );
    let bodies = [
        judged::decision(dossier),
        judged::readiness(dossier),
        judged::gates(dossier),
        recorded::evidence(dossier),
        recorded::owners(dossier),
        recorded::runbook(dossier),
        recorded::check(dossier, json_sha256),
    ];
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="generator" content=(dossier.schema);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (visible(&title)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header { (head(dossier, json_sha256)) }
                nav aria-label="Contents" {
                    ol { @for (id, title) in PARTS { li { a href={ "#" (id) } { (title) } } } }
                }
                main {
                    @for (n, ((id, title), body)) in (1..).zip(PARTS.iter().zip(bodies)) {
                        section id=(id) {
                            h2 { span .n { (n) "." } " " (title) }
                            (body)
                        }
                    }
                }
            }
        }
    };
    page.into_string()
}

fn head(dossier: &Dossier, json_sha256: Digest) -> Markup {
    let subject = &dossier.subject;
    html! {
        p .brand { "FlowControl dossier" }
        h1 {
            "Production " (badge(go(dossier.production.decision), dossier.production.decision))
            " for profile " (said(&subject.profile.name))
        }
        dl .facts {
            div { dt { "Judged at" } dd { (dossier.as_of) } }
            div { dt { "Session" } dd { (said(&subject.session)) } }
            div { dt { "Stage" } dd { (subject.stage) } }
            div { dt { "Leads to" } dd {
                @match subject.bundle {
                    Some(bundle) => code { (bundle) },
                    None => "no known bundle of adapters",
                }
            } }
            div .wide { dt { "Configuration" } dd { (digest(&subject.profile.sha256)) } }
            div .wide { dt { "Snapshot" } dd {
                @match &subject.snapshot {
                    Some(found) => { (digest(found)) " " (subject.records) " records" },
                    None => "no scenario yet",
                }
            } }
            div .wide { dt { "dossier.json" } dd { (digest(&json_sha256)) } }
            div { dt { "Written by" } dd { "flowcontrol " (dossier.tool_version) ", " (dossier.schema) } }
        }
    }
}

/// A word in the colour of its meaning, readable without the colour too.
fn badge(tone: &str, word: &str) -> Markup {
    html! { strong .badge .(tone) { (word) } }
}

fn go(decision: &str) -> &'static str {
    if decision == "GO" { "ready" } else { "blocked" }
}

fn verdict(verdict: Verdict) -> Markup {
    badge(verdict.name(), verdict.name())
}

/// Text that comes from outside, escaped.
fn said(text: &str) -> Markup {
    html! { bdi { (visible(text)) } }
}

/// A command to copy.
fn command(text: &str) -> Markup {
    html! { code .command { (visible(text)) } }
}

/// A digest: its short form, with the full one on demand.
fn digest(digest: &Digest) -> Markup {
    html! { code .digest { b { (digest.short()) } " " (digest) } }
}

/// Digests in short form: a packet's as a link, the snapshot's by name, others in full.
fn digests(dossier: &Dossier, digests: &[Digest]) -> Markup {
    html! {
        @if digests.is_empty() { span .none { "none" } }
        @for found in digests {
            @let packet = dossier.packets.iter().find(|p| p.sha256 == *found);
            span .seen {
                @if let Some(packet) = packet {
                    a href={ "#packet-" (packet.sequence) } { code { (found.short()) } }
                    " packet " (packet.sequence)
                } @else if dossier.subject.snapshot == Some(*found) {
                    code { (found.short()) } " snapshot"
                } @else {
                    (digest(found))
                }
            }
        }
    }
}

/// Keeps line breaks. Control characters, invisible ones and those that reverse text are shown as
/// escapes.
fn visible(text: &str) -> String {
    let lines: Vec<String> = text
        .split('\n')
        .map(|line| {
            let cells: Vec<String> =
                line.strip_suffix('\r').unwrap_or(line).split('\t').map(one_line).collect();
            cells.join("\t")
        })
        .collect();
    lines.join("\n").chars().fold(String::new(), |mut out, c| {
        if hidden(c) {
            out.extend(c.escape_unicode())
        } else {
            out.push(c)
        }
        out
    })
}

/// Characters that [`one_line`] leaves: the Arabic letter mark, those without width, and those that
/// HTML forbids.
fn hidden(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200b}' | '\u{2060}' | '\u{feff}' | '\u{fdd0}'..='\u{fdef}')
        || u32::from(c) & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use super::visible;

    #[test]
    fn what_hides_is_shown_and_lines_stay_lines() {
        assert_eq!(visible("a\tb\r\nc\n"), "a\tb\nc\n");
        assert_eq!(visible("x\u{202e}y\0z\u{1b}"), "x\\u{202e}y\\u{0}z\\u{1b}");
        assert_eq!(
            visible("\u{feff}\u{61c}\u{1fffe}\u{fdd0}"),
            "\\u{feff}\\u{61c}\\u{1fffe}\\u{fdd0}"
        );
        assert_eq!(visible("Львів, zażółć, שלום"), "Львів, zażółć, שלום");
    }
}
