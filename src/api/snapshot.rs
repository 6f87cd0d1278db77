//! `/snapshot`: a snapshot of the caller's tenant.

use super::caller::Caller;
use super::openapi::CommonErrors;
use super::problem::Problem;
use super::service::Service;
use crate::scenario::access::Action;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, Response, header};
use bytes::Bytes;
use flowcontrol_base::Failure;
use flowcontrol_snapshot as snapshot;
use futures::stream;
use std::sync::Arc;
use tokio::io::AsyncReadExt;

/// The header with the digest of the snapshot's trailer.
const DIGEST: HeaderName = HeaderName::from_static("bfg-snapshot-sha256");
const COUNT: HeaderName = HeaderName::from_static("bfg-snapshot-records");
const PIECE: usize = 256 * 1024;

/// Freezes the caller's tenant as of now, while writing continues, and streams the snapshot
/// (`BFGScenarioSnapshot.v1`, JSON Lines).
#[utoipa::path(get, path = "/api/v1/snapshot", tag = "scenario", operation_id = "freezeSnapshot",
    responses(
        (status = 200, content_type = "application/jsonl", body = String, headers(
            ("bfg-snapshot-sha256" = String, description = "SHA-256 of everything before the trailer"),
            ("bfg-snapshot-records" = u64, description = "Number of records"))),
        CommonErrors))]
pub async fn freeze(
    State(service): State<Arc<Service>>,
    caller: Caller,
) -> Result<Response<Body>, Problem> {
    caller.authorize(&service, Action::Snapshot).await?;
    let tenant = caller.principal.tenant.clone();
    let state = service.settings.state();
    let unwritable = |e: std::io::Error| Failure::environment(format!("cannot freeze: {e}"));
    let turn = service.freeze_turn().await?;
    tokio::fs::create_dir_all(&state).await.map_err(unwritable)?;
    let folder = tempfile::Builder::new().prefix("snapshot-").tempdir_in(&state);
    let folder = folder.map_err(unwritable)?;
    let path = folder.path().join("snapshot.jsonl");
    let session = service.settings.config.session.clone();
    // A tenant that was never enrolled does not exist for the caller.
    if service.store.roster(&caller.cx(&service)).await?.is_none() {
        return Err(Problem::not_found("tenant"));
    }
    let summary = snapshot::freeze(&*service.store, session, &[tenant], &path, |_| {}).await?;
    let file = tokio::fs::File::open(&path).await.map_err(unwritable)?;
    // The open file stays readable after its name is deleted, so nothing remains when the reader
    // stops.
    drop((folder, turn));
    let pieces = stream::try_unfold(file, |mut file| async move {
        let mut piece = vec![0; PIECE];
        let read = file.read(&mut piece).await?;
        piece.truncate(read);
        Ok::<_, std::io::Error>((read > 0).then_some((Bytes::from(piece), file)))
    });
    let mut response = Response::new(Body::from_stream(pieces));
    let name = format!("attachment; filename=\"{}.jsonl\"", summary.sha256.short());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/jsonl"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(summary.bytes));
    headers.insert(COUNT, HeaderValue::from(summary.records));
    for (header, text) in
        [(DIGEST, summary.sha256.to_string()), (header::CONTENT_DISPOSITION, name)]
    {
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(header, value);
        }
    }
    Ok(response)
}
