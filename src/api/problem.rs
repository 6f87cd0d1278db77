//! Errors as callers see them: RFC 9457 problem documents. None holds a secret, a path of this
//! machine or more of another tenant than that it is not there.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use flowcontrol_base::{Exit, Failure};
use flowcontrol_contract::{Error, ErrorKind};
use serde_json::{Map, Value, json};
use std::path::Path;

/// The media type.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// What kinds of problem there are: the last part of `type`, the status, the title.
pub const KINDS: [(&str, u16, &str); 20] = [
    ("bad-request", 400, "The request cannot be read"),
    ("unauthenticated", 401, "It is not known who is calling"),
    ("denied", 403, "The caller may not do this"),
    ("not-found", 404, "There is no such thing"),
    ("method-not-allowed", 405, "The resource does not know this method"),
    ("too-slow", 408, "The request came too slowly"),
    ("conflict", 409, "It contradicts what is there"),
    ("precondition-failed", 412, "Another writer was first"),
    ("too-large", 413, "The body is too large"),
    ("unsupported-media-type", 415, "The body is of another kind than JSON"),
    ("invalid", 422, "The request breaks a rule"),
    ("frozen", 423, "A freeze window refuses writes"),
    ("too-many-requests", 429, "Too many requests"),
    ("headers-too-large", 431, "The headers are too large"),
    ("unexpected", 500, "The service failed"),
    ("unavailable", 503, "The service cannot do this now"),
    ("timeout", 504, "It took too long"),
    ("exhausted", 507, "There is no room"),
    ("key-reused", 422, "The idempotency key stands for another request"),
    ("gone", 410, "It is no longer there"),
];

/// One problem, before it is known on which request.
#[derive(Clone, Debug)]
pub struct Problem(Box<Told>);

#[derive(Clone, Debug)]
struct Told {
    status: StatusCode,
    slug: &'static str,
    title: &'static str,
    detail: String,
    more: Map<String, Value>,
    retry_after: Option<u64>,
    challenge: Option<String>,
    /// For the log alone.
    cause: Option<String>,
}

impl Problem {
    /// A problem of the kind `slug`.
    pub fn new(slug: &str, detail: impl Into<String>) -> Self {
        let (slug, status, title) =
            KINDS.into_iter().find(|(s, ..)| *s == slug).unwrap_or(KINDS[14]);
        Self(Box::new(Told {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            slug,
            title,
            detail: detail.into(),
            more: Map::new(),
            retry_after: None,
            challenge: None,
            cause: None,
        }))
    }

    /// The problem that a bare status means.
    pub fn of_status(status: StatusCode) -> Self {
        let code = status.as_u16();
        if let Some((slug, ..)) = KINDS.iter().find(|(_, known, _)| *known == code) {
            return Self::new(slug, "");
        }
        let nearest = if status.is_client_error() { "bad-request" } else { "unexpected" };
        let mut problem = Self::new(nearest, "");
        problem.0.status = status;
        problem
    }

    /// There is no such thing, or not for this caller.
    pub fn not_found(what: &str) -> Self {
        Self::new("not-found", format!("there is no such {what}"))
    }

    /// Adds a member.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.more.insert(name.to_owned(), value.into());
        self
    }

    /// Says after how many seconds it is worth another try.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.0.retry_after = Some(seconds.max(1));
        self
    }

    /// Says how to authenticate.
    #[must_use]
    pub fn challenge(mut self, challenge: String) -> Self {
        self.0.challenge = Some(challenge);
        self
    }

    /// What the log says of it, and the caller does not read.
    #[must_use]
    pub fn because(mut self, cause: impl Into<String>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// What only the log says.
    pub fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }

    /// The answer to the request `id` for `instance`.
    pub fn answer(&self, instance: &str, id: &str) -> Response<Body> {
        let mut document = json!({
            "type": format!("urn:flowcontrol:problem:{}", self.0.slug),
            "title": self.0.title,
            "status": self.0.status.as_u16(),
            "instance": instance,
            "request_id": id,
        });
        if let Some(members) = document.as_object_mut() {
            if !self.0.detail.is_empty() {
                members.insert("detail".to_owned(), self.0.detail.clone().into());
            }
            for (name, value) in &self.0.more {
                members.insert(name.clone(), value.clone());
            }
        }
        let mut response = Response::new(Body::from(document.to_string()));
        *response.status_mut() = self.0.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if let Some(seconds) = self.0.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(value) = self.0.challenge.as_deref().and_then(|c| HeaderValue::from_str(c).ok())
        {
            headers.insert(header::WWW_AUTHENTICATE, value);
        }
        response
    }
}

/// The edge, which knows the request, makes the document of it.
impl IntoResponse for Problem {
    fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.0.status;
        response.extensions_mut().insert(self);
        response
    }
}

/// An adapter's refusal. What is the caller's to mend is told; the rest is for the log.
impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let told = |slug| Self::new(slug, error.message());
        let kept = |slug, detail: &str| Self::new(slug, detail).because(error.chain());
        match error.kind() {
            ErrorKind::InvalidInput => told("invalid"),
            ErrorKind::Conflict => told("conflict"),
            ErrorKind::Frozen => told("frozen").retry_after(30),
            ErrorKind::NotFound => Self::not_found("thing").because(error.chain()),
            ErrorKind::Denied => told("denied"),
            ErrorKind::Unavailable => {
                kept("unavailable", "an adapter is out of reach").retry_after(5)
            }
            ErrorKind::Timeout => {
                kept("timeout", "an adapter did not answer in time").retry_after(5)
            }
            ErrorKind::Exhausted => kept("exhausted", "a disk, quota or limit is exhausted"),
            ErrorKind::Configuration => kept("unavailable", "an adapter is not set up"),
            _ => kept("unexpected", "an adapter failed"),
        }
    }
}

/// An engine's failure as it is for callers when it is not theirs to mend: the log has the rest.
impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        Self::new("unavailable", "the service cannot do this now")
            .because(failure.message)
            .retry_after(5)
    }
}

impl Problem {
    /// An engine's failure that is the caller's to mend: wrong input or a refused check. One that
    /// speaks of a place on this machine, below `state` or elsewhere, is for the log.
    pub fn told(failure: Failure, state: &Path) -> Self {
        let slug = match failure.exit {
            Exit::Usage => "invalid",
            Exit::Check => "conflict",
            Exit::Done | Exit::Environment | Exit::Interrupted => return failure.into(),
        };
        if failure.message.contains(&*state.to_string_lossy()) {
            return failure.into();
        }
        Self::new(slug, failure.message)
    }
}

#[cfg(test)]
mod tests {
    use super::{KINDS, Problem};
    use axum::http::StatusCode;
    use flowcontrol_base::Failure;
    use flowcontrol_contract::{Error, ErrorKind};

    #[test]
    fn what_failed_inside_is_not_told() {
        let inside = "cannot open /srv/state/store: denied";
        let failed = Error::new(ErrorKind::Unexpected, inside);
        for problem in [Problem::from(failed), Problem::from(Failure::environment(inside))] {
            assert!(!problem.0.detail.contains("/srv"), "{problem:?}");
            assert_eq!(problem.cause(), Some(inside));
        }
    }

    #[test]
    fn every_kind_is_found_by_its_name() {
        for (slug, status, title) in KINDS {
            let problem = Problem::new(slug, "");
            assert_eq!((problem.0.slug, problem.0.title), (slug, title));
            assert_eq!(problem.status().as_u16(), status);
        }
        let teapot = Problem::of_status(StatusCode::IM_A_TEAPOT);
        assert_eq!(teapot.status(), StatusCode::IM_A_TEAPOT);
    }
}
