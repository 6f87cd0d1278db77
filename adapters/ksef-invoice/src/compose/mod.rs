//! From a record's payload to an invoice.

mod at;
mod body;
mod lines;
mod parties;
mod totals;

pub use at::BuildError;

use super::model::Invoice;
use super::payload::{Parties, Payload};
use at::{At, Built};
use time::OffsetDateTime;

/// What an invoice is made from besides its payload.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// When the record happened: the time of making, and the day of issue where the payload names
    /// none.
    pub occurred_at: OffsetDateTime,
    /// Who is known.
    pub parties: &'a Parties,
}

/// Reads a payload and computes what follows from it. What it makes passes
/// [`check`](super::check), but for its date of issue.
///
/// # Errors
/// What is missing, unfit or contradictory, with its JSON pointer.
pub fn draft(payload: &str, source: &Source<'_>) -> Result<Invoice, BuildError> {
    let payload: Payload = read(payload)?;
    body::invoice(&payload, source)
}

/// Reads the file of known parties.
///
/// # Errors
/// What is wrong in it, with its JSON pointer.
pub fn read_parties(json: &str) -> Result<Parties, BuildError> {
    read(json)
}

fn read<T: serde::de::DeserializeOwned>(json: &str) -> Built<T> {
    // Paths are tracked only for an error message: tracking takes longer than reading.
    serde_json::from_str(json).or_else(|_| read_by_path(json))
}

fn read_by_path<T: serde::de::DeserializeOwned>(json: &str) -> Built<T> {
    use serde_path_to_error::Segment;
    let mut input = serde_json::Deserializer::from_str(json);
    let value = serde_path_to_error::deserialize(&mut input).map_err(|error| {
        let pointer = error.path().iter().fold(String::new(), |path, segment| match segment {
            Segment::Seq { index } => format!("{path}/{index}"),
            Segment::Map { key } => format!("{path}/{}", key.replace('~', "~0").replace('/', "~1")),
            Segment::Enum { variant } => format!("{path}/{variant}"),
            Segment::Unknown => path,
        });
        BuildError { pointer, why: format!("is not valid: {}", error.inner()) }
    })?;
    input.end().map_err(|error| At::Top.refuse(format!("is not one JSON object: {error}")))?;
    Ok(value)
}
