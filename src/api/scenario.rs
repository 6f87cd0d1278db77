//! `/scenario` and `/actors`: the caller's tenant.

use super::body::etag;
use super::caller::Caller;
use super::openapi::CommonErrors;
use super::problem::Problem;
use super::service::Service;
use super::{json, to_json, view};
use crate::scenario;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// The caller's tenant and the head of its history.
#[derive(Serialize, ToSchema)]
pub struct Scenario {
    /// The scenario's session id.
    session: String,
    /// The tenant's id.
    tenant: String,
    /// The tenant's display name.
    name: String,
    /// The last record's sequence number; 0 if there is none.
    head: u64,
    /// The freeze window in force, if there is one.
    frozen: Option<Frozen>,
}

/// A freeze window in force.
#[derive(Serialize, ToSchema)]
pub struct Frozen {
    /// The window's id.
    id: String,
    /// The reason for the freeze.
    reason: String,
    /// When the window ends by itself.
    #[schema(format = DateTime)]
    expires_at: String,
    /// Number of writes refused so far.
    refused: u64,
}

/// The caller's tenant with the head of its history, for `If-Match` of an append.
#[utoipa::path(get, path = "/api/v1/scenario", tag = "scenario", operation_id = "showScenario",
    responses(
        (status = 200, body = Scenario, headers(("ETag" = String, description = "ETag of the head"))),
        CommonErrors))]
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
    let mut response = json(StatusCode::OK, to_json(&shown)?);
    if let Ok(tag) = HeaderValue::from_str(&etag(head)) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

/// An actor of the tenant.
#[derive(Serialize, ToSchema)]
pub struct Actor {
    /// The actor's id, unique within the tenant.
    id: String,
    /// Display name.
    display_name: String,
    /// The actor's organisation.
    organisation: String,
    /// The role's key.
    role: String,
    /// Permissions, sorted.
    permissions: Vec<String>,
}

/// The tenant's actors.
#[derive(Serialize, ToSchema)]
pub struct Actors {
    /// The tenant's id.
    tenant: String,
    /// The actors that the caller may see: all of them, or only the caller.
    actors: Vec<Actor>,
}

/// The tenant's actors with their roles and permissions.
#[utoipa::path(get, path = "/api/v1/actors", tag = "scenario", operation_id = "listActors",
    responses((status = 200, body = Actors), CommonErrors))]
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
