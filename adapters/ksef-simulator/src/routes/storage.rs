//! Pre-signed addresses: whoever knows one may use it until it expires. An access token is
//! refused there.

use super::super::event::Event;
use super::super::passes::{Doubt, check_address};
use super::super::refusal::Refusal;
use super::super::shared::Shared;
use super::{Answer, reference};
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::IntoResponse as _;
use flowcontrol_contract::{Error, ErrorKind};
use flowcontrol_files::AtPath as _;
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
        let expected = state.and_then(|state| {
            let parts = &state.opened.package.as_ref()?.file_parts;
            let part = parts.iter().find(|declared| declared.ordinal_number == part)?;
            Some((state.part(part.ordinal_number), part.file_size))
        });
        expected.ok_or_else(|| Refusal::Unknown("No such part is expected.".to_owned()))?
    };
    let (size, hash) = keep(body, &path, most).await?;
    let event = Event::Part { session, ordinal: part, size, hash };
    shared.world().record(event, &shared.keys())?;
    Ok(StatusCode::CREATED.into_response())
}

/// Writes a body to the disk piece by piece; its size and hash.
async fn keep(
    mut body: Body,
    path: &std::path::Path,
    declared: u64,
) -> Result<(u64, String), Refusal> {
    // Under another name until it is whole: a broken upload leaves the earlier one.
    let fresh = path.with_extension("new");
    let mut file = tokio::fs::File::create(&fresh).await.at_path("write", &fresh)?;
    let mut hasher = Hasher::default();
    let mut size = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Refusal::input("The upload was interrupted."))?;
        let Ok(piece) = frame.into_data() else { continue };
        size += piece.len() as u64;
        // A longer part is refused at the close anyway; no need to keep all of it.
        if size > declared + 1024 {
            return Err(Refusal::bad(21157, "The part is longer than declared."));
        }
        hasher.update(&piece);
        file.write_all(&piece).await.at_path("write", &fresh)?;
    }
    file.sync_all().await.at_path("write", &fresh)?;
    let to = path.to_owned();
    let renamed = tokio::task::spawn_blocking(move || flowcontrol_files::rename(&fresh, &to));
    renamed.await.map_err(|e| Error::new(ErrorKind::Unexpected, e.to_string()))??;
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
