//! The operations, one file a group.

mod admin;
mod auth;
mod batch;
mod certificate;
mod limits;
mod lists;
mod online;
mod storage;
mod tokens;
mod upo;

use super::middleware::middleware;
use super::operation::Operation;
use super::refusal::Refusal;
use super::shared::Shared;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use base64::Engine as _;
use flowcontrol_ksef_wire::crypto::{SymmetricKey, decode};
use flowcontrol_ksef_wire::messages::{EncryptionInfo, FormCode, PublicKeyUsage, ReferenceNumber};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;

pub(super) use admin::{all_permissions, issue_token};

type Answer = Result<Response, Refusal>;

/// Longest body of a request without an invoice, in bytes.
const SMALL: usize = 256 * 1024;

/// All routes.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    let mut router = Router::new();
    for operation in Operation::ALL.iter().copied() {
        let (method, path) = operation.route();
        router = router.route(path, handler(operation, &method));
    }
    router
        .merge(admin::router())
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .layer(axum::middleware::from_fn_with_state(shared.clone(), middleware))
        .with_state(shared)
}

fn handler(operation: Operation, method: &Method) -> MethodRouter<Arc<Shared>> {
    use Operation as O;
    // Operations name methods that axum knows.
    let method = MethodFilter::try_from(method.clone()).unwrap_or(MethodFilter::GET);
    match operation {
        O::Keys => on(method, auth::keys),
        O::Challenge => on(method, auth::challenge),
        O::TokenLogin => on(method, auth::token_login),
        O::XadesLogin => on(method, certificate::login),
        O::LoginStatus => on(method, auth::status),
        O::Redeem => on(method, auth::redeem),
        O::Refresh => on(method, auth::refresh),
        O::Logins => on(method, auth::logins),
        O::Logout => on(method, auth::logout),
        O::RevokeLogin => on(method, auth::revoke),
        O::OpenOnline => on(method, online::open),
        O::Send => on(method, online::send),
        O::CloseOnline => on(method, online::close),
        O::OpenBatch => on(method, batch::open),
        O::CloseBatch => on(method, batch::close),
        O::Sessions => on(method, lists::sessions),
        O::Session => on(method, lists::session),
        O::Invoices => on(method, lists::invoices),
        O::FailedInvoices => on(method, lists::failed),
        O::Invoice => on(method, lists::invoice),
        O::InvoiceUpo => on(method, upo::of_invoice),
        O::NumberUpo => on(method, upo::of_number),
        O::SessionUpo => on(method, upo::of_session),
        O::Download => on(method, upo::download),
        O::ContextLimits => on(method, limits::context),
        O::SubjectLimits => on(method, limits::subject),
        O::RateLimits => on(method, limits::rates),
        O::MakeToken => on(method, tokens::make),
        O::Tokens => on(method, tokens::list),
        O::Token => on(method, tokens::status),
        O::RevokeToken => on(method, tokens::revoke),
        O::Upload => on(method, storage::upload),
        O::StoredUpo => on(method, storage::upo),
    }
}

async fn unknown(method: Method, uri: axum::http::Uri) -> Refusal {
    Refusal::Unknown(format!("The simulator has no {method} {}.", uri.path()))
}

/// Reads a request's JSON. Unknown fields, wrong types and missing fields are 21001 with the reason.
async fn json<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: Body,
    most: usize,
) -> Result<T, Refusal> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_json = kind.is_some_and(|kind| kind.split(';').next() == Some("application/json"));
    if !is_json {
        return Err(Refusal::bad(21001, "Content-Type must be application/json"));
    }
    let bytes = to_bytes(body, most).await;
    let bytes = bytes.map_err(|_| Refusal::bad(21001, format!("longer than {most} bytes")))?;
    serde_json::from_slice(&bytes).map_err(|e| Refusal::bad(21001, e.to_string()))
}

/// An answer in JSON.
fn answer(status: StatusCode, value: &impl Serialize) -> Answer {
    let body = serde_json::to_vec(value).map_err(|e| Refusal::Broken(e.to_string()))?;
    let mut response = (status, Body::from(body)).into_response();
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    Ok(response)
}

/// A reference in a path.
fn reference(text: &str) -> Result<ReferenceNumber, Refusal> {
    text.parse().map_err(|_| Refusal::input("Numer referencyjny ma nieprawidłowy format."))
}

/// A base64 SHA-256 in a request.
fn hash(name: &str, text: &str) -> Result<(), Refusal> {
    match decode(text) {
        Some(bytes) if bytes.len() == 32 => Ok(()),
        _ => Err(Refusal::input(format!("{name}: nieprawidłowy skrót SHA-256 w Base64."))),
    }
}

fn form(form: &FormCode) -> Result<(), Refusal> {
    if *form == FormCode::fa3() {
        return Ok(());
    }
    Err(Refusal::input("Wskazany kod formularza nie jest wspierany."))
}

/// Checks a session's encryption as far as KSeF does when it opens one: the form, and which key. A
/// key that cannot be unwrapped is found out later.
fn encryption(shared: &Shared, info: &EncryptionInfo) -> Result<(), Refusal> {
    let iv = decode(info.initialization_vector.expose());
    if iv.as_ref().map(Vec::len) != Some(16) {
        return Err(Refusal::input("initializationVector: wymagane 16 bajtów w Base64."));
    }
    let wrapped = info.encrypted_symmetric_key.expose();
    if decode(wrapped).is_none_or(|bytes| bytes.is_empty()) {
        return Err(Refusal::input("encryptedSymmetricKey: nieprawidłowe Base64."));
    }
    let usage = PublicKeyUsage::SymmetricKeyEncryption;
    known_key(shared, usage, info.public_key_id.as_deref())
}

/// 21470 for a key that is not published.
fn known_key(shared: &Shared, usage: PublicKeyUsage, id: Option<&str>) -> Result<(), Refusal> {
    let Some(id) = id else { return Ok(()) };
    let published = shared.keys().published(shared.clock.now());
    if published.iter().any(|key| key.public_key_id == id && key.usage.contains(&usage)) {
        return Ok(());
    }
    Err(Refusal::bad(21470, format!("Klucz o identyfikatorze {id} nie jest wspierany.")))
}

/// A session's key, when it can be unwrapped with the key that was named.
fn unwrapped(shared: &Shared, info: &EncryptionInfo) -> Option<SymmetricKey> {
    let usage = PublicKeyUsage::SymmetricKeyEncryption;
    let (id, now) = (info.public_key_id.as_deref(), shared.clock.now());
    let key = shared.keys().unwrap(usage, id, info.encrypted_symmetric_key.expose(), now).ok()?;
    SymmetricKey::from_parts(&key, &decode(info.initialization_vector.expose())?)
}

/// Which page a caller asks for.
struct Paging {
    size: usize,
    /// How many items are before it.
    start: usize,
}

/// Reads `pageSize` and the continuation token of a list named `list`.
fn paging(
    headers: &HeaderMap,
    query: &[(String, String)],
    list: &str,
    most: usize,
) -> Result<Paging, Refusal> {
    let size = match query.iter().find(|(name, _)| name == "pageSize") {
        None => 10,
        Some((_, text)) => {
            text.parse().ok().filter(|n| (10..=most).contains(n)).ok_or_else(|| {
                Refusal::input(format!("pageSize: wymagana liczba od 10 do {most}."))
            })?
        }
    };
    let wrong = || Refusal::Bad { code: 21418, details: Vec::new() };
    let start = match headers.get(flowcontrol_ksef_wire::messages::CONTINUATION) {
        None => 0,
        Some(token) => {
            let read = || {
                let text = String::from_utf8(
                    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(token).ok()?,
                )
                .ok()?;
                text.strip_prefix(list)?.strip_prefix('/')?.parse().ok()
            };
            read().ok_or_else(wrong)?
        }
    };
    Ok(Paging { size, start })
}

impl Paging {
    /// The token of the next page, when there is more.
    fn next(&self, list: &str, more: bool) -> Option<String> {
        let text = format!("{list}/{}", self.start + self.size);
        more.then(|| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text))
    }
}
