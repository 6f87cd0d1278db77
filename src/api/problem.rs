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

/// What kinds of problem there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// The request cannot be read.
    BadRequest,
    /// It is not known who is calling.
    Unauthenticated,
    /// The caller may not do this.
    Denied,
    /// There is no such thing.
    NotFound,
    /// The resource does not know this method.
    MethodNotAllowed,
    /// The request came too slowly.
    TooSlow,
    /// It contradicts what is there.
    Conflict,
    /// Another writer was first.
    PreconditionFailed,
    /// The body is too large.
    TooLarge,
    /// The body is of another kind than JSON.
    UnsupportedMediaType,
    /// The request breaks a rule.
    Invalid,
    /// A freeze window refuses writes.
    Frozen,
    /// Too many requests.
    TooManyRequests,
    /// The headers are too large.
    HeadersTooLarge,
    /// The service failed.
    Unexpected,
    /// The service cannot do this now.
    Unavailable,
    /// It took too long.
    Timeout,
    /// There is no room.
    Exhausted,
    /// The idempotency key stands for another request.
    KeyReused,
    /// It is no longer there.
    Gone,
}

impl ProblemKind {
    /// All of them.
    pub const ALL: [Self; 20] = [
        Self::BadRequest,
        Self::Unauthenticated,
        Self::Denied,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::TooSlow,
        Self::Conflict,
        Self::PreconditionFailed,
        Self::TooLarge,
        Self::UnsupportedMediaType,
        Self::Invalid,
        Self::Frozen,
        Self::TooManyRequests,
        Self::HeadersTooLarge,
        Self::Unexpected,
        Self::Unavailable,
        Self::Timeout,
        Self::Exhausted,
        Self::KeyReused,
        Self::Gone,
    ];

    /// The last part of `type`, the status and the title.
    const fn row(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Self::BadRequest => {
                ("bad-request", StatusCode::BAD_REQUEST, "The request cannot be read")
            }
            Self::Unauthenticated => {
                ("unauthenticated", StatusCode::UNAUTHORIZED, "It is not known who is calling")
            }
            Self::Denied => ("denied", StatusCode::FORBIDDEN, "The caller may not do this"),
            Self::NotFound => ("not-found", StatusCode::NOT_FOUND, "There is no such thing"),
            Self::MethodNotAllowed => (
                "method-not-allowed",
                StatusCode::METHOD_NOT_ALLOWED,
                "The resource does not know this method",
            ),
            Self::TooSlow => {
                ("too-slow", StatusCode::REQUEST_TIMEOUT, "The request came too slowly")
            }
            Self::Conflict => ("conflict", StatusCode::CONFLICT, "It contradicts what is there"),
            Self::PreconditionFailed => {
                ("precondition-failed", StatusCode::PRECONDITION_FAILED, "Another writer was first")
            }
            Self::TooLarge => ("too-large", StatusCode::PAYLOAD_TOO_LARGE, "The body is too large"),
            Self::UnsupportedMediaType => (
                "unsupported-media-type",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "The body is of another kind than JSON",
            ),
            Self::Invalid => {
                ("invalid", StatusCode::UNPROCESSABLE_ENTITY, "The request breaks a rule")
            }
            Self::Frozen => ("frozen", StatusCode::LOCKED, "A freeze window refuses writes"),
            Self::TooManyRequests => {
                ("too-many-requests", StatusCode::TOO_MANY_REQUESTS, "Too many requests")
            }
            Self::HeadersTooLarge => (
                "headers-too-large",
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "The headers are too large",
            ),
            Self::Unexpected => {
                ("unexpected", StatusCode::INTERNAL_SERVER_ERROR, "The service failed")
            }
            Self::Unavailable => {
                ("unavailable", StatusCode::SERVICE_UNAVAILABLE, "The service cannot do this now")
            }
            Self::Timeout => ("timeout", StatusCode::GATEWAY_TIMEOUT, "It took too long"),
            Self::Exhausted => ("exhausted", StatusCode::INSUFFICIENT_STORAGE, "There is no room"),
            Self::KeyReused => (
                "key-reused",
                StatusCode::UNPROCESSABLE_ENTITY,
                "The idempotency key stands for another request",
            ),
            Self::Gone => ("gone", StatusCode::GONE, "It is no longer there"),
        }
    }

    /// The last part of `type`.
    pub const fn slug(self) -> &'static str {
        self.row().0
    }

    /// The status.
    pub const fn status(self) -> StatusCode {
        self.row().1
    }

    /// The title.
    pub const fn title(self) -> &'static str {
        self.row().2
    }
}

/// One problem, before it is known on which request.
#[derive(Clone, Debug)]
pub struct Problem(Box<Content>);

#[derive(Clone, Debug)]
struct Content {
    kind: ProblemKind,
    status: StatusCode,
    detail: String,
    more: Map<String, Value>,
    retry_after: Option<u64>,
    challenge: Option<String>,
    /// For the log alone.
    cause: Option<String>,
}

impl Problem {
    /// A problem of a kind.
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self(Box::new(Content {
            kind,
            status: kind.status(),
            detail: detail.into(),
            more: Map::new(),
            retry_after: None,
            challenge: None,
            cause: None,
        }))
    }

    /// The problem that a bare status means.
    pub fn of_status(status: StatusCode) -> Self {
        if let Some(kind) = ProblemKind::ALL.into_iter().find(|kind| kind.status() == status) {
            return Self::new(kind, "");
        }
        let nearest = if status.is_client_error() {
            ProblemKind::BadRequest
        } else {
            ProblemKind::Unexpected
        };
        let mut problem = Self::new(nearest, "");
        problem.0.status = status;
        problem
    }

    /// There is no such thing, or not for this caller.
    pub fn not_found(what: &str) -> Self {
        Self::new(ProblemKind::NotFound, format!("there is no such {what}"))
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
            "type": format!("urn:flowcontrol:problem:{}", self.0.kind.slug()),
            "title": self.0.kind.title(),
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

/// The middleware, which knows the request, makes the document of it.
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
        let told = |kind| Self::new(kind, error.message());
        let kept = |kind, detail: &str| Self::new(kind, detail).because(error.chain());
        match error.kind() {
            ErrorKind::InvalidInput => told(ProblemKind::Invalid),
            ErrorKind::Conflict => told(ProblemKind::Conflict),
            ErrorKind::Frozen => told(ProblemKind::Frozen).retry_after(30),
            ErrorKind::NotFound => Self::not_found("thing").because(error.chain()),
            ErrorKind::Denied => told(ProblemKind::Denied),
            ErrorKind::Unavailable => {
                kept(ProblemKind::Unavailable, "an adapter is out of reach").retry_after(5)
            }
            ErrorKind::Timeout => {
                kept(ProblemKind::Timeout, "an adapter did not answer in time").retry_after(5)
            }
            ErrorKind::Exhausted => {
                kept(ProblemKind::Exhausted, "a disk, quota or limit is exhausted")
            }
            ErrorKind::Configuration => kept(ProblemKind::Unavailable, "an adapter is not set up"),
            _ => kept(ProblemKind::Unexpected, "an adapter failed"),
        }
    }
}

/// An engine's failure as it is for callers when it is not theirs to mend: the log has the rest.
impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        Self::new(ProblemKind::Unavailable, "the service cannot do this now")
            .because(failure.message)
            .retry_after(5)
    }
}

impl Problem {
    /// An engine's failure that is the caller's to mend: wrong input or a refused check. One that
    /// speaks of a place on this machine, below `state` or elsewhere, is for the log.
    pub fn of_failure(failure: Failure, state: &Path) -> Self {
        let kind = match failure.exit {
            Exit::Usage => ProblemKind::Invalid,
            Exit::Check => ProblemKind::Conflict,
            Exit::Done | Exit::Environment | Exit::Interrupted => return failure.into(),
        };
        if failure.message.contains(&*state.to_string_lossy()) {
            return failure.into();
        }
        Self::new(kind, failure.message)
    }
}

#[cfg(test)]
mod tests {
    use super::{Problem, ProblemKind};
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
    fn every_kind_has_a_name_of_its_own_and_an_unknown_status_stays_what_it_is() {
        let names: std::collections::BTreeSet<_> =
            ProblemKind::ALL.into_iter().map(ProblemKind::slug).collect();
        assert_eq!(names.len(), ProblemKind::ALL.len());
        let teapot = Problem::of_status(StatusCode::IM_A_TEAPOT);
        assert_eq!(teapot.status(), StatusCode::IM_A_TEAPOT);
    }
}
