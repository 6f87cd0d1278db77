//! The outermost middleware: gives every request an id, turns every error into a problem document,
//! catches panics and time-outs, and is the one place that writes the access log and counts
//! requests.

use super::problem::{MEDIA_TYPE, Problem, ProblemKind};
use super::service::Service;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, header};
use axum::middleware::Next;
use flowcontrol_base::clock;
use flowcontrol_contract::auth::Principal;
use futures::FutureExt as _;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

/// The header with the request's id.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const LONGEST_ID: usize = 64;

/// The peer address of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// A request's id: the one the caller sent if it is well-formed, else a generated one.
#[derive(Clone, Debug, Default)]
pub struct RequestId(pub Arc<str>);

impl RequestId {
    fn from_headers(headers: &HeaderMap) -> Self {
        let mut given = headers.get_all(REQUEST_ID).iter();
        let plain = |v: &&str| {
            (1..=LONGEST_ID).contains(&v.len())
                && v.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        };
        let one = given.next().filter(|_| given.next().is_none());
        match one.and_then(|v| v.to_str().ok()).filter(plain) {
            Some(id) => Self(id.into()),
            None => Self(clock::random_hex(16).into()),
        }
    }
}

/// Slot in which the authentication leaves the principal for the access log.
#[derive(Clone, Debug, Default)]
pub struct PrincipalSlot(pub Arc<Mutex<Option<Principal>>>);

/// Counts a request as in progress until it is dropped, also when the caller disconnects.
struct InFlight(Arc<Service>);

impl InFlight {
    fn begin(service: &Arc<Service>) -> Self {
        service.metrics.in_flight.inc();
        Self(Arc::clone(service))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.metrics.in_flight.dec();
    }
}

/// Wraps every request.
pub async fn wrap(
    State(service): State<Arc<Service>>,
    mut request: Request,
    next: Next,
) -> Response<Body> {
    let began = clock::instant();
    let id = RequestId::from_headers(request.headers());
    let known = PrincipalSlot::default();
    let method = known_method(request.method());
    let path = request.uri().path().to_owned();
    let route = request.extensions().get::<MatchedPath>().map(|m| m.as_str().to_owned());
    let route = route.unwrap_or_else(|| "none".to_owned());
    request.extensions_mut().insert(id.clone());
    request.extensions_mut().insert(known.clone());
    let working = InFlight::begin(&service);
    let answered = AssertUnwindSafe(next.run(request)).catch_unwind();
    let answered = match tokio::time::timeout(service.limits.answer_time, answered).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => problem_response(
            Problem::new(ProblemKind::Unexpected, "").because("a handler panicked"),
        ),
        Err(_) => problem_response(Problem::new(ProblemKind::Timeout, "").retry_after(5)),
    };
    drop(working);
    let (mut response, cause) = with_document(answered, &path, &id.0);
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    let (status, took) = (response.status().as_u16(), began.elapsed());
    service.metrics.answered(method, route.clone(), status, took);
    let who = known.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    let (tenant, actor) =
        who.as_ref().map_or(("-", "-"), |p| (p.tenant.as_str(), p.actor.as_str()));
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    let cause = cause.as_deref();
    match status {
        500.. => {
            tracing::error!(request_id = %id.0, method, route, status, micros, tenant, actor, cause, "request")
        }
        400.. => {
            tracing::info!(request_id = %id.0, method, route, status, micros, tenant, actor, cause, "request")
        }
        _ => {
            tracing::info!(request_id = %id.0, method, route, status, micros, tenant, actor, "request")
        }
    }
    response
}

fn problem_response(problem: Problem) -> Response<Body> {
    axum::response::IntoResponse::into_response(problem)
}

/// The response with its problem document, and the cause for the log.
fn with_document(
    response: Response<Body>,
    path: &str,
    id: &str,
) -> (Response<Body>, Option<String>) {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return (response, None);
    }
    let documented = response.headers().get(header::CONTENT_TYPE).is_some_and(|v| v == MEDIA_TYPE);
    if documented {
        return (response, None);
    }
    let problem = response.extensions().get::<Problem>().cloned();
    let problem = problem.unwrap_or_else(|| Problem::from_status(status));
    let mut answer = problem.answer(path, id);
    if let Some(allow) = response.headers().get(header::ALLOW) {
        answer.headers_mut().insert(header::ALLOW, allow.clone());
    }
    (answer, problem.cause().map(str::to_owned))
}

/// The method as a metrics label; methods that callers invent become `other`.
fn known_method(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::{REQUEST_ID, RequestId};
    use axum::http::{HeaderMap, HeaderValue};

    #[test]
    fn a_plain_id_is_kept_and_any_other_is_replaced() {
        let id = |values: &[&'static [u8]]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(REQUEST_ID, HeaderValue::from_bytes(value).unwrap());
            }
            RequestId::from_headers(&headers).0.to_string()
        };
        assert_eq!(id(&[b"ci-7_a.b"]), "ci-7_a.b");
        for bad in [
            &[&b""[..]][..],
            &[b"a b"],
            &[b"\"x"],
            &[b"\xc5\xbc"],
            &[b"a", b"b"],
            &[&[b'a'; 65]],
            &[],
        ] {
            let made = id(bad);
            assert_eq!(made.len(), 32, "{bad:?}: {made}");
        }
    }
}
