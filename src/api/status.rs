//! `/healthz`, `/readyz`, `/metrics`: for operators and probes.

use super::problem::{Problem, ProblemKind};
use super::service::{READY_TIMEOUT, Service};
use super::view;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, Response, StatusCode, header};
use flowcontrol_contract::error::Result as Asked;
use flowcontrol_contract::{Port, ScenarioStore};
use serde::Serialize;
use serde_json::json;
use std::sync::Arc;
use utoipa::ToSchema;

/// The process is alive.
#[derive(Serialize, ToSchema)]
pub struct Health {
    /// Always `ok`.
    status: &'static str,
    /// The version of the program.
    version: &'static str,
}

/// Whether the process answers; it contacts no other service.
#[utoipa::path(get, path = "/healthz", tag = "service", operation_id = "health", security(()),
    responses((status = 200, body = Health)))]
pub async fn health() -> Result<Response<Body>, Problem> {
    view(StatusCode::OK, &Health { status: "ok", version: flowcontrol_base::VERSION })
}

/// The state of one adapter.
#[derive(Serialize, ToSchema)]
pub struct Adapter {
    /// Its port.
    port: &'static str,
    /// Its kind.
    kind: &'static str,
    /// Whether it works at present.
    ready: bool,
    /// The kind of error, if it does not work.
    reason: Option<&'static str>,
}

/// The state of the adapters that requests need.
#[derive(Serialize, ToSchema)]
pub struct Readiness {
    /// Whether all of them work.
    ready: bool,
    /// Each adapter.
    adapters: Vec<Adapter>,
}

/// Whether requests can be served; `adapters` names the adapter that does not work.
#[utoipa::path(get, path = "/readyz", tag = "service", operation_id = "ready", security(()),
    responses(
        (status = 200, body = Readiness),
        (status = 503, body = super::schema::ProblemSchema,
            content_type = "application/problem+json",
            description = "`adapters` names the one that does not work")))]
pub async fn ready(State(service): State<Arc<Service>>) -> Result<Response<Body>, Problem> {
    let (store, auth) = futures::join!(
        tokio::time::timeout(READY_TIMEOUT, answers(&*service.store)),
        tokio::time::timeout(READY_TIMEOUT, service.auth.ready()),
    );
    let adapters = [
        adapter(Port::Store, service.store.info().kind, store.as_ref().ok()),
        adapter(Port::Auth, service.auth.info().kind, auth.as_ref().ok()),
    ];
    if let Some(wrong) = adapters.iter().find(|adapter| !adapter.ready) {
        let detail = format!("the {} adapter {} does not work", wrong.port, wrong.kind);
        let problem = Problem::new(ProblemKind::Unavailable, detail).retry_after(5);
        return Err(problem.with("adapters", json!(adapters)));
    }
    if *service.stop.borrow() {
        return Err(Problem::new(ProblemKind::Unavailable, "the service is stopping"));
    }
    view(StatusCode::OK, &Readiness { ready: true, adapters: adapters.into() })
}

async fn answers(store: &dyn ScenarioStore) -> Asked<()> {
    store.tenants().await.map(drop)
}

/// The adapter's state from its probe; `None` means that it did not answer in time.
fn adapter(port: Port, kind: &'static str, asked: Option<&Asked<()>>) -> Adapter {
    let reason = match asked {
        Some(Ok(())) => None,
        Some(Err(error)) => Some(error.kind().name()),
        None => Some("timeout"),
    };
    Adapter { port: port.name(), kind, ready: reason.is_none(), reason }
}

/// The service's metrics in Prometheus' text format.
#[utoipa::path(get, path = "/metrics", tag = "service", operation_id = "metrics", security(()),
    responses((status = 200, content_type = "application/openmetrics-text", body = String)))]
pub async fn metrics(State(service): State<Arc<Service>>) -> Result<Response<Body>, Problem> {
    let mut response = Response::new(Body::from(service.metrics.text()?));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8"),
    );
    Ok(response)
}
