//! `/acceptances`: an owner's word, given or taken back by the caller.

use super::body;
use super::caller::Caller;
use super::idempotency::{Answer, Key, key};
use super::openapi::{Keyed, Writing};
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

/// A word on a check.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAcceptance {
    /// A check that is its owner's to decide, as `gate/check`.
    #[schema(schema_with = super::schema::decisions)]
    check: String,
    /// What is decided, by name; infrastructure decisions ask for it. No secret.
    #[serde(default)]
    values: BTreeMap<String, String>,
    /// Takes the word back.
    #[serde(default)]
    revoke: bool,
    /// Accepts it for this profile instead of the active one.
    #[serde(rename = "for")]
    profile: Option<String>,
}

/// A word that was recorded.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what the engine writes")]
pub struct Accepted {
    /// `gate/check`.
    check: String,
    /// Who.
    actor: String,
    /// How the actor was known: `mock`, or `oidc` for which the service vouched.
    authentication: String,
    /// The service's public key where it vouched for who is signed in.
    vouched_by: Option<String>,
    /// What was decided.
    values: BTreeMap<String, String>,
    /// Whether it was taken back.
    revoked: bool,
    /// The packet's place in the chain.
    sequence: u64,
    /// The packet's digest.
    sha256: String,
    /// The check's gate with its score since.
    gate: Score,
}

/// A gate's score.
#[derive(ToSchema)]
#[schema(as = GateScore)]
#[expect(dead_code, reason = "describes what the engine writes")]
pub struct Score {
    /// The gate.
    id: String,
    /// Checks that are ready.
    passed: usize,
    /// All of them.
    total: usize,
}

/// Seals the caller's word into the evidence chain, for the configuration, the snapshot and the
/// evidence in force. Whose word counts is for the gates.
#[utoipa::path(post, path = "/api/v1/acceptances", tag = "gates", operation_id = "accept",
    params(Keyed), request_body = NewAcceptance,
    responses((status = 201, body = Accepted), Writing))]
pub async fn accept(
    State(service): State<Arc<Service>>,
    caller: Caller,
    request: Request,
) -> Result<Answer, Problem> {
    let key = key(request.headers())?;
    caller.may(&service, Action::Accept).await?;
    let text = body::text(&service.limits, request).await?;
    let word: NewAcceptance = body::parse(&text)?;
    let key = key.map(|key| Key {
        tenant: caller.principal.tenant.clone(),
        actor: caller.principal.actor.clone(),
        operation: "accept",
        key,
    });
    let own = Arc::clone(&service);
    service.once(key, Digest::of(&text), async move { seal(&own, &caller, word).await }).await
}

async fn seal(
    service: &Arc<Service>,
    caller: &Caller,
    word: NewAcceptance,
) -> Result<Answer, Problem> {
    let inputs = service.gathered(word.profile.as_deref()).await?;
    let settings = service.settings.clone();
    let store = settings.evidence()?;
    let sign_in = sign_in(service, caller)?;
    let values: Vec<_> = word.values.iter().map(|(n, v)| format!("{n}={v}")).collect();
    let (actor, via) = (caller.principal.actor.clone(), format!("request {}", caller.request.0));
    let (state, request) = (settings.state(), caller.request.0.to_string());
    let done = tokio::task::spawn_blocking(move || {
        let proof = sign_in.as_ref().map_or(Proof::Nothing, |(key, issuer, subject)| {
            Proof::SignIn(VouchedSignIn { issuer, subject, request: &request, key })
        });
        let ask = Ask {
            check: &word.check,
            actor: actor.as_str(),
            proof,
            values: &values,
            revoke: word.revoke,
            via: Some(&via),
        };
        record(&settings, &store, inputs, &ask)
    });
    let done =
        done.await.map_err(|e| Problem::new(ProblemKind::Unexpected, "").because(e.to_string()))?;
    let done = done.map_err(|failure| Problem::of_failure(failure, &state))?;
    let at = format!("/api/v1/evidence/{}", done.recorded.packet.sequence);
    Ok(Answer {
        status: StatusCode::CREATED,
        headers: vec![(header::LOCATION, at)],
        body: done.value().to_string(),
    })
}

/// What this service vouches with, and for whom; `None` for a caller whom it knows by nothing but
/// what was written into a header.
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
        // What could not be proved later must not be sealed: the chain would not be judged any more.
        None => Err(Problem::new(
            ProblemKind::Conflict,
            "this service has no key to vouch for who is signed in; the word can be given with a \
             key of its owner's: flowcontrol accept --key FILE",
        )),
    }
}
