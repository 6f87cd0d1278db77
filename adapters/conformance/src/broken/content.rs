//! Defects that change what is written.

use super::defect::Defect;
use super::store::composed;
use flowcontrol_contract::error::{Error, ErrorKind, Result};
use flowcontrol_contract::{Kind, NewRecord, Payload, Record, RecordId, Timestamp};

/// The id as the defect spells it.
pub(super) fn id(defect: Defect, id: &RecordId) -> RecordId {
    match defect {
        Defect::NormalisesIds => RecordId::new(composed(id.as_str())).unwrap(),
        Defect::CutsLongIds => {
            let short: String = id.as_str().chars().take(63).collect();
            RecordId::new(short.trim()).unwrap()
        }
        _ => id.clone(),
    }
}

/// A time without what is finer than a millisecond.
pub(super) fn coarse(time: Timestamp) -> Timestamp {
    Timestamp::from_micros(time.micros().div_euclid(1000) * 1000).unwrap()
}

/// A payload or line in which a text that stands alone is normalised.
pub(super) fn normalised(text: &str) -> String {
    text.replace("\"o\u{301}\"", "\"\u{f3}\"")
}

/// Normalises a stored record's payload.
pub(super) fn normalise(record: &mut Record) {
    // Two keys may become one, which is no payload; that one stays as it is.
    if let Ok(payload) = Payload::parse(&normalised(record.payload.as_str())) {
        record.payload = payload;
    }
}

/// The batch as the defect writes it.
pub(super) fn written(defect: Defect, batch: &[NewRecord]) -> Result<Vec<NewRecord>> {
    batch.iter().map(|record| one(defect, record)).collect()
}

fn one(defect: Defect, record: &NewRecord) -> Result<NewRecord> {
    let mut record = record.clone();
    record.id = id(defect, &record.id);
    let length = record.payload.as_str().len();
    let limit = |bytes: usize| match length > bytes {
        true => Err(Error::new(ErrorKind::Exhausted, "the payload is too long")),
        false => Ok(()),
    };
    match defect {
        Defect::MistakesAKind if record.kind == Kind::Evidence => record.kind = Kind::Risk,
        Defect::DropsMicroseconds => record.occurred_at = coarse(record.occurred_at),
        Defect::RefusesAMegabyte => limit(1 << 20)?,
        Defect::RefusesTwoMegabytes => limit(2 << 20)?,
        _ => {}
    }
    let text = record.payload.as_str();
    let text = match defect {
        Defect::NormalisesText => normalised(text),
        Defect::CutsLongPayloads if length > 1 << 20 => text.replacen("%\"}", "\"}", 1),
        Defect::RoundsTinyNumbers => text.replace("5e-324", "0"),
        Defect::DropsControlCharacters => text.replace("\\u001f", ""),
        Defect::DropsNulls => text.replace("\"a\":null,", ""),
        _ => return Ok(record),
    };
    // Two keys may become one, which is no payload; that one is written as it was.
    record.payload = Payload::parse(&text).unwrap_or(record.payload);
    Ok(record)
}
