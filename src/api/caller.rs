//! Who is calling: asked of the auth adapter and of nobody else, before anything is read.

use super::edge::{Known, Peer, RequestId};
use super::problem::Problem;
use super::service::{Asker, Service};
use crate::access::{self, Action};
use crate::clock;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use flowcontrol_contract::auth::{Presented, Principal};
use flowcontrol_contract::{CallCx, Error, ErrorKind};
use std::sync::{Arc, PoisonError};

/// A caller who is known.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who.
    pub principal: Principal,
    /// In which request.
    pub request: RequestId,
}

impl Caller {
    /// The context of a call to the store on the caller's behalf: their tenant and no other.
    pub fn cx(&self, service: &Service) -> CallCx {
        CallCx {
            actor: Some(self.principal.actor.clone()),
            deadline: Some(clock::instant() + service.limits.answer_time),
            ..CallCx::tenant(self.principal.tenant.clone())
        }
    }

    /// Refuses what is not theirs to do.
    pub async fn may(&self, service: &Service, action: Action) -> Result<(), Problem> {
        let first = service.first_tenant().await?;
        Ok(access::permits(&self.principal, action, first.as_ref())?)
    }
}

impl FromRequestParts<Arc<Service>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        service: &Arc<Service>,
    ) -> Result<Self, Problem> {
        let headers: Vec<(&str, &[u8])> =
            parts.headers.iter().map(|(n, v)| (n.as_str(), v.as_bytes())).collect();
        let presented = Presented { headers: &headers };
        let principal = match service.auth.authenticate(&presented).await {
            Ok(principal) => principal,
            Err(error) => {
                let from = parts.extensions.get::<Peer>().map(|peer| peer.0.ip());
                within(service, Asker::Stranger(from))?;
                return Err(refused(service, &error));
            }
        };
        let (tenant, actor) = (principal.tenant.clone(), principal.actor.clone());
        within(service, Asker::Caller(tenant.clone(), actor))?;
        if principal.how.issuer.is_none() {
            let roster = service.store.roster(&CallCx::tenant(tenant)).await?;
            access::enrolled(&principal, roster.as_ref())?;
        }
        let request = parts.extensions.get::<RequestId>().cloned().unwrap_or_default();
        if let Some(known) = parts.extensions.get::<Known>() {
            *known.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(principal.clone());
        }
        Ok(Self { principal, request })
    }
}

/// Whoever tries often is slowed down, whether they are known or not.
fn within(service: &Service, asker: Asker) -> Result<(), Problem> {
    service.rates.take(asker, clock::instant()).map_err(|wait| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole seconds of a short wait; `as` saturates"
        )]
        let seconds = wait.ceil() as u64;
        Problem::new("too-many-requests", "ask again later").retry_after(seconds)
    })
}

/// The caller learns the kind and no detail: what was wrong with a token helps whoever forged it.
fn refused(service: &Service, error: &Error) -> Problem {
    let problem = match error.kind() {
        ErrorKind::Unauthenticated => {
            let challenge = match service.auth.challenge() {
                // RFC 6750: no token, a wrong one and one that ended are told apart in the log alone.
                "Bearer" => "Bearer realm=\"flowcontrol\", error=\"invalid_token\"".to_owned(),
                scheme => format!("{scheme} realm=\"flowcontrol\""),
            };
            Problem::new("unauthenticated", "").challenge(challenge)
        }
        ErrorKind::Denied => Problem::new("denied", "the caller may not come in"),
        ErrorKind::InvalidInput => Problem::new(
            "bad-request",
            "what identifies the caller can be read in more ways than one",
        ),
        _ => Problem::new("unavailable", "it cannot be told now who is calling").retry_after(5),
    };
    problem.because(error.chain())
}
