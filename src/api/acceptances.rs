//! `POST /acceptances`: records or revokes the caller's acceptance of a check.

use super::body;
use super::caller::Caller;
use super::idempotency::{IdempotencyKey, StoredResponse, read_key};
use super::openapi::{IdempotencyHeader, WriteErrors};
use super::problem::{Problem, ProblemKind};
use super::service::Service;
use crate::decide::accept::{Ask, Proof, accept as record};
use crate::scenario::access::Action;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use flowcontrol_contract::{Digest, Mode};
use flowcontrol_evidence::VouchedSignIn;
use flowcontrol_evidence::keys::PrivateKey;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;

/// An acceptance to record.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAcceptance {
    /// The check to accept, as `gate/check`; one that its owner decides.
    #[schema(schema_with = super::schema::decisions)]
    check: String,
    /// What is decided, by name; infrastructure decisions ask for it. Must hold no secret.
    #[serde(default)]
    values: BTreeMap<String, String>,
    /// Revokes the earlier acceptance instead.
    #[serde(default)]
    revoke: bool,
    /// Accepts it for this profile instead of the active one.
    #[serde(rename = "for")]
    profile: Option<String>,
}

/// An acceptance as it was recorded.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what the engine writes")]
pub struct Accepted {
    /// `gate/check`.
    check: String,
    /// The actor who accepted.
    actor: String,
    /// How the actor was authenticated: `mock`, or `oidc`, for which the service vouched.
    authentication: String,
    /// The service's public key where it vouched for who is signed in.
    vouched_by: Option<String>,
    /// The values that were decided.
    values: BTreeMap<String, String>,
    /// Whether the acceptance was revoked.
    revoked: bool,
    /// The packet's sequence number in the evidence chain.
    sequence: u64,
    /// The packet's SHA-256.
    sha256: String,
    /// The score of the check's gate after the acceptance.
    gate: Score,
}

/// A gate's score.
#[derive(ToSchema)]
#[schema(as = GateScore)]
#[expect(dead_code, reason = "describes what the engine writes")]
pub struct Score {
    /// The gate.
    id: String,
    /// Number of checks that are ready.
    passed: usize,
    /// Number of all checks.
    total: usize,
}

/// Seals the caller's acceptance into the evidence chain, bound to the configuration, the snapshot
/// and the evidence in force. Whether it counts is decided by the gates.
#[utoipa::path(post, path = "/api/v1/acceptances", tag = "gates", operation_id = "accept",
    params(IdempotencyHeader), request_body = NewAcceptance,
    responses((status = 201, body = Accepted), WriteErrors))]
pub async fn accept(
    State(service): State<Arc<Service>>,
    caller: Caller,
    request: Request,
) -> Result<StoredResponse, Problem> {
    let key = read_key(request.headers())?;
    caller.authorize(&service, Action::Accept).await?;
    let text = body::text(&service.limits, request).await?;
    let acceptance: NewAcceptance = body::parse(&text)?;
    let key = key.map(|key| IdempotencyKey {
        tenant: caller.principal.tenant.clone(),
        actor: caller.principal.actor.clone(),
        operation: "accept",
        key,
    });
    let own = Arc::clone(&service);
    service
        .write_once(key, Digest::of(&text), async move { seal(&own, &caller, acceptance).await })
        .await
}

async fn seal(
    service: &Arc<Service>,
    caller: &Caller,
    acceptance: NewAcceptance,
) -> Result<StoredResponse, Problem> {
    let inputs = service.gate_inputs(acceptance.profile.as_deref()).await?;
    let settings = service.settings.clone();
    let store = settings.evidence()?;
    let sign_in = sign_in(service, caller)?;
    let values: Vec<_> = acceptance.values.iter().map(|(n, v)| format!("{n}={v}")).collect();
    let (actor, via) = (caller.principal.actor.clone(), format!("request {}", caller.request.0));
    let (state, request) = (settings.state(), caller.request.0.to_string());
    let done = tokio::task::spawn_blocking(move || {
        let proof = sign_in.as_ref().map_or(Proof::Nothing, |(key, issuer, subject)| {
            Proof::SignIn(VouchedSignIn { issuer, subject, request: &request, key })
        });
        let ask = Ask {
            check: &acceptance.check,
            actor: actor.as_str(),
            proof,
            values: &values,
            revoke: acceptance.revoke,
            via: Some(&via),
        };
        record(&settings, &store, inputs, &ask)
    });
    let done =
        done.await.map_err(|e| Problem::new(ProblemKind::Unexpected, "").because(e.to_string()))?;
    let done = done.map_err(|failure| Problem::from_failure(failure, &state))?;
    let at = format!("/api/v1/evidence/{}", done.recorded.packet.sequence);
    Ok(StoredResponse {
        status: StatusCode::CREATED,
        headers: vec![(header::LOCATION, at)],
        body: done.value().to_string(),
    })
}

/// The key with which this service vouches for the caller's sign-in, with issuer and subject;
/// `None` for a caller who is known by plain headers alone.
fn sign_in(
    service: &Service,
    caller: &Caller,
) -> Result<Option<(PrivateKey, String, String)>, Problem> {
    let how = &caller.principal.how;
    let (Mode::Live, Some(issuer)) = (service.auth.info().mode, &how.issuer) else {
        return Ok(None);
    };
    let subject = how.subject.clone().unwrap_or_default();
    match service.settings.vouching_key()? {
        Some(key) => Ok(Some((key, issuer.clone(), subject))),
        // An acceptance that could not be proved later must not be sealed: the chain could not be
        // judged any more.
        None => Err(Problem::new(
            ProblemKind::Conflict,
            "this service has no key to vouch for signed-in callers; sign the acceptance with the \
                         owner's own key instead: flowcontrol accept --key FILE",
        )),
    }
}
