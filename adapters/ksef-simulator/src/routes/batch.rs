//! Batch sessions.

use super::super::batch::unpack;
use super::super::clock::later;
use super::super::config::{ADDRESS, PACKAGE_BYTES, PART_BYTES, PARTS};
use super::super::event::{Closed, Event, Opened, Script};
use super::super::passes::sign_address;
use super::super::refusal::Refusal;
use super::super::shared::Shared;
use super::super::{names, world::make_folder};
use super::online::{missing, own};
use super::{Answer, SMALL, answer, encryption, form, hash, json, reference, unwrapped};
use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse as _;
use flowcontrol_ksef_wire::messages::{
    BatchFile, OpenBatchSession, OpenedBatchSession, PartUploadRequest, Sealed,
};
use std::sync::Arc;

const WRITE: [&str; 2] = ["InvoiceWrite", "EnforcementOperations"];

pub(super) async fn open(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let caller = shared.caller_with(&headers, &WRITE)?;
    let asked: OpenBatchSession = json(&headers, body, SMALL).await?;
    form(&asked.form_code)?;
    encryption(&shared, &asked.encryption)?;
    package(&asked.batch_file)?;
    let now = shared.clock.now();
    let session = reference(&names::fresh(names::BATCH, now))?;
    let key = unwrapped(&shared, &asked.encryption);
    let uploads = asked.batch_file.file_parts.iter().map(|part| {
        let path = format!("/storage/batch/{session}/{}", part.ordinal_number);
        let query = sign_address(shared.keys().signing(), "PUT", &path, later(now, ADDRESS));
        PartUploadRequest {
            ordinal_number: part.ordinal_number,
            method: "PUT".to_owned(),
            url: Sealed::new(format!("{}{path}?{query}", shared.origin)),
            headers: [("x-ms-blob-type".to_owned(), Some("BlockBlob".to_owned()))].into(),
        }
    });
    let part_upload_requests = uploads.collect();
    let opened = Opened {
        reference: session.clone(),
        form: asked.form_code,
        context: caller.context,
        login: caller.login,
        wrapped: asked.encryption.encrypted_symmetric_key,
        iv: asked.encryption.initialization_vector,
        at: now,
        package: Some(asked.batch_file),
        offline: asked.offline_mode,
    };
    let mut world = shared.world();
    world.record(Event::Session(opened), &shared.keys())?;
    let index = world.find(&session).ok_or_else(|| missing(&session))?;
    world.sessions[index].key = key;
    make_folder(&world.sessions[index])?;
    let opened = OpenedBatchSession { reference_number: session, part_upload_requests };
    answer(StatusCode::CREATED, &opened)
}

/// Checks what a request says of its package.
fn package(file: &BatchFile) -> Result<(), Refusal> {
    hash("fileHash", &file.file_hash)?;
    if !(1..=PACKAGE_BYTES).contains(&file.file_size) {
        return Err(Refusal::input(format!("fileSize: wymagana wartość od 1 do {PACKAGE_BYTES}.")));
    }
    if file.file_parts.is_empty() {
        return Err(Refusal::input("fileParts: wymagana co najmniej jedna część."));
    }
    if file.file_parts.len() > PARTS {
        let why = format!("Paczka może mieć najwyżej {PARTS} części.");
        return Err(Refusal::bad(21161, why));
    }
    let mut seen = vec![false; file.file_parts.len()];
    for part in &file.file_parts {
        let ordinal = part.ordinal_number;
        hash("fileParts.fileHash", &part.file_hash)?;
        // Padding adds up to a block.
        if part.file_size == 0 || part.file_size > PART_BYTES + 16 {
            let why = format!("Rozmiar części {ordinal} przekroczył dozwolony rozmiar 100MB.");
            return Err(Refusal::bad(21157, why));
        }
        match seen.get_mut((ordinal as usize).wrapping_sub(1)) {
            Some(seen) if !*seen => *seen = true,
            _ => return Err(Refusal::input("fileParts: numery części od 1, każdy raz.")),
        }
    }
    Ok(())
}

pub(super) async fn close(
    State(shared): State<Arc<Shared>>,
    Extension(script): Extension<Script>,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Answer {
    let caller = shared.caller_with(&headers, &WRITE)?;
    let session = reference(&path)?;
    let index = own(&shared, &caller, &session, Some(true))?;
    let now = shared.clock.now();
    let mut readable = true;
    {
        let mut world = shared.world();
        let state = &world.sessions[index];
        let code = state.status(now, shared.tempo).code;
        if code == 440 {
            return Err(Refusal::bad(21208, "Sesja anulowana, przekroczony czas wysyłki."));
        }
        if code == 415 {
            readable = false;
        } else if code != 100 {
            let why = format!("Status sesji {code} uniemożliwia jej zamknięcie.");
            return Err(Refusal::bad(21180, why));
        }
        let declared = state.opened.package.iter().flat_map(|package| &package.file_parts);
        for part in declared {
            let ordinal = part.ordinal_number;
            match state.parts.get(&ordinal) {
                None => {
                    let why = format!("Nie przesłano zadeklarowanej '{ordinal}' części pliku.");
                    return Err(Refusal::bad(21205, why));
                }
                Some((size, _)) if *size != part.file_size => {
                    return Err(Refusal::bad(
                        21157,
                        format!(
                            "Zadeklarowany rozmiar części '{ordinal}' nie zgadza się z rzeczywistym."
                        ),
                    ));
                }
                Some(_) => {}
            }
        }
        let closed = Closed { at: now, script };
        world.record(Event::Closed { session, closed }, &shared.keys())?;
    }
    if readable {
        unpack(shared, index);
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}
