//! The probe of references to secrets: each leads to one.

use super::found;
use crate::config::{ProcessSecrets, Settings};
use flowcontrol_base::Result;
use flowcontrol_contract::secret::Secrets;
use flowcontrol_evidence::{CheckResult, KnownSecrets};
use flowcontrol_gates::adapters::SECRETS;
use serde_json::{Map, json};

/// Follows every reference of the active profile. What is found is told to `known`, so that it
/// cannot reach evidence, and nobody else.
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
        Some(why) => {
            Err(format!("{} of {} secrets cannot be had: {why}", missing.len(), references.len()))
        }
        None if references.is_empty() => Ok("the profile needs no secret".to_owned()),
        None => Ok(format!(
            "{} secrets stand in the configuration as references, and each leads to one",
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
