//! `ksef validate`.

use super::args::Validate;
use super::file;
use crate::cli::args::Format;
use crate::cli::out;
use flowcontrol_base::text::counted;
use flowcontrol_base::{Exit, Result};
use flowcontrol_ksef_invoice::{Finding, Severity, accepted, check};
use serde_json::json;
use std::path::Path;

/// Validates files; needs no configuration.
pub fn run(args: &Validate, format: Format) -> Result<Exit> {
    let context = file::context(args.as_of.as_deref())?;
    let mut judged = Vec::new();
    for path in &args.files {
        judged.push((path.as_path(), check(&file::read(path)?, &context)));
    }
    let refused = judged.iter().filter(|(_, findings)| !accepted(findings)).count();
    let files: Vec<_> = judged
        .iter()
        .map(|(path, findings)| {
            json!({"file": path, "accepted": accepted(findings), "findings": findings})
        })
        .collect();
    let value = json!({"as_of": context.today.to_string(), "files": files, "refused": refused});
    out::either(format, &value, || {
        let mut text: String =
            judged.iter().map(|(path, findings)| describe(path, findings, args.quiet)).collect();
        if judged.len() > 1 {
            text.push_str(&format!(
                "\n{}: {} accepted, {refused} refused\n",
                counted(judged.len() as u64, "file", "files"),
                judged.len() - refused
            ));
        }
        text
    })?;
    Ok(if refused == 0 { Exit::Done } else { Exit::Check })
}

fn describe(path: &Path, findings: &[Finding], quiet: bool) -> String {
    let verdict = if accepted(findings) { "accepted" } else { "REFUSED" };
    let mut text = format!("{}: {verdict}\n", path.display());
    for finding in findings.iter().filter(|f| !quiet || f.severity > Severity::Note) {
        text.push_str(&format!("  {finding}\n"));
    }
    text
}
