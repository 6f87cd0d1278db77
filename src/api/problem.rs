//! Errors as callers see them: RFC 9457 problem documents. They hold no secret, no path of this
//! machine, and nothing of another tenant but that it does not exist.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use flowcontrol_base::{Exit, Failure};
use flowcontrol_contract::{Error, ErrorKind};
use serde_json::{Map, Value, json};
use std::path::Path;

/// The media type.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// The kinds of problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// The request is malformed.
    BadRequest,
    /// The caller is not authenticated.
    Unauthenticated,
    /// The caller is not authorised for this.
    Denied,
    /// The resource does not exist, or not for this caller.
    NotFound,
    /// The resource does not support this method.
    MethodNotAllowed,
    /// The request did not arrive in time.
    TooSlow,
    /// The request conflicts with the current state.
    Conflict,
    /// Another writer changed the history first.
    PreconditionFailed,
    /// The body is too large.
    TooLarge,
    /// The body's content type is not supported.
    UnsupportedMediaType,
    /// The request is well-formed but breaks a rule.
    Invalid,
    /// A freeze window refuses writes.
    Frozen,
    /// Too many requests.
    TooManyRequests,
    /// The headers are too large.
    HeadersTooLarge,
    /// The service failed unexpectedly.
    Unexpected,
    /// The service is temporarily unavailable.
    Unavailable,
    /// The request took too long.
    Timeout,
    /// A disk, a quota or a limit is exhausted.
    Exhausted,
    /// The idempotency key was used with a different request.
    KeyReused,
    /// The resource no longer exists.
    Gone,
}

impl ProblemKind {
    /// Every kind.
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

    /// The last part of `type`, the HTTP status and the title.
    const fn row(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Self::BadRequest => ("bad-request", StatusCode::BAD_REQUEST, "Malformed request"),
            Self::Unauthenticated => {
                ("unauthenticated", StatusCode::UNAUTHORIZED, "Not authenticated")
            }
            Self::Denied => ("denied", StatusCode::FORBIDDEN, "Not authorised"),
            Self::NotFound => ("not-found", StatusCode::NOT_FOUND, "Not found"),
            Self::MethodNotAllowed => {
                ("method-not-allowed", StatusCode::METHOD_NOT_ALLOWED, "Method not allowed")
            }
            Self::TooSlow => {
                ("too-slow", StatusCode::REQUEST_TIMEOUT, "The request did not arrive in time")
            }
            Self::Conflict => ("conflict", StatusCode::CONFLICT, "Conflict with the current state"),
            Self::PreconditionFailed => (
                "precondition-failed",
                StatusCode::PRECONDITION_FAILED,
                "Another writer changed the history first",
            ),
            Self::TooLarge => ("too-large", StatusCode::PAYLOAD_TOO_LARGE, "The body is too large"),
            Self::UnsupportedMediaType => (
                "unsupported-media-type",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "Unsupported content type",
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
                ("unavailable", StatusCode::SERVICE_UNAVAILABLE, "Service temporarily unavailable")
            }
            Self::Timeout => ("timeout", StatusCode::GATEWAY_TIMEOUT, "The request took too long"),
            Self::Exhausted => {
                ("exhausted", StatusCode::INSUFFICIENT_STORAGE, "Storage or quota exhausted")
            }
            Self::KeyReused => (
                "key-reused",
                StatusCode::UNPROCESSABLE_ENTITY,
                "Idempotency key used with a different request",
            ),
            Self::Gone => ("gone", StatusCode::GONE, "The resource no longer exists"),
        }
    }

    /// The last part of `type`.
    pub const fn slug(self) -> &'static str {
        self.row().0
    }

    /// The HTTP status.
    pub const fn status(self) -> StatusCode {
        self.row().1
    }

    /// The title.
    pub const fn title(self) -> &'static str {
        self.row().2
    }
}

/// One problem; [`Problem::answer`] adds the request.
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
    /// For the log alone; never sent to the caller.
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

    /// The problem for a response that has a status and no body.
    pub fn from_status(status: StatusCode) -> Self {
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

    /// The resource does not exist, or not for this caller.
    pub fn not_found(what: &str) -> Self {
        Self::new(ProblemKind::NotFound, format!("there is no such {what}"))
    }

    /// Adds a member.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.more.insert(name.to_owned(), value.into());
        self
    }

    /// Adds `Retry-After`, in seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.0.retry_after = Some(seconds.max(1));
        self
    }

    /// Adds a `WWW-Authenticate` challenge.
    #[must_use]
    pub fn challenge(mut self, challenge: String) -> Self {
        self.0.challenge = Some(challenge);
        self
    }

    /// Adds a cause, which is logged and not sent to the caller.
    #[must_use]
    pub fn because(mut self, cause: impl Into<String>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The cause for the log.
    pub fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }

    /// The response to the request `id` for the path `instance`.
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

/// The middleware, which knows the request, renders the document.
impl IntoResponse for Problem {
    fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.0.status;
        response.extensions_mut().insert(self);
        response
    }
}

/// An adapter's error. What the caller can correct is sent; the rest is logged.
impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let sent = |kind| Self::new(kind, error.message());
        let kept = |kind, detail: &str| Self::new(kind, detail).because(error.chain());
        match error.kind() {
            ErrorKind::InvalidInput => sent(ProblemKind::Invalid),
            ErrorKind::Conflict => sent(ProblemKind::Conflict),
            ErrorKind::Frozen => sent(ProblemKind::Frozen).retry_after(30),
            ErrorKind::NotFound => Self::not_found("thing").because(error.chain()),
            ErrorKind::Denied => sent(ProblemKind::Denied),
            ErrorKind::Unavailable => {
                kept(ProblemKind::Unavailable, "an adapter's service cannot be reached")
                    .retry_after(5)
            }
            ErrorKind::Timeout => {
                kept(ProblemKind::Timeout, "an adapter did not answer in time").retry_after(5)
            }
            ErrorKind::Exhausted => {
                kept(ProblemKind::Exhausted, "a disk, quota or limit is exhausted")
            }
            ErrorKind::Configuration => {
                kept(ProblemKind::Unavailable, "an adapter is not configured")
            }
            _ => kept(ProblemKind::Unexpected, "an adapter failed"),
        }
    }
}

/// A failure of the engine that the caller cannot correct; the detail is logged.
impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        Self::new(ProblemKind::Unavailable, "the service cannot do this at present")
            .because(failure.message)
            .retry_after(5)
    }
}

impl Problem {
    /// A failure of the engine that the caller can correct: invalid input or a refused check. One
    /// that names a path on this machine, below `state` or elsewhere, is logged instead.
    pub fn from_failure(failure: Failure, state: &Path) -> Self {
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
        let teapot = Problem::from_status(StatusCode::IM_A_TEAPOT);
        assert_eq!(teapot.status(), StatusCode::IM_A_TEAPOT);
    }
}
