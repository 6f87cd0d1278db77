//! `connect`.

use super::args::{Connect, Format};
use super::{Cx, interrupted, out};
use crate::probe::connect::{Connected, connect};
use flowcontrol_base::{Exit, Failure, Result};
use flowcontrol_evidence::Verdict;

/// Probes a server and records the packet, whatever the result.
pub async fn run(cx: &Cx, args: Connect) -> Result<Exit> {
    let store = cx.settings.evidence()?;
    let done = Box::pin(connect(&cx.settings, args.target, &cx.progress, interrupted())).await;
    cx.progress.clear();
    let Connected { draft, secrets } = done?;
    let stored = store.append(draft, &secrets)?;
    let packet = stored.sealed.packet();
    match cx.format {
        Format::Json => out::text(stored.sealed.text())?,
        Format::Text => {
            let mut text = String::new();
            for check in &packet.checks {
                text.push_str(&format!(
                    "{:<8} {}: {}\n",
                    check.verdict.name(),
                    check.title,
                    check.reason
                ));
            }
            text.push_str(&format!("packet   {}\n", stored.path.display()));
            out::text(&text)?;
        }
    }
    let ready = packet.checks.iter().all(|c| c.verdict == Verdict::Ready);
    if packet.checks.is_empty() {
        return Err(Failure::check("no probe ran"));
    }
    Ok(if ready { Exit::Done } else { Exit::Check })
}
