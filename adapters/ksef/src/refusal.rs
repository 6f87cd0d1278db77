//! KSeF's errors: both shapes, read into one.

use flowcontrol_client::{Response, Service};
use flowcontrol_contract::error::{ErrorKind, Reported};
use flowcontrol_ksef_wire::messages::{
    ExceptionResponse, Problem, SYSTEM_WARNING, TooManyRequests,
};
use std::time::Duration;

/// The pause where KSeF names none or an invalid one.
const PAUSE: Duration = Duration::from_secs(30);

/// How KSeF refuses.
#[derive(Clone, Copy, Debug)]
pub struct Errors;

impl Service for Errors {
    fn name(&self) -> &str {
        "KSeF"
    }

    fn reported(&self, refusal: &Response) -> Option<Reported> {
        if let Some(warning) = refusal.header(SYSTEM_WARNING) {
            tracing::warn!(warning, "KSeF warns");
        }
        Some(read(refusal.status.as_u16(), &refusal.body))
    }

    fn kind(&self, reported: &Reported) -> ErrorKind {
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

    fn pause(&self) -> Option<Duration> {
        Some(PAUSE)
    }
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

/// The error that a client gets for an answer, by a server that gives it.
#[cfg(test)]
pub async fn failure(
    name: &'static str,
    effect: flowcontrol_contract::Effect,
    status: u16,
    retry_after: Option<&str>,
    body: &str,
    now: flowcontrol_contract::Timestamp,
) -> flowcontrol_contract::Error {
    use flowcontrol_client::{Client, Options, Request, Target};
    use flowcontrol_standin::{Answer, Canned, Listener};

    #[derive(Debug)]
    struct Stopped(flowcontrol_contract::Timestamp);
    impl flowcontrol_contract::Clock for Stopped {
        fn now(&self) -> flowcontrol_contract::Timestamp {
            self.0
        }
        fn sleep(&self, _: Duration) -> futures::future::BoxFuture<'static, ()> {
            Box::pin(std::future::pending())
        }
    }
    let mut answer = Answer::new(status, "application/json", body.to_owned());
    if let Some(text) = retry_after {
        answer = answer.with("retry-after", text);
    }
    let canned = Canned::default();
    canned.put("/x", answer);
    let server = Listener::free().await.unwrap().serve(canned);
    let options = Options {
        base_url: Some(server.origin().to_owned()),
        attempts: 1,
        patience_ms: 0,
        ..Options::default()
    };
    let clock = std::sync::Arc::new(Stopped(now));
    let client = Client::<()>::new("ksef-api", Errors, &options, clock).unwrap();
    let target = Target::Path("/x".to_owned());
    let request = Request::new(name, http::Method::POST, target, effect, ());
    client.call(&request).await.unwrap_err()
}

#[cfg(test)]
mod tests {
    use super::failure;
    use flowcontrol_contract::error::{ErrorKind, Retry};
    use flowcontrol_contract::{Effect, Error, Timestamp};

    async fn of(status: u16, retry_after: Option<&str>, body: &str) -> Error {
        let now = Timestamp::parse("2026-11-27T10:00:00Z").unwrap();
        failure("send", Effect::Once, status, retry_after, body, now).await
    }

    #[tokio::test]
    async fn both_shapes_say_the_same() {
        let legacy = of(
            400,
            None,
            r#"{"exception":{"exceptionDetailList":[{"exceptionCode":21402,
            "exceptionDescription":"Nieprawidłowy rozmiar pliku.","details":["Rozmiar"]}]}}"#,
        )
        .await;
        let problem = of(
            400,
            None,
            r#"{"title":"Bad Request","status":400,"detail":"x","errors":[{"code":21402,
            "description":"Nieprawidłowy rozmiar pliku.","details":["Rozmiar"]}],"new":[]}"#,
        )
        .await;
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

    #[tokio::test]
    async fn a_pause_is_read_from_either_shape_and_bounded() {
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
                let error = of(429, header, body).await;
                let reported = error.reported().unwrap();
                assert_eq!((reported.retry_after, reported.code), (Some(seconds), 0), "{header:?}");
                assert_eq!(error.retryable(), Retry::Temporary);
            }
        }
    }

    #[tokio::test]
    async fn what_may_have_happened_is_said_to_be_ambiguous() {
        for (status, retry) in [
            (500, Retry::Ambiguous),
            (502, Retry::Ambiguous),
            (504, Retry::Ambiguous),
            (401, Retry::Permanent),
            (403, Retry::Permanent),
            (302, Retry::Permanent),
            (410, Retry::Permanent),
        ] {
            assert_eq!(of(status, None, "").await.retryable(), retry, "{status}");
        }
        let now = Timestamp::from_micros(0).unwrap();
        let asked = failure("status", Effect::Repeatable, 504, None, "", now).await;
        assert_eq!(asked.retryable(), Retry::Temporary);
    }
}
