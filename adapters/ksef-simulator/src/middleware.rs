//! Middleware around every operation: limits, faults, the shape of errors, headers.

use super::event::Script;
use super::faults::Fault;
use super::operation::Operation;
use super::passes;
use super::refusal::{Place, Refusal};
use super::shared::Shared;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use flowcontrol_ksef_wire::messages::{ERROR_FORMAT, PROBLEM_DETAILS, SYSTEM_WARNING};
use std::sync::{Arc, PoisonError};

/// Marks a response that is never sent: the connection ends instead.
#[derive(Clone, Copy, Debug)]
pub(super) struct HangUp;

/// Longest answer that a fault edits, in bytes.
const EDITED: usize = 10_000_000;

/// What is known of a request before it is handled.
struct Seen {
    trace: String,
    path: String,
    problem: bool,
    warning: Option<HeaderValue>,
    operation: Option<Operation>,
    within: Result<(), Refusal>,
    fault: Option<Fault>,
}

impl Seen {
    fn of(shared: &Shared, request: &Request) -> Self {
        let headers = request.headers();
        let matched = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
        let operation = matched.and_then(|path| Operation::find(request.method(), path));
        let within = operation.map_or(Ok(()), |operation| limited(shared, operation, headers));
        let fault = operation.filter(|_| within.is_ok()).and_then(|o| shared.faults.strike(o));
        Self {
            trace: format!("{:032x}", rand::random::<u128>()),
            path: request.uri().path().to_owned(),
            problem: headers.get(ERROR_FORMAT).is_some_and(|value| value == PROBLEM_DETAILS),
            warning: headers.get("x-test-system-warning").cloned(),
            operation,
            within,
            fault,
        }
    }

    fn script(&self) -> Script {
        match self.fault {
            Some(Fault::Pending) => Script::Pending,
            Some(Fault::Decision(code)) => Script::Decision(code),
            _ => Script::None,
        }
    }

    /// The answer that keeps the operation from happening.
    fn instead(&self) -> Option<Response> {
        match &self.within {
            Err(refusal) => Some(refusal.clone().into_response()),
            Ok(()) => instead(self.fault.as_ref()),
        }
    }

    /// Gives an answer its last shape.
    fn finish(self, shared: &Shared, response: Response) -> Response {
        let mut response = match response.extensions().get::<Refusal>() {
            None => response,
            Some(refusal) => refusal.render(&Place {
                path: &self.path,
                trace: &self.trace,
                problem: self.problem,
                now: shared.clock.now(),
            }),
        };
        if let Some(warning) = self.warning {
            response.headers_mut().insert(SYSTEM_WARNING, warning);
        }
        let (status, trace) = (response.status().as_u16(), self.trace);
        // Neither queries nor headers: they hold passes.
        tracing::info!(operation = self.operation.map(Operation::name), status, trace, "answered");
        response
    }
}

/// Wraps an operation.
pub(super) async fn middleware(
    State(shared): State<Arc<Shared>>,
    mut request: Request,
    next: Next,
) -> Response {
    let seen = Seen::of(&shared, &request);
    request.extensions_mut().insert(seen.script());
    let response = match seen.instead() {
        Some(response) => response,
        None => {
            let response = next.run(request).await;
            match seen.fault.clone() {
                Some(fault) => afterwards(fault, response).await,
                None => response,
            }
        }
    };
    seen.finish(&shared, response)
}

fn limited(shared: &Shared, operation: Operation, headers: &HeaderMap) -> Result<(), Refusal> {
    let Some((group, limit)) = operation.limit(&shared.rates) else { return Ok(()) };
    let now = shared.clock.now();
    let token = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    let token = token.and_then(|value| value.strip_prefix("Bearer "));
    let claims = token.and_then(|t| passes::read(shared.keys().signing(), t.trim(), now).ok());
    let caller = claims.map_or_else(String::new, |claims| claims.context.value);
    let mut windows = shared.windows.lock().unwrap_or_else(PoisonError::into_inner);
    windows.take(&caller, group, limit, now).map_err(|exceeded| Refusal::TooMany {
        said: exceeded.said,
        retry_after: exceeded.seconds.to_string(),
    })
}

/// The answer of a fault that keeps the operation from happening.
fn instead(fault: Option<&Fault>) -> Option<Response> {
    Some(match fault? {
        Fault::Dropped => hang_up(),
        Fault::Status(status) => bare(*status),
        Fault::TooMany(retry_after) => Refusal::TooMany {
            said: "Przekroczono limit żądań (zaplanowane w symulatorze).".to_owned(),
            retry_after: retry_after.clone(),
        }
        .into_response(),
        Fault::Refuse(code) => Refusal::bad(*code, "Zaplanowane w symulatorze.").into_response(),
        Fault::Redirect(to) => {
            let mut response = bare(307);
            if let Ok(to) = HeaderValue::from_str(to) {
                response.headers_mut().insert(header::LOCATION, to);
            }
            response
        }
        _ => return None,
    })
}

/// What a fault makes of the answer of an operation that happened.
async fn afterwards(fault: Fault, response: Response) -> Response {
    match fault {
        Fault::Lost => hang_up(),
        Fault::StatusAfter(status) => bare(status),
        Fault::Garbage => {
            let mut garbage = Body::from("<html>503 Service Unavailable</html>").into_response();
            *garbage.status_mut() = response.status();
            garbage
        }
        Fault::Omit(_) | Fault::Add(_) => {
            let (mut parts, body) = response.into_parts();
            let bytes = to_bytes(body, EDITED).await.unwrap_or_default();
            parts.headers.remove(header::CONTENT_LENGTH);
            Response::from_parts(parts, Body::from(edited(&fault, bytes)))
        }
        _ => response,
    }
}

/// Changes the object of a JSON answer; any other answer stays as it is.
fn edited(fault: &Fault, bytes: Bytes) -> Bytes {
    let Ok(serde_json::Value::Object(mut object)) = serde_json::from_slice(&bytes) else {
        return bytes;
    };
    match fault {
        Fault::Omit(field) => drop(object.remove(field)),
        Fault::Add(field) => {
            object.insert(field.clone(), serde_json::json!({"since": "later"}));
        }
        _ => {}
    }
    Bytes::from(serde_json::Value::Object(object).to_string())
}

fn bare(status: u16) -> Response {
    StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY).into_response()
}

fn hang_up() -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.extensions_mut().insert(HangUp);
    response
}
