//! The dossier: everything that the reviewer of a move needs, as a JSON document and as an HTML
//! page rendered from it.
//!
//! [`model`] is the data, built from the gates' judgement and the evidence chain; [`html`] renders
//! it and decides nothing; [`folder`] writes both.

pub mod acceptances;
pub mod folder;
pub mod html;
pub mod model;

pub use folder::{Written, write};
pub use model::{Dossier, SCHEMA, Sources, build};

use super::style::Tone;
use super::terminal::View;
use flowcontrol_base::text::layout::counted;
use flowcontrol_base::text::one_line;

/// `dossier` as text: the paths, and the digest to send by another channel.
pub fn written(dossier: &Dossier, written: &Written, view: View) -> String {
    let (production, readiness) = (&dossier.production, &dossier.readiness);
    let title = format!(
        "Dossier of profile {}: production {}, readiness {}/{} areas",
        dossier.subject.profile.name, production.decision, readiness.passed, readiness.total
    );
    let mut out = format!("{}\n", view.paint.tone(Tone::Strong, one_line(&title)));
    let packets = counted(dossier.packets.len() as u64, "packet", "packets");
    let acceptances = counted(dossier.acceptances.len() as u64, "acceptance", "acceptances");
    out.push_str(&format!("  holds   {packets}, {acceptances}\n"));
    for (path, sha256) in
        [(&written.html, written.html_sha256), (&written.json, written.json_sha256)]
    {
        out.push_str(&format!("  {sha256}  {}\n", one_line(&path.display().to_string())));
    }
    if let Some(head) = dossier.chain.verification.head {
        out.push_str(&format!("  {head}  head of the evidence chain\n"));
    }
    out
}
