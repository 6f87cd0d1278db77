//! The probe of references to secrets: whether each can be resolved.

use super::found;
use crate::config::{ProcessSecrets, Settings};
use flowcontrol_base::Result;
use flowcontrol_contract::secret::Secrets;
use flowcontrol_evidence::{CheckResult, KnownSecrets};
use flowcontrol_gates::adapters::SECRETS;
use serde_json::{Map, json};

/// Resolves every reference of the active profile. The secrets are added to `known`, so that they
/// cannot reach evidence, and used for nothing else.
///
/// # Errors
/// When the profile cannot be read.
pub fn secrets(settings: &Settings, known: &mut KnownSecrets) -> Result<CheckResult> {
    let references = settings.secret_references()?;
    let source = ProcessSecrets { base: &settings.base };
    let mut missing = Vec::new();
    for reference in &references {
        match source.resolve(reference) {
            Ok(secret) => known.add(secret),
            Err(error) => missing.push(error.chain()),
        }
    }
    let outcome = match missing.first() {
        Some(why) => Err(format!(
            "{} of {} secrets cannot be resolved: {why}",
            missing.len(),
            references.len()
        )),
        None if references.is_empty() => Ok("the profile needs no secret".to_owned()),
        None => Ok(format!(
            "all {} references to secrets in the configuration were resolved",
            references.len()
        )),
    };
    let figures =
        json!({"references": references.len(), "missing": missing.len()}).as_object().cloned();
    Ok(found(
        SECRETS,
        "References to secrets".to_owned(),
        outcome,
        figures.unwrap_or_else(Map::new),
    ))
}
