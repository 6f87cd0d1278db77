//! Controls of the simulator, under `/simulator`: nothing that KSeF has.

use super::super::clock::rfc3339;
use super::super::event::{Event, KsefToken};
use super::super::faults::Planned;
use super::super::names;
use super::super::refusal::Refusal;
use super::super::shared::Shared;
use super::{Answer, SMALL, answer, json, reference};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse as _;
use axum::routing::{get, post};
use flowcontrol_ksef_invoice::nip;
use flowcontrol_ksef_wire::crypto::sha256_base64;
use flowcontrol_ksef_wire::messages::{
    ContextIdentifier, ContextIdentifierType, GeneratedToken, PublicKeyUsage, Sealed,
    TokenIdentifier,
};
use serde::Deserialize;
use serde_json::json as object;
use std::sync::Arc;
use std::time::Duration;

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/simulator", get(about))
        .route("/simulator/tokens", post(token))
        .route("/simulator/clock", post(clock))
        .route("/simulator/faults", get(faults).post(plan).delete(clear))
        .route("/simulator/keys", post(rotate))
}

async fn about(State(shared): State<Arc<Shared>>) -> Answer {
    answer(
        StatusCode::OK,
        &object!({
            "what": "a simulator of KSeF; nothing here has legal effect",
            "base_url": format!("{}/v2", shared.origin),
            "now": rfc3339(shared.clock.now()),
            "faults": planned(&shared),
        }),
    )
}

fn planned(shared: &Shared) -> Vec<String> {
    shared.faults.planned().iter().map(Planned::to_string).collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    nip: String,
    #[serde(default)]
    permissions: Option<Vec<String>>,
}

async fn token(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Body) -> Answer {
    let asked: Asked = json(&headers, body, SMALL).await?;
    nip::check(&asked.nip).map_err(|e| Refusal::input(format!("nip: {e}")))?;
    let context = ContextIdentifier { kind: ContextIdentifierType::Nip, value: asked.nip };
    let permissions = asked.permissions.unwrap_or_else(all_permissions);
    let made = issue_token(&shared, &context, permissions, "made by the simulator".to_owned())?;
    answer(StatusCode::CREATED, &made)
}

/// What a taxpayer may do in their own context.
pub(in super::super) fn all_permissions() -> Vec<String> {
    ["InvoiceRead", "InvoiceWrite", "CredentialsRead", "CredentialsManage", "Introspection"]
        .map(str::to_owned)
        .to_vec()
}

/// Makes a KSeF token; only its hash is kept.
pub(in super::super) fn issue_token(
    shared: &Shared,
    context: &ContextIdentifier,
    permissions: Vec<String>,
    description: String,
) -> Result<GeneratedToken, Refusal> {
    let now = shared.clock.now();
    let reference_number = reference(&names::fresh(names::TOKEN, now))?;
    let nip: String = context.value.chars().take(10).collect();
    let secret: String = rand::random::<[u8; 32]>().iter().map(|b| format!("{b:02x}")).collect();
    let text = format!("{reference_number}|nip-{nip}|{secret}");
    let token = KsefToken {
        reference: reference_number.clone(),
        digest: sha256_base64(&text),
        context: context.clone(),
        permissions,
        description,
        author: TokenIdentifier { kind: "Nip".to_owned(), value: nip },
        at: now,
    };
    shared.world().record(Event::Token(token), &shared.keys())?;
    Ok(GeneratedToken { reference_number, token: Sealed::new(text) })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Move {
    advance_seconds: u32,
}

async fn clock(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Body) -> Answer {
    let by: Move = json(&headers, body, SMALL).await?;
    shared.clock.advance(Duration::from_secs(by.advance_seconds.into()));
    answer(StatusCode::OK, &object!({"now": rfc3339(shared.clock.now())}))
}

async fn faults(State(shared): State<Arc<Shared>>) -> Answer {
    answer(StatusCode::OK, &object!({"faults": planned(&shared)}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Script {
    fault: String,
}

async fn plan(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Body) -> Answer {
    let script: Script = json(&headers, body, SMALL).await?;
    shared.faults.plan(script.fault.parse().map_err(Refusal::input)?);
    answer(StatusCode::CREATED, &object!({"faults": planned(&shared)}))
}

async fn clear(State(shared): State<Arc<Shared>>) -> Answer {
    shared.faults.clear();
    Ok(StatusCode::NO_CONTENT.into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rotate {
    usage: PublicKeyUsage,
    #[serde(default)]
    retire: bool,
}

async fn rotate(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Body) -> Answer {
    let asked: Rotate = json(&headers, body, SMALL).await?;
    let now = shared.clock.now();
    shared.keys_mut().rotate(asked.usage, asked.retire, now)?;
    answer(StatusCode::CREATED, &shared.keys().published(now))
}
