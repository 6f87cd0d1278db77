//! The `evidence` commands' results as text and JSON.

use super::json;
use super::style::Tone;
use super::terminal::View;
use flowcontrol_base::Result;
use flowcontrol_base::text::layout::{Side, count, counted, hang, pad, table};
use flowcontrol_base::text::one_line;
use flowcontrol_evidence::{
    ChainListing, ChainVerification, ExportedArchive, ForgeryCheck, ImportResult, Joined, Sealed,
    text,
};
use serde_json::{Value, json};

/// `evidence list` as text.
pub fn list(listing: &ChainListing, view: View) -> String {
    let paint = view.paint;
    let n = listing.packets.len() as u64;
    let mut out = format!("{}\n", paint.tone(Tone::Strong, counted(n, "packet", "packets")));
    let mut damaged = Vec::new();
    let mut rows = Vec::new();
    for listed in &listing.packets {
        match &listed.read {
            Ok(sealed) => {
                let packet = sealed.packet();
                let (ready, total) = packet.score();
                rows.push(vec![
                    packet.sequence.to_string(),
                    packet.created_at.to_string(),
                    packet.schema.clone(),
                    packet.outcome.name().to_owned(),
                    format!("{ready}/{total}"),
                    sealed.sha256().short(),
                ]);
            }
            Err(flaw) => damaged.push(format!("{}: {flaw}", listed.file)),
        }
    }
    if !rows.is_empty() {
        let header = [
            ("#", Side::Right),
            ("sealed at", Side::Left),
            ("packet", Side::Left),
            ("outcome", Side::Left),
            ("checks", Side::Right),
            ("digest", Side::Left),
        ];
        for (i, line) in
            table(&header, &rows, view.columns.saturating_sub(2)).into_iter().enumerate()
        {
            let line = if i == 0 { paint.tone(Tone::Quiet, line) } else { line };
            out.push_str(&format!("  {line}\n"));
        }
    }
    for text in damaged {
        out.push_str(&marked(view, Tone::Bad, "FAIL", &text));
    }
    for name in &listing.partial {
        let text = format!(
            "{name} is an incomplete file that a crash left; it does not belong to the chain"
        );
        out.push_str(&marked(view, Tone::Open, "note", &text));
    }
    for name in &listing.strays {
        let text = format!("{name} is not a valid evidence packet");
        out.push_str(&marked(view, Tone::Open, "note", &text));
    }
    out
}

/// `evidence list` as JSON.
///
/// # Errors
/// As [`json::pretty`].
pub fn list_json(listing: &ChainListing) -> Result<String> {
    let packets: Vec<Value> = listing
        .packets
        .iter()
        .map(|listed| match &listed.read {
            Ok(sealed) => {
                let packet = sealed.packet();
                let (ready, total) = packet.score();
                json!({
                    "file": listed.file,
                    "sequence": packet.sequence,
                    "schema": packet.schema,
                    "sha256": sealed.sha256(),
                    "short": sealed.sha256().short(),
                    "created_at": packet.created_at,
                    "signed_by": sealed.signed_by(),
                    "outcome": packet.outcome,
                    "ready": ready,
                    "checks": total,
                    "damage": null,
                })
            }
            Err(flaw) => json!({"file": listed.file, "damage": flaw.to_string()}),
        })
        .collect();
    json::pretty(&json!({
        "packets": packets,
        "partial": listing.partial,
        "strays": listing.strays,
    }))
}

/// `evidence show` as text: the packet's lines, its digest last.
pub fn show(sealed: &Sealed) -> String {
    let signed = sealed.signed_by().map_or_else(String::new, |key| format!("signed_by={key}\n"));
    format!("{}sha256={}\n{signed}", text::text(sealed.packet()), sealed.sha256())
}

/// `evidence show` as JSON: the exact bytes of the file, so that they can be hashed again.
pub fn show_json(sealed: &Sealed) -> String {
    format!("{}\n", sealed.text())
}

/// `evidence verify` as text; the last line is the verdict.
pub fn verify(result: &ChainVerification, view: View) -> String {
    let paint = view.paint;
    let n = result.packets as u64;
    let title = format!("Evidence chain: {}", counted(n, "packet", "packets"));
    let mut out = format!("{}\n", paint.tone(Tone::Strong, title));
    for (name, answer) in [
        ("edited inside", &result.edit_inside),
        ("cut at the tail", &result.cut_at_tail),
        ("computed anew", &result.recomputed_from_root),
    ] {
        let (tone, mark, verdict, why) = match answer {
            ForgeryCheck::Sound { why } => (Tone::Good, "ok", "ruled out", why),
            ForgeryCheck::Found { why } => (Tone::Bad, "FAIL", "FOUND", why),
            ForgeryCheck::Either { why } => (Tone::Bad, "FAIL", "one of the two was FOUND", why),
            ForgeryCheck::Unproved { why } => (Tone::Open, "?", "could not be checked", why),
        };
        out.push_str(&marked(view, tone, mark, &format!("{name}: {verdict}; {why}")));
    }
    for problem in &result.problems {
        let text = format!("{}: {}", problem.file, problem.message);
        out.push_str(&marked(view, Tone::Bad, "FAIL", &text));
    }
    for note in &result.notes {
        out.push_str(&marked(view, Tone::Open, "note", note));
    }
    let unproved = [&result.edit_inside, &result.cut_at_tail, &result.recomputed_from_root]
        .iter()
        .filter(|a| matches!(a, ForgeryCheck::Unproved { .. }))
        .count() as u64;
    if let (Some(head), true) = (result.head, result.passed()) {
        out.push_str(&format!("  head  {head}\n"));
        if unproved > 0 {
            let text = "keep this digest elsewhere; `flowcontrol evidence verify --head DIGEST` \
                        then also detects a truncated or recomputed chain";
            out.push_str(&format!("        {}\n", hang(text, 8, view.columns)));
        }
    }
    let last = match (result.problems.len() as u64, unproved) {
        (0, 0) => paint.tone(Tone::Good, "SOUND"),
        (0, n) => {
            let sound = paint.tone(Tone::Good, "SOUND");
            format!("{sound} as far as could be checked; {n} of 3 questions stay open")
        }
        (n, _) => {
            let not = paint.tone(Tone::Bad, "NOT SOUND");
            format!("{not}: {}", counted(n, "problem", "problems"))
        }
    };
    out.push_str(&format!("{last}\n"));
    out
}

/// `evidence verify` as JSON: the result with its verdict.
///
/// # Errors
/// As [`json::pretty`].
pub fn verify_json(result: &ChainVerification) -> Result<String> {
    #[derive(serde::Serialize)]
    struct Whole<'a> {
        sound: bool,
        #[serde(flatten)]
        result: &'a ChainVerification,
    }
    json::pretty(&Whole { sound: result.passed(), result })
}

/// `evidence export` as text.
pub fn exported(done: &ExportedArchive, view: View) -> String {
    let packets = counted(done.packets, "packet", "packets");
    let title = format!("Exported {packets} to {}", done.file.display());
    let mut out = format!("{}\n", view.paint.tone(Tone::Strong, one_line(&title)));
    if done.linked > 0 {
        let linked = counted(done.linked as u64, "linked chain", "linked chains");
        out.push_str(&format!("  with  {linked}\n"));
    }
    out.push_str(&format!("  file  {}  {} bytes\n", done.sha256, count(done.bytes)));
    out.push_str(&format!("  head  {}\n", done.head));
    let text = "send the head digest by another channel than the file; `flowcontrol evidence import FILE \
            --head DIGEST` then also detects a truncated or recomputed chain";
    out.push_str(&format!("        {}\n", hang(text, 8, view.columns)));
    out
}

/// `evidence import` as text.
pub fn imported(done: &ImportResult, view: View) -> String {
    let packets = counted(done.imported_packets, "packet", "packets");
    let title = match done.joined {
        Joined::Began => format!("Imported {packets}: this is now the local chain"),
        Joined::Extended => {
            format!(
                "Imported {packets}: the local chain is extended by {} of them",
                count(done.added)
            )
        }
        Joined::Unchanged => {
            format!("Nothing to import: the local chain already has all of the {packets}")
        }
        Joined::Linked => format!("Linked {packets}: packet {} names them", count(done.packets)),
    };
    let mut out = format!("{}\n", view.paint.tone(Tone::Strong, title));
    for (name, answer) in [
        ("cut at the tail", &done.verification.cut_at_tail),
        ("computed anew", &done.verification.recomputed_from_root),
    ] {
        let line = match answer {
            ForgeryCheck::Unproved { why } => {
                marked(view, Tone::Open, "?", &format!("{name}: could not be checked; {why}"))
            }
            ForgeryCheck::Sound { why } => {
                marked(view, Tone::Good, "ok", &format!("{name}: ruled out; {why}"))
            }
            // An archive that failed verification is not imported.
            ForgeryCheck::Found { why } | ForgeryCheck::Either { why } => {
                marked(view, Tone::Bad, "FAIL", &format!("{name}: {why}"))
            }
        };
        out.push_str(&line);
    }
    if done.joined == Joined::Linked || done.imported_head != done.head {
        out.push_str(&format!("  imported  {}\n", done.imported_head));
    }
    out.push_str(&format!("  head  {}\n", done.head));
    out
}

fn marked(view: View, tone: Tone, mark: &str, text: &str) -> String {
    let body = hang(&one_line(text), 8, view.columns);
    format!("  {} {body}\n", view.paint.tone(tone, pad(mark, 5)))
}
