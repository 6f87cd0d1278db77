//! Receipts, and invoices by their number.

use super::super::clock::later;
use super::super::config::ADDRESS;
use super::super::entry::Entry;
use super::super::passes::sign_address;
use super::super::refusal::Refusal;
use super::super::session::Session;
use super::super::shared::Shared;
use super::super::upo::{PAGE, Page, write};
use super::super::world::World;
use super::super::{clock::moment, names};
use super::lists::READ;
use super::online::own;
use super::{Answer, reference};
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::IntoResponse as _;
use flowcontrol_files::AtPath as _;
use flowcontrol_ksef_invoice::number::KsefNumber;
use flowcontrol_ksef_wire::crypto::sha256_base64;
use flowcontrol_ksef_wire::messages::{META_HASH, ReferenceNumber, Sealed, UpoPage, UpoPages};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

/// 21178: there is none, or not yet.
fn none() -> Refusal {
    Refusal::bad(21178, "UPO nie zostało odnalezione.")
}

/// An XML document with its hash.
fn document(xml: Vec<u8>) -> Answer {
    let hash = sha256_base64(&xml);
    let mut response = (StatusCode::OK, Body::from(xml)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    // Base64 is visible ASCII.
    if let Ok(hash) = HeaderValue::from_str(&hash) {
        headers.insert(META_HASH, hash);
    }
    Ok(response)
}

/// The receipt of one invoice that is accepted by now.
fn receipt(shared: &Shared, world: &World, session: &Session, entry: Entry) -> Answer {
    if !entry.is_decided(shared.clock.now()) || entry.verdict.code != 200 {
        return Err(none());
    }
    let login = world.logins.get(&session.opened.login).ok_or_else(none)?;
    let xml = write(&session.opened, &login.login, None, std::iter::once(Ok(entry)))?;
    document(xml.into_bytes())
}

pub(super) async fn of_invoice(
    State(shared): State<Arc<Shared>>,
    Path((session, invoice)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    let caller = shared.caller_with(&headers, &READ)?;
    let index = own(&shared, &caller, &reference(&session)?, None)?;
    let world = shared.world();
    let session = &world.sessions[index];
    let entry = entry_of(session, &reference(&invoice)?)?.ok_or_else(none)?;
    receipt(&shared, &world, session, entry)
}

/// An invoice of a session by its reference.
pub(super) fn entry_of(
    session: &Session,
    invoice: &ReferenceNumber,
) -> Result<Option<Entry>, Refusal> {
    let entry = names::index(invoice).map_or(Ok(None), |ordinal| session.entry(ordinal))?;
    Ok(entry.filter(|entry| entry.reference == *invoice))
}

fn number(text: &str) -> Result<String, Refusal> {
    match KsefNumber::parse(text) {
        Ok(number) => Ok(number.to_string()),
        Err(e) => Err(Refusal::input(format!("ksefNumber: {e}"))),
    }
}

pub(super) async fn of_number(
    State(shared): State<Arc<Shared>>,
    Path((session, ksef)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    let caller = shared.caller_with(&headers, &READ)?;
    let index = own(&shared, &caller, &reference(&session)?, None)?;
    let world = shared.world();
    let found = world.by_number(&number(&ksef)?)?.filter(|(_, place)| *place == index);
    let (entry, _) = found.ok_or_else(none)?;
    receipt(&shared, &world, &world.sessions[index], entry)
}

pub(super) async fn of_session(
    State(shared): State<Arc<Shared>>,
    Path((session, page)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    let caller = shared.caller_with(&headers, &READ)?;
    let index = own(&shared, &caller, &reference(&session)?, None)?;
    let world = shared.world();
    page_of(&shared, &world, &world.sessions[index], &reference(&page)?)
}

/// How many pages a session's receipt has: none before the session is done with success.
fn pages(shared: &Shared, session: &Session) -> usize {
    let now = shared.clock.now();
    if session.status(now, shared.tempo).code != 200 {
        return 0;
    }
    (session.counts(now).accepted as usize).div_ceil(PAGE)
}

fn page_name(session: &Session, page: usize) -> Option<ReferenceNumber> {
    let opened = &session.opened;
    names::within(names::PAGE, opened.at, &opened.reference, page as u64).parse().ok()
}

fn page_of(shared: &Shared, world: &World, session: &Session, page: &ReferenceNumber) -> Answer {
    let pages = pages(shared, session);
    let number = (1..=pages).find(|n| page_name(session, *n).as_ref() == Some(page));
    let number = number.ok_or_else(none)?;
    let login = world.logins.get(&session.opened.login).ok_or_else(none)?;
    let accepted = session.places.iter().enumerate().filter(|(_, place)| place.accepted);
    let first = (number - 1) * PAGE;
    let documents = session.counts(shared.clock.now()).accepted as usize;
    let entries = accepted
        .skip(first)
        .take(PAGE)
        .filter_map(|(index, _)| session.entry(index as u64 + 1).transpose());
    let described = Page { number, pages, first: first + 1, documents };
    let xml = write(&session.opened, &login.login, Some(&described), entries)?;
    document(xml.into_bytes())
}

/// A receipt behind a pre-signed address: of an invoice, or a page of the session's.
pub(super) fn stored(shared: &Shared, session: &ReferenceNumber, name: &ReferenceNumber) -> Answer {
    let world = shared.world();
    let session = world.find(session).map(|index| &world.sessions[index]).ok_or_else(none)?;
    match entry_of(session, name)? {
        Some(entry) => receipt(shared, &world, session, entry),
        None => page_of(shared, &world, session, name),
    }
}

/// The address of a receipt and its end.
pub(super) fn address(
    shared: &Shared,
    session: &ReferenceNumber,
    name: &ReferenceNumber,
) -> (Sealed, time::OffsetDateTime) {
    let until = later(shared.clock.now(), ADDRESS);
    let path = format!("/storage/upo/{session}/{name}");
    let query = sign_address(shared.keys().signing(), "GET", &path, until);
    (Sealed::new(format!("{}{path}?{query}", shared.origin)), moment(until))
}

/// The session's receipt for its status, once it is there.
pub(super) fn listed(shared: &Shared, session: &Session) -> Option<UpoPages> {
    let pages: Vec<_> = (1..=pages(shared, session))
        .filter_map(|page| {
            let name = page_name(session, page)?;
            let (download_url, until) = address(shared, &session.opened.reference, &name);
            let reference_number = name;
            Some(UpoPage { reference_number, download_url, download_url_expiration_date: until })
        })
        .collect();
    (!pages.is_empty()).then_some(UpoPages { pages })
}

pub(super) async fn download(
    State(shared): State<Arc<Shared>>,
    Path(ksef): Path<String>,
    headers: HeaderMap,
) -> Answer {
    let caller = shared.caller_with(&headers, &["InvoiceRead"])?;
    let ksef = number(&ksef)?;
    let world = shared.world();
    let missing =
        || Refusal::bad(21164, format!("Faktura o numerze KSeF {ksef} nie została znaleziona."));
    let (entry, index) = world.by_number(&ksef)?.ok_or_else(missing)?;
    let session = &world.sessions[index];
    if session.opened.context != caller.context {
        return Err(missing());
    }
    let now = shared.clock.now();
    let stored = entry.decided.map(|at| later(at, shared.tempo.storage));
    let (Some((at, length)), true) = (entry.content, stored.is_some_and(|at| at <= now)) else {
        return Err(Refusal::bad(
            21165,
            format!(
                "Faktura o numerze KSeF {ksef} została przetworzona, ale nie jest jeszcze dostępna do \
             pobrania. Spróbuj ponownie później."
            ),
        ));
    };
    let path = session.content();
    let mut xml = vec![0; usize::try_from(length).unwrap_or_default()];
    std::fs::File::open(&path)
        .and_then(|file| file.read_exact_at(&mut xml, at))
        .at_path("read", &path)?;
    document(xml)
}
