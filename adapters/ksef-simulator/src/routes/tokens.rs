//! KSeF tokens.

use super::super::clock::moment;
use super::super::event::Event;
use super::super::refusal::Refusal;
use super::super::shared::{Caller, Shared};
use super::super::world::TokenState;
use super::admin::issue_token;
use super::{Answer, SMALL, answer, json, paging, reference};
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse as _;
use flowcontrol_ksef_wire::messages::{
    ContextIdentifierType, GenerateToken, ReferenceNumber, TokenList, TokenStatus,
};
use std::sync::Arc;

/// What a token may be allowed.
const PERMISSIONS: [&str; 8] = [
    "InvoiceRead",
    "InvoiceWrite",
    "CredentialsRead",
    "CredentialsManage",
    "SubunitManage",
    "EnforcementOperations",
    "Introspection",
    "CollectiveIdentifierManage",
];

pub(super) async fn make(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let caller = shared.caller(&headers)?;
    let asked: GenerateToken = json(&headers, body, SMALL).await?;
    if !(5..=256).contains(&asked.description.chars().count()) {
        return Err(Refusal::input("description: wymagane od 5 do 256 znaków."));
    }
    if let Some(unknown) = asked.permissions.iter().find(|p| !PERMISSIONS.contains(&p.as_str())) {
        return Err(Refusal::input(format!("permissions: nieznane uprawnienie {unknown}.")));
    }
    if let Some(lacks) = asked.permissions.iter().find(|p| !caller.permissions.contains(p)) {
        return Err(Refusal::bad(26001, format!("Brak uprawnienia {lacks}.")));
    }
    let kind = caller.context.kind;
    if !matches!(kind, ContextIdentifierType::Nip | ContextIdentifierType::InternalId) {
        return Err(Refusal::bad(26002, "Dozwolone konteksty: Nip, InternalId."));
    }
    let token = issue_token(&shared, &caller.context, asked.permissions, asked.description)?;
    answer(StatusCode::ACCEPTED, &token)
}

fn view(state: &TokenState) -> TokenStatus {
    let token = &state.token;
    TokenStatus {
        reference_number: token.reference.clone(),
        author_identifier: token.author.clone(),
        context_identifier: token.context.clone(),
        description: token.description.clone(),
        requested_permissions: token.permissions.clone(),
        date_created: moment(token.at),
        last_use_date: state.used.map(moment),
        status: if state.revoked { "Revoked" } else { "Active" }.to_owned(),
        status_details: None,
    }
}

pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Query(query): Query<Vec<(String, String)>>,
) -> Answer {
    let caller = shared.caller(&headers)?;
    let paging = paging(&headers, &query, "tokens", 100)?;
    let wanted = |name: &str| -> Vec<&str> {
        query.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str()).collect()
    };
    let (statuses, descriptions) = (wanted("status"), wanted("description"));
    let world = shared.world();
    let mut own: Vec<_> = world
        .tokens
        .values()
        .filter(|state| state.token.context == caller.context)
        .map(view)
        .filter(|token| statuses.is_empty() || statuses.contains(&token.status.as_str()))
        .filter(|token| descriptions.iter().all(|part| token.description.contains(part)))
        .collect();
    own.sort_by_key(|token| std::cmp::Reverse(token.date_created));
    let more = own.len() > paging.start + paging.size;
    let tokens = own.into_iter().skip(paging.start).take(paging.size).collect();
    let continuation_token = paging.next("tokens", more);
    answer(StatusCode::OK, &TokenList { continuation_token, tokens })
}

/// The caller's token, or 21405: the document names no code of its own for it.
fn found(
    shared: &Shared,
    caller: &Caller,
    token: &ReferenceNumber,
) -> Result<TokenStatus, Refusal> {
    let world = shared.world();
    let own = world.tokens.get(token).filter(|state| state.token.context == caller.context);
    own.map(view).ok_or_else(|| Refusal::input("Token o podanym numerze nie istnieje."))
}

pub(super) async fn status(
    State(shared): State<Arc<Shared>>,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Answer {
    let caller = shared.caller(&headers)?;
    answer(StatusCode::OK, &found(&shared, &caller, &reference(&path)?)?)
}

pub(super) async fn revoke(
    State(shared): State<Arc<Shared>>,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Answer {
    let caller = shared.caller(&headers)?;
    let token = reference(&path)?;
    found(&shared, &caller, &token)?;
    let event = Event::TokenRevoked { reference: token, at: shared.clock.now() };
    shared.world().record(event, &shared.keys())?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
