//! Answers.

use crate::retry_after;
use crate::transport::Raw;
use bytes::Bytes;
use flowcontrol_contract::error::{Error, ErrorKind, Result, Retry};
use flowcontrol_contract::{Effect, Timestamp};
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;
use std::fmt;
use std::time::Duration;

/// An answer whose body was read. `Debug` shows neither headers nor body.
pub struct Response {
    name: &'static str,
    effect: Effect,
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body; of a refusal the first 64 KiB.
    pub body: Bytes,
}

impl Response {
    pub(crate) fn new(name: &'static str, effect: Effect, raw: Raw) -> Self {
        let Raw { status, headers, body } = raw;
        Self { name, effect, status, headers, body }
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The pause that `Retry-After` asks for; at most `longest`. A service gives it with 429 and 503,
    /// and with 202 for when to ask again.
    pub fn retry_after(&self, now: Timestamp, longest: Duration) -> Option<Duration> {
        retry_after::parse(self.header("retry-after")?, now, longest)
    }

    /// Reads JSON. Unknown fields are ignored where `T` does.
    ///
    /// # Errors
    /// `Unexpected` when it is not what `T` holds; ambiguous where the request must happen once, since
    /// it did. What came is not repeated: it may be a token.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|e| {
            self.unexpected(&format!(
                "what the API does not document (line {}, column {})",
                e.line(),
                e.column()
            ))
        })
    }

    /// Reads UTF-8.
    ///
    /// # Errors
    /// As [`Response::json`].
    pub fn text(&self) -> Result<&str> {
        std::str::from_utf8(&self.body).map_err(|_| self.unexpected("bytes that are not UTF-8"))
    }

    /// An error for an answer that is not what it should be; `what` must hold no secret.
    pub fn unexpected(&self, what: &str) -> Error {
        let why = format!("{} was answered with {what}", self.name);
        Error::new(ErrorKind::Unexpected, why).retry(match self.effect {
            Effect::Once => Retry::Ambiguous,
            Effect::Repeatable => Retry::Permanent,
        })
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("name", &self.name)
            .field("status", &self.status)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}
