//! `/scenario` and `/actors`.

use super::body::etag;
use super::caller::Caller;
use super::openapi::Refusals;
use super::problem::Problem;
use super::service::Service;
use super::{json, spelled, view};
use crate::scenario;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// The caller's tenant and how far its history goes.
#[derive(Serialize, ToSchema)]
pub struct Scenario {
    /// The session.
    session: String,
    /// The tenant.
    tenant: String,
    /// Its name for people.
    name: String,
    /// The last record's sequence number; 0 when there is none.
    head: u64,
    /// The freeze window that refuses writes, while there is one.
    frozen: Option<Frozen>,
}

/// A freeze window in force.
#[derive(Serialize, ToSchema)]
pub struct Frozen {
    /// Its name.
    id: String,
    /// Why.
    reason: String,
    /// When it ends by itself.
    #[schema(format = DateTime)]
    expires_at: String,
    /// Writes that it refused so far.
    refused: u64,
}

/// The tenant, and the head that `If-Match` of an append takes.
#[utoipa::path(get, path = "/api/v1/scenario", tag = "scenario", operation_id = "showScenario",
    responses(
        (status = 200, body = Scenario, headers(("ETag" = String, description = "The head"))),
        Refusals))]
pub async fn show(
    State(service): State<Arc<Service>>,
    caller: Caller,
) -> Result<Response, Problem> {
    let cx = caller.cx(&service);
    let roster =
        scenario::roster(service.access(), &*service.store, &cx, &caller.principal).await?;
    let head = service.store.head(&cx).await?;
    let raised = service.store.fence().window(std::slice::from_ref(&cx.tenant)).await?;
    let shown = Scenario {
        session: service.settings.config.session.to_string(),
        tenant: roster.tenant.to_string(),
        name: roster.name,
        head,
        frozen: raised.map(|raised| Frozen {
            id: raised.window.id,
            reason: raised.window.reason,
            expires_at: raised.window.expires_at.to_string(),
            refused: raised.refused,
        }),
    };
    let mut response = json(StatusCode::OK, spelled(&shown)?);
    if let Ok(tag) = HeaderValue::from_str(&etag(head)) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

/// An actor of the tenant.
#[derive(Serialize, ToSchema)]
pub struct Actor {
    /// Unique within the tenant.
    id: String,
    /// For people.
    display_name: String,
    /// The organisation.
    organisation: String,
    /// The role's key.
    role: String,
    /// What the actor may do, sorted.
    permissions: Vec<String>,
}

/// The tenant's actors.
#[derive(Serialize, ToSchema)]
pub struct Actors {
    /// The tenant.
    tenant: String,
    /// Those that the caller may know: everybody, or only themselves.
    actors: Vec<Actor>,
}

/// Who may see and do things in the tenant.
#[utoipa::path(get, path = "/api/v1/actors", tag = "scenario", operation_id = "listActors",
    responses((status = 200, body = Actors), Refusals))]
pub async fn actors(
    State(service): State<Arc<Service>>,
    caller: Caller,
) -> Result<Response, Problem> {
    let cx = caller.cx(&service);
    let roster =
        scenario::roster(service.access(), &*service.store, &cx, &caller.principal).await?;
    let actors = roster.actors.into_iter().map(|actor| Actor {
        id: actor.id.to_string(),
        display_name: actor.display_name,
        organisation: actor.organisation,
        role: actor.role,
        permissions: actor.permissions,
    });
    view(StatusCode::OK, &Actors { tenant: roster.tenant.to_string(), actors: actors.collect() })
}
