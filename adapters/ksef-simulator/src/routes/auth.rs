//! Keys, challenges, logins and their passes.

use super::super::clock::{later, moment, rfc3339};
use super::super::config::{ACCESS, CHALLENGE, REFRESH, TEMPORARY};
use super::super::event::{Event, Login, Method};
use super::super::passes::{self, Kind};
use super::super::refusal::Refusal;
use super::super::shared::Shared;
use super::super::world::LoginState;
use super::super::{event::Script, names};
use super::{Answer, SMALL, answer, json, known_key, paging, reference};
use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse as _;
use flowcontrol_contract::Timestamp;
use flowcontrol_ksef_invoice::nip;
use flowcontrol_ksef_wire::crypto::sha256_base64;
use flowcontrol_ksef_wire::messages::{
    AuthenticationChallenge, AuthenticationInit, AuthenticationMethodInfo, AuthenticationStatus,
    AuthenticationTokens, ContextIdentifier, ContextIdentifierType, InitTokenAuthentication,
    PublicKeyUsage, ReferenceNumber, RefreshedToken, StatusInfo,
};
use serde_json::json as object;
use std::sync::Arc;

pub(super) async fn keys(State(shared): State<Arc<Shared>>) -> Answer {
    answer(StatusCode::OK, &shared.keys().published(shared.clock.now()))
}

pub(super) async fn challenge(State(shared): State<Arc<Shared>>) -> Answer {
    // Whole milliseconds: the caller gets the time in both forms.
    let now = shared.clock.now();
    let millis = now.micros().div_euclid(1000);
    let now = Timestamp::from_micros(millis * 1000).unwrap_or(now);
    let challenge = names::fresh(names::CHALLENGE, now);
    let event = Event::Challenge { challenge: challenge.clone(), at: now };
    shared.world().record(event, &shared.keys())?;
    answer(
        StatusCode::OK,
        &AuthenticationChallenge {
            challenge,
            timestamp: moment(now),
            timestamp_ms: millis,
            client_ip: Some("127.0.0.1".to_owned()),
        },
    )
}

/// When a challenge was made, as long as it can be used.
pub(super) fn usable(shared: &Shared, challenge: &str) -> Result<Timestamp, Refusal> {
    let refuse = || Refusal::Bad { code: 21111, details: Vec::new() };
    let world = shared.world();
    let (made, used) = world.challenges.get(challenge).copied().ok_or_else(refuse)?;
    let alive = !used && shared.clock.now() < later(made, CHALLENGE);
    if alive { Ok(made) } else { Err(refuse()) }
}

pub(super) fn identifier(context: &ContextIdentifier) -> Result<(), Refusal> {
    let nip = match context.kind {
        ContextIdentifierType::Nip => context.value.as_str(),
        ContextIdentifierType::InternalId | ContextIdentifierType::NipVatUe => {
            context.value.split('-').next().unwrap_or_default()
        }
        ContextIdentifierType::PeppolId => return Ok(()),
    };
    nip::check(nip).map_err(|e| Refusal::bad(21117, e.to_string()))
}

pub(super) async fn token_login(
    State(shared): State<Arc<Shared>>,
    Extension(script): Extension<Script>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let asked: InitTokenAuthentication = json(&headers, body, SMALL).await?;
    if asked.challenge.len() != 36 {
        return Err(Refusal::input("challenge: wymagane 36 znaków."));
    }
    identifier(&asked.context_identifier)?;
    let made = usable(&shared, &asked.challenge)?;
    let usage = PublicKeyUsage::KsefTokenEncryption;
    known_key(&shared, usage, asked.public_key_id.as_deref())?;
    let id = asked.public_key_id.as_deref();
    let opened =
        shared.keys().unwrap(usage, id, asked.encrypted_token.expose(), shared.clock.now());
    let (method, permissions, failure) = match opened {
        Err(_) => (None, Vec::new(), Some("Nieprawidłowe szyfrowanie tokena".to_owned())),
        Ok(bytes) => believed(&shared, &bytes, made, &asked.context_identifier),
    };
    // A login that names no token of ours still has a status to be asked for.
    let method =
        method.unwrap_or_else(|| Method::Document(sha256_base64(asked.challenge.as_bytes())));
    let failure = failure.map(|why| (450, why));
    begin(
        &shared,
        asked.challenge,
        asked.context_identifier,
        (method, permissions),
        failure,
        script,
    )
}

type Belief = (Option<Method>, Vec<String>, Option<String>);

/// What a decrypted `token|timestampMs` is good for.
fn believed(shared: &Shared, bytes: &[u8], made: Timestamp, context: &ContextIdentifier) -> Belief {
    let refuse = |why: &str| (None, Vec::new(), Some(why.to_owned()));
    let Ok(text) = std::str::from_utf8(bytes) else {
        return refuse("Nieprawidłowe kodowanie tokena");
    };
    // Tokens hold this sign themselves.
    let Some((token, millis)) = text.rsplit_once('|') else {
        return refuse("Nieprawidłowe kodowanie tokena");
    };
    if millis.parse() != Ok(made.micros() / 1000) {
        return refuse("Nieprawidłowy czas tokena");
    }
    let digest = sha256_base64(token);
    let world = shared.world();
    let Some(state) = world.tokens.values().find(|state| state.token.digest == digest) else {
        return refuse("Nieprawidłowy token");
    };
    if state.revoked {
        return refuse("Token unieważniony");
    }
    if state.token.context != *context {
        let why = format!("Token nie może być użyty w kontekście {}", context.value);
        return (None, Vec::new(), Some(why));
    }
    let method = Method::Token(state.token.reference.clone());
    (Some(method), state.token.permissions.clone(), None)
}

/// Writes a login down and answers with its temporary pass.
pub(super) fn begin(
    shared: &Shared,
    challenge: String,
    context: ContextIdentifier,
    (method, permissions): (Method, Vec<String>),
    failure: Option<(i32, String)>,
    script: Script,
) -> Answer {
    let now = shared.clock.now();
    let failure = match script {
        Script::Decision(code) => Some((code, "Zaplanowane w symulatorze".to_owned())),
        _ => failure,
    };
    let reference = self::reference(&names::fresh(names::LOGIN, now))?;
    let pass = passes::issue(
        shared.keys().signing(),
        Kind::Temporary,
        &reference,
        &context,
        (now, TEMPORARY),
    );
    let login = Login {
        reference: reference.clone(),
        challenge,
        context,
        method,
        permissions,
        at: now,
        failure,
    };
    shared.world().record(Event::Login(login), &shared.keys())?;
    let init = AuthenticationInit { reference_number: reference, authentication_token: pass };
    answer(StatusCode::ACCEPTED, &init)
}

pub(super) async fn status(
    State(shared): State<Arc<Shared>>,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Answer {
    let claims = shared.pass(&headers, Kind::Temporary)?;
    let asked = reference(&path)?;
    let now = shared.clock.now();
    let world = shared.world();
    let missing = format!(
        "Operacja uwierzytelniania o numerze referencyjnym {asked} nie została znaleziona."
    );
    if asked != claims.login || !world.logins.contains_key(&asked) {
        return Err(Refusal::bad(21304, missing));
    }
    let gone = || Refusal::Gone("Operacja nie jest już dostępna.".to_owned());
    let state = world.login(&asked, now).ok_or_else(gone)?;
    answer(StatusCode::OK, &view(state, &shared, now))
}

fn view(state: &LoginState, shared: &Shared, now: Timestamp) -> AuthenticationStatus {
    let (code, detail) = state.status(now, shared.tempo);
    let token = matches!(state.login.method, Method::Token(_));
    let (method, category, kind, name) = if token {
        ("Token", "Token", "ksef.token", "Token KSeF")
    } else {
        ("InternalCertificate", "XadesSignature", "xades.certificate.internal", "Certyfikat KSeF")
    };
    let until = state.redeemed.then(|| moment(later(state.login.at, REFRESH)));
    AuthenticationStatus {
        start_date: moment(state.login.at),
        authentication_method: Some(method.to_owned()),
        authentication_method_info: Some(AuthenticationMethodInfo {
            category: category.to_owned(),
            code: kind.to_owned(),
            display_name: name.to_owned(),
        }),
        status: StatusInfo {
            code,
            description: described(code).to_owned(),
            details: detail.map(|detail| vec![detail]),
        },
        is_token_redeemed: Some(state.redeemed),
        last_token_refresh_date: state.refreshed.map(moment),
        refresh_token_valid_until: until,
    }
}

fn described(code: i32) -> &'static str {
    match code {
        100 => "Uwierzytelnianie w toku",
        200 => "Uwierzytelnianie zakończone sukcesem",
        415 => "Uwierzytelnianie zakończone niepowodzeniem",
        425 => "Uwierzytelnienie unieważnione",
        450 => "Uwierzytelnianie zakończone niepowodzeniem z powodu błędnego tokenu",
        460 => "Uwierzytelnianie zakończone niepowodzeniem z powodu błędu certyfikatu",
        470 => "Uwierzytelnianie zakończone niepowodzeniem",
        480 => "Uwierzytelnienie zablokowane",
        550 => "Operacja została anulowana przez system",
        _ => "Nieznany błąd",
    }
}

pub(super) async fn redeem(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Answer {
    let claims = shared.pass(&headers, Kind::Temporary)?;
    let now = shared.clock.now();
    let refuse = |why: String| Err(Refusal::bad(21301, why));
    let mut world = shared.world();
    let context = {
        let Some(state) = world.login(&claims.login, now) else {
            return Err(not_found(&claims.login));
        };
        let (code, _) = state.status(now, shared.tempo);
        if state.redeemed {
            return refuse(format!(
                "Tokeny dla operacji uwierzytelniania {} zostały już pobrane.",
                claims.login
            ));
        }
        if code != 200 {
            return refuse(format!(
                "Status uwierzytelniania ({code}) nie pozwala na pobranie tokenów."
            ));
        }
        state.login.context.clone()
    };
    let event = Event::Redeemed { login: claims.login.clone(), at: now };
    world.record(event, &shared.keys())?;
    let keys = shared.keys();
    let pass =
        |kind, lasts| passes::issue(keys.signing(), kind, &claims.login, &context, (now, lasts));
    answer(
        StatusCode::OK,
        &AuthenticationTokens {
            access_token: pass(Kind::Access, ACCESS),
            refresh_token: pass(Kind::Refresh, REFRESH),
        },
    )
}

fn not_found(login: &ReferenceNumber) -> Refusal {
    Refusal::bad(
        21304,
        format!(
            "Operacja uwierzytelniania o numerze referencyjnym {login} nie została znaleziona."
        ),
    )
}

pub(super) async fn refresh(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Answer {
    let claims = shared.pass(&headers, Kind::Refresh)?;
    let now = shared.clock.now();
    let mut world = shared.world();
    let context = {
        let state = world.login(&claims.login, now).ok_or_else(|| not_found(&claims.login))?;
        let (code, _) = state.status(now, shared.tempo);
        if code != 200 {
            return Err(Refusal::bad(
                21301,
                format!(
                    "Status uwierzytelniania ({code}) nie pozwala na odświeżenie tokenu dostępowego."
                ),
            ));
        }
        if let Method::Token(token) = &state.login.method
            && world.tokens.get(token).is_none_or(|token| token.revoked)
        {
            return Err(Refusal::bad(21301, "Token KSeF został unieważniony."));
        }
        state.login.context.clone()
    };
    let event = Event::Refreshed { login: claims.login.clone(), at: now };
    world.record(event, &shared.keys())?;
    let keys = shared.keys();
    let access =
        passes::issue(keys.signing(), Kind::Access, &claims.login, &context, (now, ACCESS));
    answer(StatusCode::OK, &RefreshedToken { access_token: access })
}

pub(super) async fn logins(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Query(query): Query<Vec<(String, String)>>,
) -> Answer {
    let caller = shared.caller(&headers)?;
    let paging = paging(&headers, &query, "logins", 100)?;
    let now = shared.clock.now();
    let world = shared.world();
    let mut own: Vec<_> = world
        .logins
        .values()
        .filter(|state| state.login.context == caller.context && state.redeemed && !state.revoked)
        .collect();
    own.sort_by(|a, b| b.login.at.cmp(&a.login.at).then(a.login.reference.cmp(&b.login.reference)));
    let items: Vec<_> = own
        .iter()
        .skip(paging.start)
        .take(paging.size)
        .map(|state| {
            let mut item = object!(view(state, &shared, now));
            item["referenceNumber"] = object!(state.login.reference);
            item["isCurrent"] = object!(state.login.reference == caller.login);
            item
        })
        .collect();
    let more = own.len() > paging.start + items.len();
    let next = paging.next("logins", more);
    answer(StatusCode::OK, &object!({"continuationToken": next, "items": items}))
}

pub(super) async fn logout(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Answer {
    // A refresh token ends its login as well as an access token does.
    let login = match shared.pass(&headers, Kind::Refresh) {
        Ok(claims) => claims.login,
        Err(_) => shared.caller(&headers)?.login,
    };
    end(&shared, login)
}

pub(super) async fn revoke(
    State(shared): State<Arc<Shared>>,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Answer {
    let caller = shared.caller(&headers)?;
    let login = reference(&path)?;
    let own = |state: &LoginState| state.login.context == caller.context;
    if !shared.world().logins.get(&login).is_some_and(own) {
        return Err(not_found(&login));
    }
    end(&shared, login)
}

fn end(shared: &Shared, login: ReferenceNumber) -> Answer {
    let at = shared.clock.now();
    tracing::debug!(%login, at = rfc3339(at), "a login is revoked");
    shared.world().record(Event::LoginRevoked { login, at }, &shared.keys())?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
