//! KSeF's errors: both shapes, read into one.

use flowcontrol_contract::error::{Error, ErrorKind, Reported, Retry};
use flowcontrol_contract::{Effect, Timestamp};
use flowcontrol_ksef_wire::messages::{ExceptionResponse, Problem, TooManyRequests};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

/// The pause where KSeF names none or an invalid one, in seconds.
const PAUSE: u64 = 30;
/// Its longest window; nothing longer is believed.
const LONGEST_PAUSE: u64 = 3600;

/// The failure that an answer stands for. `call` names the request; nothing of its address is shown.
pub fn failure(
    call: &str,
    effect: Effect,
    status: u16,
    retry_after: Option<&str>,
    body: &[u8],
    now: Timestamp,
) -> Error {
    let mut reported = read(status, body);
    if matches!(status, 429 | 503) {
        reported.retry_after = Some(pause(retry_after, now));
    }
    let kind = kind(&reported);
    let message = format!("{call} was answered with {reported}");
    let error = Error::new(kind, message).retry(match status {
        429 => Retry::Temporary,
        500.. if effect == Effect::Once => Retry::Ambiguous,
        408 | 500.. => Retry::Temporary,
        _ => Retry::Permanent,
    });
    let error = error.because(reported);
    match status {
        300..400 => error.hint("redirects are not followed"),
        429 => error.hint("KSeF limits how often it is asked; try again later"),
        _ => error,
    }
}

fn kind(reported: &Reported) -> ErrorKind {
    match (reported.status, reported.code) {
        (400, 21301 | 21304) | (401, _) => ErrorKind::Unauthenticated,
        (403, _) => ErrorKind::Denied,
        (404 | 410, _) | (400, 21173) => ErrorKind::NotFound,
        (400 | 413 | 422, _) => ErrorKind::InvalidInput,
        (408 | 504, _) => ErrorKind::Timeout,
        (429 | 500.., _) => ErrorKind::Unavailable,
        _ => ErrorKind::Unexpected,
    }
}

/// Seconds to wait, from a number of seconds or a date; bounded both ways.
fn pause(header: Option<&str>, now: Timestamp) -> u64 {
    let text = header.unwrap_or("").trim();
    if text.bytes().all(|b| b.is_ascii_digit()) && !text.is_empty() {
        // A number that does not fit is as long as any.
        return text.parse().unwrap_or(u64::MAX).clamp(1, LONGEST_PAUSE);
    }
    OffsetDateTime::parse(text, &Rfc2822).map_or(PAUSE, |at| {
        let until = at.unix_timestamp().saturating_sub(now.micros() / 1_000_000);
        u64::try_from(until).unwrap_or(1).clamp(1, LONGEST_PAUSE)
    })
}

/// Reads a body of either shape; for any other only the status is known.
fn read(status: u16, body: &[u8]) -> Reported {
    legacy(status, body)
        .or_else(|| too_many(status, body))
        .or_else(|| problem(status, body))
        .unwrap_or_else(|| Reported { status, ..Reported::default() })
}

fn legacy(status: u16, body: &[u8]) -> Option<Reported> {
    let read: ExceptionResponse = serde_json::from_slice(body).ok()?;
    let entries = read.exception?.exception_detail_list?;
    let mut entries = entries.into_iter();
    let first = entries.next()?;
    let mut details: Vec<String> = first.details.unwrap_or_default();
    for other in entries {
        details.push(format!(
            "{} {}",
            other.exception_code,
            other.exception_description.unwrap_or_default()
        ));
        details.extend(other.details.unwrap_or_default());
    }
    Some(Reported {
        status,
        code: first.exception_code.into(),
        description: first.exception_description.unwrap_or_default(),
        details,
        retry_after: None,
    })
}

fn too_many(status: u16, body: &[u8]) -> Option<Reported> {
    let read: TooManyRequests = serde_json::from_slice(body).ok()?;
    let TooManyRequests { status: info } = read;
    Some(Reported {
        status,
        // The status repeated is not a code.
        code: if info.code == i32::from(status) { 0 } else { info.code.into() },
        description: info.description,
        details: info.details,
        retry_after: None,
    })
}

fn problem(status: u16, body: &[u8]) -> Option<Reported> {
    let read: Problem = serde_json::from_slice(body).ok()?;
    let sentence =
        |p: &Problem| if p.detail.is_empty() { p.title.clone() } else { p.detail.clone() };
    let mut reported = Reported { status, description: sentence(&read), ..Reported::default() };
    let mut entries = read.errors.unwrap_or_default().into_iter();
    if let Some(first) = entries.next() {
        reported.code = first.code.into();
        if !first.description.is_empty() {
            reported.description = first.description;
        }
        reported.details.extend(first.details.unwrap_or_default());
    }
    for other in entries {
        reported.details.push(format!("{} {}", other.code, other.description));
        reported.details.extend(other.details.unwrap_or_default());
    }
    reported.details.extend(read.reason_code);
    Some(reported)
}

#[cfg(test)]
mod tests {
    use super::failure;
    use flowcontrol_contract::error::{ErrorKind, Retry};
    use flowcontrol_contract::{Effect, Error, Timestamp};

    fn of(status: u16, retry_after: Option<&str>, body: &str) -> Error {
        let now = Timestamp::parse("2026-11-27T10:00:00Z").unwrap();
        failure("send", Effect::Once, status, retry_after, body.as_bytes(), now)
    }

    #[test]
    fn both_shapes_say_the_same() {
        let legacy = of(
            400,
            None,
            r#"{"exception":{"exceptionDetailList":[{"exceptionCode":21402,
            "exceptionDescription":"Nieprawidłowy rozmiar pliku.","details":["Rozmiar"]}]}}"#,
        );
        let problem = of(
            400,
            None,
            r#"{"title":"Bad Request","status":400,"detail":"x","errors":[{"code":21402,
            "description":"Nieprawidłowy rozmiar pliku.","details":["Rozmiar"]}],"new":[]}"#,
        );
        for error in [legacy, problem] {
            let reported = error.reported().unwrap();
            assert_eq!((reported.code, &*reported.details), (21402, &["Rozmiar".to_owned()][..]));
            assert_eq!(
                error.message(),
                "send was answered with 400/21402 Nieprawidłowy rozmiar pliku. (Rozmiar)"
            );
            let told = (error.kind(), error.retryable());
            assert_eq!(told, (ErrorKind::InvalidInput, Retry::Permanent));
        }
    }

    #[test]
    fn a_pause_is_read_from_either_shape_and_bounded() {
        let legacy =
            r#"{"status":{"code":429,"description":"Too Many Requests","details":["30"]}}"#;
        let problem = r#"{"title":"Too Many Requests","status":429,"detail":"Limit"}"#;
        for (header, seconds) in [
            (Some("30"), 30),
            (Some("0"), 1),
            (Some("86400"), 3600),
            (Some("99999999999999999999999"), 3600),
            (Some("-5"), 30),
            (Some("soon"), 30),
            (Some("Fri, 27 Nov 2026 10:00:10 GMT"), 10),
            (Some("Fri, 27 Nov 2020 10:00:10 GMT"), 1),
            (None, 30),
        ] {
            for body in [legacy, problem, "", "<html>"] {
                let error = of(429, header, body);
                let reported = error.reported().unwrap();
                assert_eq!((reported.retry_after, reported.code), (Some(seconds), 0), "{header:?}");
                assert_eq!(error.retryable(), Retry::Temporary);
            }
        }
    }

    #[test]
    fn what_may_have_happened_is_said_to_be_ambiguous() {
        for (status, retry) in [
            (500, Retry::Ambiguous),
            (502, Retry::Ambiguous),
            (504, Retry::Ambiguous),
            (401, Retry::Permanent),
            (403, Retry::Permanent),
            (302, Retry::Permanent),
            (410, Retry::Permanent),
        ] {
            assert_eq!(of(status, None, "").retryable(), retry, "{status}");
        }
        let now = Timestamp::from_micros(0).unwrap();
        let asked = failure("status", Effect::Repeatable, 504, None, b"", now);
        assert_eq!(asked.retryable(), Retry::Temporary);
    }
}
