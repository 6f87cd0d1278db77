//! Interactive sessions.

use super::super::admit::Arrival;
use super::super::clock::moment;
use super::super::config::{ATTACHED_BYTES, INVOICES};
use super::super::event::{Closed, Event, Opened, Script};
use super::super::judge::{Judgement, Terms, judge};
use super::super::names;
use super::super::refusal::Refusal;
use super::super::shared::{Caller, Shared};
use super::{Answer, SMALL, answer, encryption, form, hash, json, reference, unwrapped};
use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse as _;
use flowcontrol_ksef_wire::crypto::{decode, sha256_base64};
use flowcontrol_ksef_wire::messages::{
    OpenOnlineSession, OpenedOnlineSession, ReferenceNumber, SendInvoice, SentInvoice,
};
use std::sync::Arc;

/// Permissions of which one is needed to write.
pub(super) const WRITE: [&str; 3] = ["InvoiceWrite", "PefInvoiceWrite", "EnforcementOperations"];
/// Longest request with an invoice: base64 takes four bytes for three.
const LARGE: usize = ATTACHED_BYTES as usize / 3 * 4 + 64 * 1024;

pub(super) async fn open(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let caller = shared.caller_with(&headers, &WRITE)?;
    let asked: OpenOnlineSession = json(&headers, body, SMALL).await?;
    form(&asked.form_code)?;
    encryption(&shared, &asked.encryption)?;
    let now = shared.clock.now();
    let session = reference(&names::fresh(names::ONLINE, now))?;
    let key = unwrapped(&shared, &asked.encryption);
    let opened = Opened {
        reference: session.clone(),
        form: asked.form_code,
        context: caller.context,
        login: caller.login,
        wrapped: asked.encryption.encrypted_symmetric_key,
        iv: asked.encryption.initialization_vector,
        at: now,
        package: None,
        offline: false,
    };
    let mut world = shared.world();
    world.record(Event::Session(opened), &shared.keys())?;
    let index = world.find(&session).ok_or_else(|| missing(&session))?;
    // The named key decides; reading the journal tries all of them.
    world.sessions[index].key = key;
    let valid_until = moment(world.sessions[index].ends());
    answer(StatusCode::CREATED, &OpenedOnlineSession { reference_number: session, valid_until })
}

/// 21173.
pub(super) fn missing(session: &ReferenceNumber) -> Refusal {
    Refusal::bad(21173, format!("Sesja o numerze referencyjnym {session} nie została odnaleziona."))
}

/// The caller's session of a kind; another's is as one that does not exist.
pub(super) fn own(
    shared: &Shared,
    caller: &Caller,
    session: &ReferenceNumber,
    batch: Option<bool>,
) -> Result<usize, Refusal> {
    let world = shared.world();
    world
        .find(session)
        .filter(|index| {
            let state = &world.sessions[*index];
            state.opened.context == caller.context
                && batch.is_none_or(|batch| state.is_batch() == batch)
        })
        .ok_or_else(|| missing(session))
}

pub(super) async fn send(
    State(shared): State<Arc<Shared>>,
    Extension(script): Extension<Script>,
    Path(path): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let caller = shared.caller_with(&headers, &WRITE)?;
    let session = reference(&path)?;
    let asked: SendInvoice = json(&headers, body, LARGE).await?;
    let sealed = checked(&asked)?;
    // RSA, AES, hashing and the disk would hold up other requests.
    let work = move || take(&shared, &caller, &session, &asked, &sealed, script);
    let done = tokio::task::spawn_blocking(work).await;
    let reference_number = done.map_err(|e| Refusal::Broken(e.to_string()))??;
    answer(StatusCode::ACCEPTED, &SentInvoice { reference_number })
}

/// Checks what a request says of itself, and reads its ciphertext.
fn checked(asked: &SendInvoice) -> Result<Vec<u8>, Refusal> {
    hash("invoiceHash", &asked.invoice_hash)?;
    hash("encryptedInvoiceHash", &asked.encrypted_invoice_hash)?;
    if let Some(corrected) = &asked.hash_of_corrected_invoice {
        hash("hashOfCorrectedInvoice", corrected)?;
        if !asked.offline_mode {
            return Err(Refusal::input("Korekta techniczna wymaga offlineMode = true."));
        }
    }
    if !(1..=ATTACHED_BYTES).contains(&asked.invoice_size) {
        return Err(Refusal::input(format!(
            "invoiceSize: wymagana wartość od 1 do {ATTACHED_BYTES}."
        )));
    }
    let content = decode(asked.encrypted_invoice_content.expose());
    let content =
        content.ok_or_else(|| Refusal::input("encryptedInvoiceContent: nieprawidłowe Base64."))?;
    if content.len() as u64 != asked.encrypted_invoice_size {
        return Err(Refusal::bad(21402, "Długość treści nie zgadza się z rozmiarem pliku."));
    }
    if sha256_base64(&content) != asked.encrypted_invoice_hash {
        return Err(Refusal::bad(21403, "Skrót treści nie zgadza się ze skrótem pliku."));
    }
    Ok(content)
}

fn take(
    shared: &Shared,
    caller: &Caller,
    session: &ReferenceNumber,
    asked: &SendInvoice,
    sealed: &[u8],
    script: Script,
) -> Result<ReferenceNumber, Refusal> {
    let index = own(shared, caller, session, Some(false))?;
    let now = shared.clock.now();
    let key = {
        let world = shared.world();
        let state = &world.sessions[index];
        let code = state.status(now, shared.tempo).code;
        let key = state.key.clone().filter(|_| code == 100).ok_or_else(|| {
            Refusal::bad(21180, format!("Status sesji {code} uniemożliwia wysyłkę faktur."))
        })?;
        if let Some(corrected) = &asked.hash_of_corrected_invoice {
            correction(&world, caller, corrected)?;
        }
        key
    };
    let opened = key.decrypt(sealed);
    let terms = Terms {
        declared: Some((asked.invoice_size, &asked.invoice_hash)),
        context: &caller.context,
        accepted_at: moment(now),
        attachments: shared.attachments,
    };
    let xml = opened.as_deref().unwrap_or_default();
    let judgement = match &opened {
        Ok(xml) => judge(xml, &terms),
        Err(_) => Judgement::undecrypted(),
    };
    let arrival = Arrival {
        hash: asked.invoice_hash.clone(),
        file: None,
        offline: asked.offline_mode,
        corrects: asked.hash_of_corrected_invoice.clone(),
        script,
        received: now,
        accepted_at: now,
    };
    let mut world = shared.world();
    // Others may have sent or closed in the meantime.
    let state = &world.sessions[index];
    if state.places.len() >= INVOICES {
        return Err(Refusal::bad(
            21155,
            format!(
                "Sesja o numerze referencyjnym {session} osiągnęła dozwolony limit liczby faktur \
             {INVOICES}."
            ),
        ));
    }
    let code = state.status(now, shared.tempo).code;
    if code != 100 {
        let why = format!("Status sesji {code} uniemożliwia wysyłkę faktur.");
        return Err(Refusal::bad(21180, why));
    }
    Ok(world.admit(index, arrival, judgement, xml, (shared.tempo, true))?)
}

/// A technical correction replaces a refused invoice once.
fn correction(
    world: &super::super::world::World,
    caller: &Caller,
    corrected: &str,
) -> Result<(), Refusal> {
    let own = world.sessions.iter().filter(|session| session.opened.context == caller.context);
    for session in own {
        for ordinal in 1..=session.places.len() as u64 {
            let Some(entry) = session.entry(ordinal)? else { continue };
            let accepted = entry.verdict.code == 200;
            if accepted && entry.hash == corrected {
                let why =
                    "Nie można wysłać korekty technicznej do prawidłowo przetworzonej faktury.";
                return Err(Refusal::bad(21167, why));
            }
            if accepted && entry.corrects.as_deref() == Some(corrected) {
                let why = "Faktura posiada już przetworzoną prawidłowo korektę techniczną.";
                return Err(Refusal::bad(21166, why));
            }
        }
    }
    Ok(())
}

pub(super) async fn close(
    State(shared): State<Arc<Shared>>,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Answer {
    let caller = shared.caller_with(&headers, &WRITE)?;
    let session = reference(&path)?;
    let index = own(&shared, &caller, &session, Some(false))?;
    let now = shared.clock.now();
    let mut world = shared.world();
    let code = world.sessions[index].status(now, shared.tempo).code;
    if code != 100 {
        return Err(Refusal::bad(
            21180,
            format!("Status sesji {code} uniemożliwia jej zamknięcie."),
        ));
    }
    let closed = Closed { at: now, script: Script::None };
    world.record(Event::Closed { session, closed }, &shared.keys())?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
