//! The only place that writes to standard output and standard error.

use super::args::Format;
use crate::error::{Failure, Result};
use serde::Serialize;
use std::io::Write;

/// Prints a result for people, as it stands.
pub fn text(text: &str) -> Result<()> {
    let mut out = anstream::stdout().lock();
    let newline = if text.ends_with('\n') { "" } else { "\n" };
    finish(write!(out, "{text}{newline}").and_then(|()| out.flush()))
}

/// Prints a result as pretty JSON.
pub fn json<T: Serialize>(value: &T) -> Result<()> {
    let spelled = serde_json::to_string_pretty(value)
        .map_err(|e| Failure::environment(format!("the result cannot be spelled: {e}")))?;
    text(&spelled)
}

/// Prints what `format` asks for.
pub fn either<T: Serialize>(
    format: Format,
    value: &T,
    for_people: impl FnOnce() -> String,
) -> Result<()> {
    match format {
        Format::Json => json(value),
        Format::Text => text(&for_people()),
    }
}

fn finish(written: std::io::Result<()>) -> Result<()> {
    match written {
        // A reader such as `head` that stops early has what it wanted.
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|e| Failure::environment(format!("cannot write the result: {e}"))),
    }
}

/// Tells a failure on standard error.
pub fn failure(failure: &Failure, format: Format) {
    let mut out = anstream::stderr().lock();
    // Where standard error is closed there is nobody to tell.
    let _ = match format {
        Format::Json => writeln!(
            out,
            "{}",
            serde_json::json!({"error": {"message": failure.message, "hint": failure.hint,
                "exit": failure.exit.code()}})
        ),
        Format::Text => {
            let style = anstyle::AnsiColor::Red.on_default().bold();
            let result = writeln!(out, "{style}error:{style:#} {}", failure.message);
            match &failure.hint {
                Some(hint) => writeln!(out, "  way out: {hint}"),
                None => result,
            }
        }
    };
}

/// A remark on standard error.
pub fn note(text: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}
