//! Points in time: UTC, microseconds, years 1 to 9999.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

/// Microseconds since 1970-01-01T00:00:00Z. Its text form is RFC 3339 in UTC with exactly six
/// decimals, `2026-03-01T06:30:00.000000Z`, so that equal times have equal text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(i64);

impl Timestamp {
    /// From microseconds since the Unix epoch.
    ///
    /// # Errors
    /// `InvalidInput` outside the years 1 to 9999.
    pub fn from_micros(micros: i64) -> Result<Self> {
        match OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000) {
            Ok(t) if (1..=9999).contains(&t.year()) => Ok(Self(micros)),
            _ => Err(Error::invalid("a time must lie in the years 1 to 9999")),
        }
    }

    /// The wall clock, for adapters that need the time themselves; the engine reads it in one place
    /// of its own.
    pub fn now() -> Self {
        let micros = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_micros());
        // A clock outside the years 1 to 9999 is unusable; the epoch shows it.
        i64::try_from(micros).ok().and_then(|m| Self::from_micros(m).ok()).unwrap_or(Self(0))
    }

    /// Microseconds since the Unix epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Parses RFC 3339 with any offset and at most six significant decimals.
    ///
    /// # Errors
    /// `InvalidInput` that states the rule: syntax, a leap second, more than microseconds, or a
    /// year out of range. Nothing is rounded.
    pub fn parse(text: &str) -> Result<Self> {
        let refuse = |why: &str| Err(Error::invalid(format!("time {text:?} {why}")));
        let Some(clock) = text.get(11..) else {
            return refuse("is not RFC 3339, for example 2026-03-01T06:30:00Z");
        };
        if clock.get(6..8) == Some("60") {
            return refuse("names a leap second, which Postgres would move to the next minute");
        }
        let decimals: &str = clock
            .get(8..)
            .and_then(|rest| rest.strip_prefix('.'))
            .map_or("", |d| d.split(|c: char| !c.is_ascii_digit()).next().unwrap_or(""));
        if decimals.bytes().skip(6).any(|b| b != b'0') {
            return refuse("is finer than a microsecond, which Postgres would round");
        }
        // Zeros beyond the microsecond are dropped; `time` parses at most nine decimals.
        let short;
        let read = if decimals.len() > 9 {
            short = text.replacen(decimals, &decimals[..6], 1);
            &short
        } else {
            text
        };
        let Ok(parsed) = OffsetDateTime::parse(read, &Rfc3339) else {
            return refuse("is not RFC 3339, for example 2026-03-01T06:30:00Z");
        };
        let micros = parsed.to_offset(UtcOffset::UTC).unix_timestamp_nanos() / 1000;
        i64::try_from(micros)
            .map_err(|_| Error::invalid("a time must lie in the years 1 to 9999"))
            .and_then(Self::from_micros)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = i128::from(self.0) * 1000;
        let Ok(t) = OffsetDateTime::from_unix_timestamp_nanos(nanos) else {
            return Err(fmt::Error);
        };
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z",
            t.year(),
            u8::from(t.month()),
            t.day(),
            t.hour(),
            t.minute(),
            t.second(),
            t.microsecond()
        )
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for Timestamp {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        Self::parse(&text)
    }
}

impl From<Timestamp> for String {
    fn from(t: Timestamp) -> String {
        t.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[test]
    fn spellings_are_normalised() {
        for (given, kept) in [
            ("2026-03-01T06:30:00Z", "2026-03-01T06:30:00.000000Z"),
            ("2026-03-01T08:30:00.5+02:00", "2026-03-01T06:30:00.500000Z"),
            ("2026-03-01T06:30:00.123456000000Z", "2026-03-01T06:30:00.123456Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"),
            ("1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"),
        ] {
            assert_eq!(Timestamp::parse(given).unwrap().to_string(), kept);
        }
    }

    #[test]
    fn what_would_change_is_refused_by_name() {
        for (given, why) in [
            ("2026-03-01T06:30:00.1234567Z", "finer than a microsecond"),
            ("2026-06-30T23:59:60Z", "leap second"),
            ("2026-03-01 06:30", "not RFC 3339"),
            ("2026-02-30T00:00:00Z", "not RFC 3339"),
            ("", "not RFC 3339"),
            ("0001-01-01T00:00:00+05:00", "years 1 to 9999"),
            ("żżżżżżżżżżżżżżżżżż", "not RFC 3339"),
        ] {
            let error = Timestamp::parse(given).unwrap_err().to_string();
            assert!(error.contains(why), "{given}: {error}");
        }
    }
}
