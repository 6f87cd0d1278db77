//! The report as one JSON object, indented, members in the order of the model.

use flowcontrol_base::{Failure, Result};
use flowcontrol_gates::outcome::RehearsalReport;
use serde::Serialize;

/// The report; ends with a line end.
///
/// # Errors
/// A check failure when a figure is not a number that JSON has.
pub fn render(report: &RehearsalReport) -> Result<String> {
    pretty(report)
}

/// Any view as indented JSON with a line end.
///
/// # Errors
/// As [`render`].
pub fn pretty(value: &impl Serialize) -> Result<String> {
    let mut text = serde_json::to_string_pretty(value)
        .map_err(|e| Failure::check(format!("this report has no JSON form: {e}")))?;
    text.push('\n');
    Ok(text)
}
