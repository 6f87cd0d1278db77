//! Sign-in and sign-out of browsers. These routes are for people and for the identity provider;
//! programs send a token instead.

use super::body;
use super::caller::{self, CSRF_ABSENT};
use super::middleware::PrincipalSlot;
use super::problem::{Problem, ProblemKind};
use super::service::Service;
use crate::sign_in::browser::guard::{self, CSRF_HEADER, Shown};
use crate::sign_in::browser::{ATTEMPT_SECONDS, Sessions, cookie};
use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, Uri, header};
use axum::routing::{get, post};
use flowcontrol_contract::sign_in::{AuthorizationResponse, CALLBACK};
use flowcontrol_contract::{Error, ErrorKind};
use serde_json::json;
use std::sync::{Arc, PoisonError};

/// The routes; they answer 404 when no client is configured.
pub fn routes() -> Router<Arc<Service>> {
    Router::new()
        .route("/auth/login", get(login))
        .route(CALLBACK, get(callback))
        .route("/auth/session", get(session))
        .route("/auth/logout", post(logout))
        .route("/auth/backchannel-logout", post(signed_out))
}

/// The sessions, for a caller who is not authenticated yet and is rate-limited by address.
struct Open(Arc<Sessions>);

impl FromRequestParts<Arc<Service>> for Open {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        service: &Arc<Service>,
    ) -> Result<Self, Problem> {
        let sessions = service.sessions.clone().ok_or_else(|| Problem::not_found("thing"))?;
        caller::limit_unauthenticated(parts, service)?;
        Ok(Self(sessions))
    }
}

/// Redirects a browser to the provider.
async fn login(Open(sessions): Open, request: Request) -> Result<Response<Body>, Problem> {
    let query = Query::parse(request.uri())?;
    let begun = sessions.begin(query.one("return_to")).await.map_err(|e| failed(&e))?;
    let mut response = see_other(begun.url.expose())?;
    set(&mut response, cookie::set(cookie::ATTEMPT, begun.name.expose(), Some(ATTEMPT_SECONDS)));
    Ok(response)
}

/// The redirect back from the provider.
async fn callback(Open(sessions): Open, request: Request) -> Result<Response<Body>, Problem> {
    let query = Query::parse(request.uri())?;
    let answer = AuthorizationResponse {
        code: query.one("code"),
        state: query.one("state"),
        issuer: query.one("iss"),
        error: query.one("error"),
    };
    let headers = request.headers();
    let (name, before) =
        (cookie::read(headers, cookie::ATTEMPT), cookie::read(headers, cookie::SESSION));
    let arrived = sessions.finish(name, &answer, before).await.map_err(|e| failed(&e))?;
    if let Some(known) = request.extensions().get::<PrincipalSlot>() {
        *known.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(arrived.principal);
    }
    let mut response = see_other(&arrived.return_to)?;
    set(&mut response, cookie::set(cookie::SESSION, arrived.name.expose(), None));
    set(&mut response, cookie::clear(cookie::ATTEMPT));
    Ok(response)
}

/// The signed-in principal, the session's end, and the CSRF token of its writes.
async fn session(
    State(service): State<Arc<Service>>,
    Open(sessions): Open,
    request: Request,
) -> Result<Response<Body>, Problem> {
    let Some(name) = cookie::read(request.headers(), cookie::SESSION) else {
        return Err(nobody());
    };
    let present = sessions.present(name, &*service.auth).await;
    let present = present.map_err(|e| caller::refused(&service, &e))?;
    let who = &present.principal;
    super::view(
        StatusCode::OK,
        &json!({"tenant": who.tenant, "actor": who.actor, "roles": who.roles,
            "permissions": who.permissions, "issuer": who.how.issuer,
            "expires_at": who.how.expires_at, "csrf_token": present.csrf.expose()}),
    )
}

/// Ends the session here, and leads the browser to where it ends at the provider.
async fn logout(
    State(service): State<Arc<Service>>,
    Open(sessions): Open,
    request: Request,
) -> Result<Response<Body>, Problem> {
    let headers = request.headers().clone();
    let Some(name) = cookie::read(&headers, cookie::SESSION) else { return Err(nobody()) };
    let Some(csrf) = sessions.csrf(name).await else { return Err(nobody()) };
    // A form sends the CSRF token in a field, a script in the header.
    let form = match headers.contains_key(CSRF_HEADER) {
        true => Vec::new(),
        false => body::form(&service.limits, request).await.unwrap_or_default(),
    };
    let field = form.iter().find(|(name, _)| name == "csrf_token").map(|(_, value)| value.as_str());
    let shown = Shown {
        csrf: caller::single_header(&headers, CSRF_HEADER).or(field),
        ..caller::csrf_headers(&headers)
    };
    if !guard::own_write(&shown, &sessions.site.origin, &csrf) {
        return Err(Problem::new(ProblemKind::Denied, CSRF_ABSENT));
    }
    let logout_url = sessions.end(name).await;
    let logout_url = logout_url.unwrap_or_else(|| sessions.site.after_logout.clone());
    let script = caller::single_header(&headers, "accept")
        .is_some_and(|a| a.starts_with("application/json"));
    let mut response = match script {
        // A script cannot follow a redirect to another site.
        true => super::view(StatusCode::OK, &json!({"location": logout_url}))?,
        false => see_other(&logout_url)?,
    };
    set(&mut response, cookie::clear(cookie::SESSION));
    Ok(response)
}

/// The provider reports sessions that have ended (OpenID Connect Back-Channel Logout 1.0).
async fn signed_out(
    State(service): State<Arc<Service>>,
    Open(sessions): Open,
    request: Request,
) -> Result<Response<Body>, Problem> {
    let form = body::form(&service.limits, request).await?;
    let mut tokens = form.iter().filter(|(name, _)| name == "logout_token").map(|(_, token)| token);
    let (Some(token), None) = (tokens.next(), tokens.next()) else {
        return Err(Problem::new(ProblemKind::BadRequest, "the request has no logout_token"));
    };
    let ended = sessions.signed_out(token).await.map_err(|e| failed(&e))?;
    tracing::info!(ended, "sessions ended by a back-channel logout of the provider");
    Ok(Response::new(Body::empty()))
}

fn nobody() -> Problem {
    let challenge = "Bearer realm=\"flowcontrol\"".to_owned();
    Problem::new(ProblemKind::Unauthenticated, "").challenge(challenge)
}

/// The problem for a failed sign-in. It states that it failed and not why; the log has the cause.
fn failed(error: &Error) -> Problem {
    let problem = match error.kind() {
        ErrorKind::Denied => Problem::new(
            ProblemKind::Denied,
            "sign-in succeeded, but this account has no access to this service",
        ),
        ErrorKind::InvalidInput | ErrorKind::Unauthenticated => Problem::new(
            ProblemKind::BadRequest,
            "this is not a valid answer to a sign-in that was started here; start again at /auth/login",
        ),
        _ => Problem::new(
            ProblemKind::Unavailable,
            "the identity provider is unavailable; retry later",
        )
        .retry_after(5),
    };
    problem.because(error.chain())
}

/// The parameters of a query string.
struct Query(Vec<(String, String)>);

impl Query {
    /// Parses a query string. A repeated parameter is refused: two readers may take different
    /// values.
    fn parse(uri: &Uri) -> Result<Self, Problem> {
        let text = uri.query().unwrap_or_default();
        let pairs: Vec<(String, String)> =
            url::form_urlencoded::parse(text.as_bytes()).into_owned().collect();
        let twice = (1..pairs.len()).any(|at| pairs[..at].iter().any(|(n, _)| *n == pairs[at].0));
        match twice {
            true => {
                Err(Problem::new(ProblemKind::BadRequest, "the query has a repeated parameter"))
            }
            false => Ok(Self(pairs)),
        }
    }

    fn one(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

fn see_other(address: &str) -> Result<Response<Body>, Problem> {
    let location = HeaderValue::from_str(address).map_err(|_| {
        Problem::new(ProblemKind::Unexpected, "").because("an address is not a valid header value")
    })?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    response.headers_mut().insert(header::LOCATION, location);
    // The previous address holds a code or a state, which must not be sent on as the referrer.
    let none = HeaderValue::from_static("no-referrer");
    response.headers_mut().insert(header::REFERRER_POLICY, none);
    Ok(response)
}

fn set(response: &mut Response<Body>, value: HeaderValue) {
    let headers: &mut HeaderMap = response.headers_mut();
    headers.append(header::SET_COOKIE, value);
}
