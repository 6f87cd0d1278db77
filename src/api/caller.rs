//! Who is calling: asked of the auth adapter and of nobody else, before anything is read.

use super::middleware::{Known, Peer, RequestId};
use super::problem::{Problem, ProblemKind};
use super::service::Service;
use crate::scenario::access::{self, Action};
use crate::sign_in::browser::cookie;
use crate::sign_in::browser::guard::{self, CSRF_HEADER, Shown};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use flowcontrol_base::clock;
use flowcontrol_contract::auth::{Presented, Principal};
use flowcontrol_contract::{CallCx, Error, ErrorKind, Secret};
use std::sync::{Arc, PoisonError};

/// What a browser's write lacks.
pub const CSRF_ABSENT: &str = "a write of a browser comes from a page of this service and repeats csrf_token of /auth/session \
     in x-csrf-token";

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
            request: Some(self.request.0.to_string()),
            deadline: Some(clock::instant() + service.limits.answer_time),
            ..CallCx::tenant(self.principal.tenant.clone())
        }
    }

    /// Refuses what is not theirs to do.
    pub async fn may(&self, service: &Service, action: Action) -> Result<(), Problem> {
        let tenant = service.deployment_tenant().await?;
        Ok(service.access().permits(&self.principal, action, tenant.as_ref())?)
    }
}

impl FromRequestParts<Arc<Service>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        service: &Arc<Service>,
    ) -> Result<Self, Problem> {
        let (principal, csrf) = match known(parts, service).await {
            Ok(known) => known,
            Err(error) => {
                stranger(parts, service)?;
                return Err(refused(service, &error));
            }
        };
        let (tenant, actor) = (principal.tenant.clone(), principal.actor.clone());
        within(service.rates.caller((tenant.clone(), actor), clock::instant()))?;
        if principal.how.issuer.is_none() {
            let roster = service.store.roster(&CallCx::tenant(tenant)).await?;
            access::enrolled(&principal, roster.as_ref())?;
        }
        if let Some((sessions, csrf)) = service.sessions.as_ref().zip(csrf)
            && !parts.method.is_safe()
            && !guard::own_write(&shown(&parts.headers), &sessions.site.origin, &csrf)
        {
            return Err(Problem::new(ProblemKind::Denied, CSRF_ABSENT));
        }
        let request = parts.extensions.get::<RequestId>().cloned().unwrap_or_default();
        if let Some(known) = parts.extensions.get::<Known>() {
            *known.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(principal.clone());
        }
        Ok(Self { principal, request })
    }
}

/// Who calls: by a browser's session where its cookie came and no token, else by the headers. A
/// session comes with what its writes must repeat; a token is its own proof.
async fn known(
    parts: &Parts,
    service: &Arc<Service>,
) -> Result<(Principal, Option<Secret>), Error> {
    let name = cookie::read(&parts.headers, cookie::SESSION)
        .filter(|_| !parts.headers.contains_key(header::AUTHORIZATION));
    if let Some((sessions, name)) = service.sessions.as_ref().zip(name) {
        let present = sessions.present(name, &*service.auth).await?;
        return Ok((present.principal, Some(present.csrf)));
    }
    let headers: Vec<(&str, &[u8])> =
        parts.headers.iter().map(|(n, v)| (n.as_str(), v.as_bytes())).collect();
    let principal = service.auth.authenticate(&Presented { headers: &headers }).await?;
    Ok((principal, None))
}

/// What a browser's write shows of where it comes from.
pub fn shown(headers: &HeaderMap) -> Shown<'_> {
    Shown { origin: plain(headers, "origin"), csrf: plain(headers, CSRF_HEADER) }
}

/// The one value of a header; `None` where there is none or more than one.
pub fn plain<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

/// Whoever is not known is slowed down by where they come from.
pub fn stranger(parts: &Parts, service: &Service) -> Result<(), Problem> {
    let from = parts.extensions.get::<Peer>().map(|peer| peer.0.ip());
    within(service.rates.stranger(from, clock::instant()))
}

/// Whoever tries often is slowed down, whether they are known or not.
fn within(taken: Result<(), f64>) -> Result<(), Problem> {
    taken.map_err(|wait| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole seconds of a short wait; `as` saturates"
        )]
        let seconds = wait.ceil() as u64;
        Problem::new(ProblemKind::TooManyRequests, "ask again later").retry_after(seconds)
    })
}

/// The caller learns the kind and no detail: what was wrong with a token helps whoever forged it.
pub fn refused(service: &Service, error: &Error) -> Problem {
    let problem = match error.kind() {
        ErrorKind::Unauthenticated => {
            let challenge = match service.auth.challenge() {
                // RFC 6750: no token, a wrong one and one that ended are told apart in the log alone.
                "Bearer" => "Bearer realm=\"flowcontrol\", error=\"invalid_token\"".to_owned(),
                scheme => format!("{scheme} realm=\"flowcontrol\""),
            };
            Problem::new(ProblemKind::Unauthenticated, "").challenge(challenge)
        }
        ErrorKind::Denied => Problem::new(ProblemKind::Denied, "the caller may not come in"),
        ErrorKind::InvalidInput => Problem::new(
            ProblemKind::BadRequest,
            "what identifies the caller can be read in more ways than one",
        ),
        _ => Problem::new(ProblemKind::Unavailable, "it cannot be told now who is calling")
            .retry_after(5),
    };
    problem.because(error.chain())
}
