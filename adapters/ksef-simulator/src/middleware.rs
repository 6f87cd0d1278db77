//! Middleware around every operation: limits, faults, the shape of errors, headers.

use super::event::Script;
use super::faults::Fault;
use super::operation::Operation;
use super::passes;
use super::refusal::{Place, Refusal};
use super::shared::Shared;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use flowcontrol_ksef_wire::messages::{ERROR_FORMAT, PROBLEM_DETAILS, SYSTEM_WARNING};
use flowcontrol_standin::Fault as Http;
use std::sync::{Arc, PoisonError};

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
        let fault = operation.filter(|_| within.is_ok()).and_then(|o| shared.faults.strike(&o));
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
    async fn instead(&self) -> Option<Response> {
        match (&self.within, &self.fault) {
            (Err(refusal), _) => Some(refusal.clone().into_response()),
            (Ok(()), Some(fault)) => before(fault).await,
            (Ok(()), None) => None,
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
    let response = match seen.instead().await {
        Some(response) => response,
        None => {
            let response = next.run(request).await;
            match &seen.fault {
                Some(fault) => after(fault, response).await,
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
async fn before(fault: &Fault) -> Option<Response> {
    match fault {
        Fault::Http(Http::TooMany(retry_after)) => Some(
            Refusal::TooMany {
                said: "Przekroczono limit żądań (zaplanowane w symulatorze).".to_owned(),
                retry_after: retry_after.clone(),
            }
            .into_response(),
        ),
        Fault::Http(fault) => flowcontrol_standin::before(fault).await.map(|r| r.map(Body::new)),
        Fault::Refuse(code) => {
            Some(Refusal::bad(*code, "Zaplanowane w symulatorze.").into_response())
        }
        Fault::Pending | Fault::Decision(_) => None,
    }
}

/// What a fault makes of the answer of an operation that happened.
async fn after(fault: &Fault, response: Response) -> Response {
    match fault {
        Fault::Http(fault) => flowcontrol_standin::after(fault, response).await.map(Body::new),
        Fault::Refuse(_) | Fault::Pending | Fault::Decision(_) => response,
    }
}
