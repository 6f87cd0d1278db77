//! `Retry-After` (RFC 9110, 10.2.3).

use flowcontrol_contract::Timestamp;
use std::time::{Duration, UNIX_EPOCH};

/// How long to wait, from a number of seconds or a date in any of HTTP's three forms; at least a
/// second, at most `longest`. `None` where the text is neither.
pub fn parse(text: &str, now: Timestamp, longest: Duration) -> Option<Duration> {
    let text = text.trim();
    let asked = if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        // A number that does not fit is as long as any.
        Duration::from_secs(text.parse().unwrap_or(u64::MAX))
    } else {
        let until = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
        let now = Duration::from_micros(u64::try_from(now.micros()).unwrap_or(0));
        // A pause is in whole seconds, and never ends too early.
        Duration::from_secs(until.saturating_sub(now).as_millis().div_ceil(1000) as u64)
    };
    Some(asked.max(Duration::from_secs(1)).min(longest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_read_and_nonsense_is_not() {
        let now = Timestamp::parse("2026-11-27T10:00:00Z").unwrap();
        for (text, seconds) in [
            ("30", Some(30)),
            (" 30 ", Some(30)),
            ("0", Some(1)),
            ("99999999999999999999999", Some(3600)),
            ("Fri, 27 Nov 2026 10:00:45 GMT", Some(45)),
            ("Friday, 27-Nov-26 10:00:45 GMT", Some(45)),
            ("Fri Nov 27 10:00:45 2026", Some(45)),
            ("Fri, 27 Nov 2020 10:00:45 GMT", Some(1)),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
        ] {
            let read = parse(text, now, Duration::from_secs(3600));
            assert_eq!(read.map(|d| d.as_secs()), seconds, "{text:?}");
        }
    }
}
