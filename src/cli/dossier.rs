//! `dossier`: writes the review dossier as an HTML page and a JSON document.

use super::args::Dossier;
use super::{Cx, gates, migrate, out};
use crate::report::dossier::{self as report, Sources};
use flowcontrol_base::{Exit, Failure, Result};
use flowcontrol_evidence::{EvidenceStore, KnownSecrets};
use flowcontrol_gates::judge;

/// Judges, collects and writes; `named` says that the command line or the environment chose the
/// profile.
pub async fn run(cx: &Cx, args: &Dossier, named: bool) -> Result<Exit> {
    let source = cx.settings.migrations()?;
    let inputs = gates::gather(cx, args.judged.as_deref(), named).await?;
    let trusted = &cx.settings.config.evidence.trusted;
    let verification = EvidenceStore::at(&cx.settings.state()).verify_signed(None, trusted)?;
    // The chain was verified before it was judged; this result is the one shown in the page.
    if verification.head != inputs.packets.last().map(|e| e.sha256) || !verification.passed() {
        return Err(Failure::environment(
            "the evidence chain changed while the dossier was being built",
        )
        .hint("run this again when nothing else is recording evidence"));
    }
    let judgement = judge(&inputs);
    let dossier = report::build(&Sources {
        tool_version: flowcontrol_base::VERSION,
        inputs: &inputs,
        judgement: &judgement,
        verification: &verification,
        migrations: source.digest(),
        runbook: &migrate::runbook_of(&source, &inputs, &judgement),
    });
    let mut secrets = KnownSecrets::new();
    cx.settings.secrets().into_iter().for_each(|secret| secrets.add(secret));
    let written = report::write(&args.out, &dossier, &secrets)?;
    let value = serde_json::json!({"schema": dossier.schema, "written": written,
        "profile": dossier.subject.profile, "production": judgement.production,
        "head": verification.head});
    out::either(cx.format, &value, || report::written(&dossier, &written, cx.view))?;
    Ok(Exit::Done)
}
