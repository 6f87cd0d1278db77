//! `/gates`: the gates' results, as `flowcontrol gates --format json` prints them.

use super::body;
use super::caller::Caller;
use super::json;
use super::openapi::CommonErrors;
use super::problem::Problem;
use super::schema::Judgement;
use super::service::Service;
use crate::report::gates as views;
use crate::scenario::access::Action;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use flowcontrol_gates::judge;
use serde::Deserialize;
use std::sync::Arc;
use utoipa::IntoParams;

/// The query of `GET /gates`.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Query {
    /// The profile to judge, instead of the active one.
    #[serde(rename = "for")]
    profile: Option<String>,
}

/// Every gate, judged at the time of the request over the deployment's scenario and evidence.
#[utoipa::path(get, path = "/api/v1/gates", tag = "gates", operation_id = "judgeGates",
    params(Query), responses((status = 200, body = Judgement), CommonErrors))]
pub async fn judged(
    State(service): State<Arc<Service>>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let query: Query = body::query(request.uri())?;
    caller.authorize(&service, Action::Gates).await?;
    let inputs = service.gate_inputs(query.profile.as_deref()).await?;
    Ok(json(StatusCode::OK, views::json(&judge(&inputs), None)?))
}
