//! Reading invoice files, and the day by which they are judged.

use flowcontrol_base::clock;
use flowcontrol_base::user_file::cannot_read;
use flowcontrol_base::{Failure, Result};
use flowcontrol_files::AtPath as _;
use flowcontrol_ksef_invoice::{Context, MAX_BYTES_WITH_ATTACHMENT};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use time::{Date, OffsetDateTime};

/// Reads a file, or standard input for `-`, up to one byte more than the largest invoice, so that
/// one that is too large is reported by its own rule.
///
/// # Errors
/// When there is no such file or it cannot be read.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    let most = u64::try_from(MAX_BYTES_WITH_ATTACHMENT).unwrap_or(u64::MAX) + 1;
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        let read = std::io::stdin().lock().take(most).read_to_end(&mut bytes);
        read.at_path("read", Path::new("standard input"))?;
    } else {
        let read = File::open(path).and_then(|f| f.take(most).read_to_end(&mut bytes));
        read.at_path("read", path).map_err(cannot_read)?;
    }
    Ok(bytes)
}

/// The current time.
pub fn now() -> OffsetDateTime {
    let micros = i128::from(clock::now().micros());
    OffsetDateTime::from_unix_timestamp_nanos(micros * 1_000).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// The day by which invoices are judged: the given one, else today in Warsaw.
///
/// # Errors
/// When the text is not a valid date.
pub fn context(as_of: Option<&str>) -> Result<Context> {
    let Some(text) = as_of else { return Ok(Context::at(now())) };
    let form = time::macros::format_description!("[year]-[month]-[day]");
    let today = Date::parse(text, form).map_err(|_| {
        Failure::usage(format!("--as-of {text:?} is not a valid date"))
            .hint("write it as 2026-02-15")
    })?;
    Ok(Context { today })
}
