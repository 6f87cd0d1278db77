//! The Scenario API: HTTP over the engine. It parses requests, calls the engine and formats
//! responses; it makes no decisions of its own.

mod acceptances;
mod body;
mod caller;
mod evidence;
mod gates;
mod idempotency;
mod metrics;
mod middleware;
pub mod openapi;
mod problem;
mod rate;
mod records;
mod rehearsals;
mod scenario;
mod schema;
pub mod serve;
mod service;
mod sign_in;
mod snapshot;
mod status;
mod write_timeout;

pub use problem::{Problem, ProblemKind};
pub use serve::{Server, open};
pub use service::{RequestLimits, Service};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// All routes with their OpenAPI descriptions.
fn routes() -> OpenApiRouter<Arc<Service>> {
    OpenApiRouter::with_openapi(openapi::base())
        .routes(routes!(scenario::show))
        .routes(routes!(scenario::actors))
        .routes(routes!(records::page, records::append))
        .routes(routes!(records::get))
        .routes(routes!(snapshot::freeze))
        .routes(routes!(gates::judged))
        .routes(routes!(evidence::list))
        .routes(routes!(evidence::show))
        .routes(routes!(acceptances::accept))
        .routes(routes!(rehearsals::start))
        .routes(routes!(rehearsals::state, rehearsals::cancel))
        .routes(routes!(rehearsals::events))
        .routes(routes!(openapi::document))
        .routes(routes!(status::health))
        .routes(routes!(status::ready))
        .routes(routes!(status::metrics))
}

/// The service's router, for a server or for a test that calls it in process.
pub fn router(service: Arc<Service>) -> Router {
    let (router, _) = routes().split_for_parts();
    router
        .merge(sign_in::routes())
        .fallback(async || StatusCode::NOT_FOUND)
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&service), middleware::wrap))
        .with_state(service)
}

/// A JSON response.
fn json(status: StatusCode, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// A response with a view as JSON.
fn view(status: StatusCode, view: &impl serde::Serialize) -> Result<Response<Body>, Problem> {
    Ok(json(status, to_json(view)?))
}

/// A view as JSON text.
fn to_json(view: &impl serde::Serialize) -> Result<String, Problem> {
    serde_json::to_string(view).map_err(|e| {
        Problem::new(ProblemKind::Unexpected, "").because(format!("no JSON form: {e}"))
    })
}
