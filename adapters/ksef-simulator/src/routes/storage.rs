//! Pre-signed addresses: whoever knows one may use it until it expires. An access token is
//! refused there.

use super::super::disk::failed;
use super::super::event::Event;
use super::super::passes::{Doubt, check_address};
use super::super::refusal::Refusal;
use super::super::shared::Shared;
use super::{Answer, reference};
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::IntoResponse as _;
use flowcontrol_ksef_wire::crypto::Hasher;
use http_body_util::BodyExt as _;
use std::sync::Arc;
use tokio::io::AsyncWriteExt as _;

fn allowed(shared: &Shared, method: &str, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
    let refuse = |detail: &str| Refusal::Forbidden {
        reason: "insufficient-resource-access",
        detail: detail.to_owned(),
        security: Default::default(),
    };
    if headers.contains_key(header::AUTHORIZATION) {
        return Err(refuse("A pre-signed address takes no Authorization header."));
    }
    let now = shared.clock.now();
    let query = uri.query().unwrap_or_default();
    match check_address(shared.keys().signing(), (method, uri.path()), query, now) {
        Ok(()) => Ok(()),
        Err(Doubt::Expired) => Err(refuse("The address has expired.")),
        Err(Doubt::Forged) => Err(refuse("The address is not signed.")),
    }
}

pub(super) async fn upload(
    State(shared): State<Arc<Shared>>,
    Path((session, part)): Path<(String, u32)>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    allowed(&shared, "PUT", &uri, &headers)?;
    if headers.get("x-ms-blob-type").is_none_or(|kind| kind != "BlockBlob") {
        return Err(Refusal::input("x-ms-blob-type: BlockBlob is required."));
    }
    let session = reference(&session)?;
    let (path, most) = {
        let world = shared.world();
        let found = world.find(&session).map(|index| &world.sessions[index]);
        let state = found.filter(|state| state.closed.is_none());
        let told = state.and_then(|state| {
            let parts = &state.opened.package.as_ref()?.file_parts;
            let told = parts.iter().find(|told| told.ordinal_number == part)?;
            Some((state.part(part), told.file_size))
        });
        told.ok_or_else(|| Refusal::Unknown("No such part is expected.".to_owned()))?
    };
    let (size, hash) = keep(body, &path, most).await?;
    let event = Event::Part { session, ordinal: part, size, hash };
    shared.world().record(event, &shared.keys())?;
    Ok(StatusCode::CREATED.into_response())
}

/// Writes a body to the disk piece by piece; its size and hash.
async fn keep(mut body: Body, path: &std::path::Path, told: u64) -> Result<(u64, String), Refusal> {
    // Under another name until it is whole: a broken upload leaves the earlier one.
    let fresh = path.with_extension("new");
    let fail = |e: &std::io::Error| Refusal::from(failed(&fresh, "write", e));
    let mut file = tokio::fs::File::create(&fresh).await.map_err(|e| fail(&e))?;
    let mut hasher = Hasher::default();
    let mut size = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Refusal::input("The upload was interrupted."))?;
        let Ok(piece) = frame.into_data() else { continue };
        size += piece.len() as u64;
        // What is longer than it was said to be is found out at the close; no need to keep it all.
        if size > told + 1024 {
            return Err(Refusal::bad(21157, "The part is longer than declared."));
        }
        hasher.update(&piece);
        file.write_all(&piece).await.map_err(|e| fail(&e))?;
    }
    file.sync_all().await.map_err(|e| fail(&e))?;
    tokio::fs::rename(&fresh, path).await.map_err(|e| fail(&e))?;
    let (hash, size) = hasher.finish();
    Ok((size, hash))
}

pub(super) async fn upo(
    State(shared): State<Arc<Shared>>,
    Path((session, name)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Answer {
    allowed(&shared, "GET", &uri, &headers)?;
    super::upo::stored(&shared, &reference(&session)?, &reference(&name)?)
}
