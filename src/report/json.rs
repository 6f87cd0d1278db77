//! The report as one JSON object, indented, members in the order of the model.

use flowcontrol_base::{Failure, Result};
use flowcontrol_gates::outcome::RehearsalReport;
use serde::Serialize;

/// The report as JSON; ends with a line break.
///
/// # Errors
/// A check failure when a figure is not a number that JSON can represent.
pub fn render(report: &RehearsalReport) -> Result<String> {
    pretty(report)
}

/// Any view as indented JSON with a line break at the end.
///
/// # Errors
/// As [`render`].
pub fn pretty(value: &impl Serialize) -> Result<String> {
    let mut text = serde_json::to_string_pretty(value)
        .map_err(|e| Failure::check(format!("this report cannot be serialized: {e}")))?;
    text.push('\n');
    Ok(text)
}
