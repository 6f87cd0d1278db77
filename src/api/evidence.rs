//! `/evidence`: lists and returns the packets of the evidence chain.

use super::caller::Caller;
use super::json;
use super::openapi::CommonErrors;
use super::problem::{Problem, ProblemKind};
use super::schema::{Listing, PacketSchema};
use super::service::Service;
use crate::report::evidence as views;
use crate::scenario::access::Action;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use flowcontrol_base::{Exit, Failure, Result as Done};
use flowcontrol_evidence::EvidenceStore;
use std::sync::Arc;

/// Every packet, in the order of the chain.
#[utoipa::path(get, path = "/api/v1/evidence", tag = "evidence", operation_id = "listEvidence",
    responses((status = 200, body = Listing), CommonErrors))]
pub async fn list(
    State(service): State<Arc<Service>>,
    caller: Caller,
) -> Result<Response, Problem> {
    caller.authorize(&service, Action::Evidence).await?;
    let listing = blocking(&service, |store| store.list()).await??;
    Ok(json(StatusCode::OK, views::list_json(&listing)?))
}

/// One packet, byte for byte as it was sealed.
#[utoipa::path(get, path = "/api/v1/evidence/{sequence}", tag = "evidence",
    operation_id = "showEvidence",
    params(("sequence" = u64, Path, minimum = 1, description = "The packet's sequence number in the chain")),
    responses(
        (status = 200, body = PacketSchema,
            headers(("ETag" = String, description = "The packet's SHA-256"))),
        CommonErrors))]
pub async fn show(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Path(sequence): Path<String>,
) -> Result<Response, Problem> {
    caller.authorize(&service, Action::Evidence).await?;
    let missing = || Problem::not_found("packet");
    let plain = (1..=5).contains(&sequence.len()) && sequence.bytes().all(|b| b.is_ascii_digit());
    if !plain {
        return Err(missing());
    }
    let sealed = match blocking(&service, move |store| store.load(&sequence)).await? {
        Err(Failure { exit: Exit::Usage, .. }) => return Err(missing()),
        sealed => sealed?,
    };
    let mut response = json(StatusCode::OK, sealed.text().to_owned());
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", sealed.sha256())) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

/// Reads the chain on a blocking thread.
async fn blocking<T: Send + 'static>(
    service: &Service,
    read: impl FnOnce(&EvidenceStore) -> Done<T> + Send + 'static,
) -> Result<Done<T>, Problem> {
    let store = EvidenceStore::at(&service.settings.state());
    tokio::task::spawn_blocking(move || read(&store))
        .await
        .map_err(|e| Problem::new(ProblemKind::Unexpected, "").because(e.to_string()))
}
