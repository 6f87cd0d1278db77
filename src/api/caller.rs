//! Authenticates the caller through the auth adapter, before anything else of a request is read.

use super::middleware::{Peer, PrincipalSlot, RequestId};
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

/// The detail of the refusal of a browser's write without a valid CSRF token.
pub const CSRF_ABSENT: &str = "a write from a browser must come from a page of this service and send the csrf_token of \
    /auth/session in x-csrf-token";

/// An authenticated caller.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The verified identity.
    pub principal: Principal,
    /// The id of the request.
    pub request: RequestId,
}

impl Caller {
    /// The context for store calls on the caller's behalf, limited to the caller's tenant.
    pub fn cx(&self, service: &Service) -> CallCx {
        CallCx {
            actor: Some(self.principal.actor.clone()),
            request: Some(self.request.0.to_string()),
            deadline: Some(clock::instant() + service.limits.answer_time),
            ..CallCx::tenant(self.principal.tenant.clone())
        }
    }

    /// Refuses an action for which the caller lacks the permission.
    pub async fn authorize(&self, service: &Service, action: Action) -> Result<(), Problem> {
        let tenant = match action.is_deployment_wide() {
            true => service.deployment_tenant().await?,
            false => None,
        };
        Ok(service.access().permits(&self.principal, action, tenant.as_ref())?)
    }
}

impl FromRequestParts<Arc<Service>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        service: &Arc<Service>,
    ) -> Result<Self, Problem> {
        let (principal, csrf) = match authenticate(parts, service).await {
            Ok(known) => known,
            Err(error) => {
                limit_unauthenticated(parts, service)?;
                return Err(refused(service, &error));
            }
        };
        let (tenant, actor) = (principal.tenant.clone(), principal.actor.clone());
        within(service.rates.caller((tenant.clone(), actor), clock::instant()))?;
        if principal.how.issuer.is_none() {
            let roster = service.store.roster(&CallCx::tenant(tenant)).await?;
            access::check_roster(&principal, roster.as_ref())?;
        }
        if let Some((sessions, csrf)) = service.sessions.as_ref().zip(csrf)
            && !parts.method.is_safe()
            && !guard::own_write(&csrf_headers(&parts.headers), &sessions.site.origin, &csrf)
        {
            return Err(Problem::new(ProblemKind::Denied, CSRF_ABSENT));
        }
        let request = parts.extensions.get::<RequestId>().cloned().unwrap_or_default();
        if let Some(known) = parts.extensions.get::<PrincipalSlot>() {
            *known.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(principal.clone());
        }
        Ok(Self { principal, request })
    }
}

/// Authenticates by the session cookie if there is one and no `Authorization` header, else by the
/// headers. With a session comes the CSRF token that its writes must repeat; a bearer token needs
/// none.
async fn authenticate(
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

/// The `Origin` and CSRF headers of a browser's write.
pub fn csrf_headers(headers: &HeaderMap) -> Shown<'_> {
    Shown { origin: single_header(headers, "origin"), csrf: single_header(headers, CSRF_HEADER) }
}

/// The value of a header that occurs exactly once; `None` when it is absent or repeated.
pub fn single_header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

/// Counts a request without a valid identity against the rate limit of its address.
pub fn limit_unauthenticated(parts: &Parts, service: &Service) -> Result<(), Problem> {
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
        Problem::new(ProblemKind::TooManyRequests, "rate limit exceeded; retry later")
            .retry_after(seconds)
    })
}

/// The problem for a failed authentication. It states the kind and no detail, which would help
/// whoever forges tokens; the log has the detail.
pub fn refused(service: &Service, error: &Error) -> Problem {
    let problem = match error.kind() {
        ErrorKind::Unauthenticated => {
            let challenge = match service.auth.challenge() {
                // RFC 6750: whether the token was absent, invalid or expired is said in the log
                // alone.
                "Bearer" => "Bearer realm=\"flowcontrol\", error=\"invalid_token\"".to_owned(),
                scheme => format!("{scheme} realm=\"flowcontrol\""),
            };
            Problem::new(ProblemKind::Unauthenticated, "").challenge(challenge)
        }
        ErrorKind::Denied => Problem::new(
            ProblemKind::Denied,
            "authenticated, but this account has no access to this service",
        ),
        ErrorKind::InvalidInput => Problem::new(
            ProblemKind::BadRequest,
            "ambiguous credentials: send exactly one `Authorization` header",
        ),
        _ => Problem::new(
            ProblemKind::Unavailable,
            "the identity provider is unavailable; retry later",
        )
        .retry_after(5),
    };
    problem.because(error.chain())
}
