//! The only place that writes to standard output and standard error.

use super::args::Format;
use flowcontrol_base::{Failure, Result};
use serde::Serialize;
use std::io::Write;

/// Prints a result for people.
pub fn text(text: &str) -> Result<()> {
    let newline = if text.ends_with('\n') { "" } else { "\n" };
    part(&format!("{text}{newline}")).map(|_| ())
}

/// Prints a part of a long result; false when the reader has closed the stream.
pub fn part(text: &str) -> Result<bool> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        // A reader such as `head` closes the stream when it has enough.
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
        Err(e) => Err(Failure::environment(format!("cannot write the result: {e}"))),
    }
}

/// Prints a result as pretty JSON.
pub fn json<T: Serialize>(value: &T) -> Result<()> {
    let json = serde_json::to_string_pretty(value)
        .map_err(|e| Failure::environment(format!("the result cannot be serialized: {e}")))?;
    text(&json)
}

/// Prints a result in the chosen format.
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

/// Prints a failure to standard error.
pub fn failure(failure: &Failure, format: Format) {
    let mut out = anstream::stderr().lock();
    // Errors are ignored: standard error may be closed.
    let _ = match format {
        Format::Json => writeln!(
            out,
            "{}",
            serde_json::json!({"error": {"message": failure.message, "hint": failure.hint,
                "exit": failure.exit.code()}})
        ),
        Format::Text => {
            let style = anstyle::AnsiColor::Red.on_default().bold();
            let hint = failure.hint.iter().map(|hint| format!("\n  hint: {hint}"));
            writeln!(out, "{style}error:{style:#} {}{}", failure.message, hint.collect::<String>())
        }
    };
}

/// Prints a note to standard error.
pub fn note(text: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}
