//! Signing in and out with a browser. These addresses are for people and for the provider, not for
//! programs: those bring a token.

use super::body;
use super::caller::{self, CSRF_ABSENT};
use super::middleware::Known;
use super::problem::{Problem, ProblemKind};
use super::service::Service;
use crate::sign_in::browser::guard::{self, CSRF_HEADER, Shown};
use crate::sign_in::browser::{PATIENCE, Sessions, cookie};
use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, Uri, header};
use axum::routing::{get, post};
use flowcontrol_contract::sign_in::{Answer, CALLBACK};
use flowcontrol_contract::{Error, ErrorKind};
use serde_json::json;
use std::sync::{Arc, PoisonError};

/// The routes; without a client in the configuration nothing is there.
pub fn routes() -> Router<Arc<Service>> {
    Router::new()
        .route("/auth/login", get(login))
        .route(CALLBACK, get(callback))
        .route("/auth/session", get(session))
        .route("/auth/logout", post(logout))
        .route("/auth/backchannel-logout", post(signed_out))
}

/// The sessions, for a caller who is not known yet and is slowed down by where they come from.
struct Open(Arc<Sessions>);

impl FromRequestParts<Arc<Service>> for Open {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        service: &Arc<Service>,
    ) -> Result<Self, Problem> {
        let sessions = service.sessions.clone().ok_or_else(|| Problem::not_found("thing"))?;
        caller::stranger(parts, service)?;
        Ok(Self(sessions))
    }
}

/// Leads a browser to the provider.
async fn login(Open(sessions): Open, request: Request) -> Result<Response<Body>, Problem> {
    let query = Query::of(request.uri())?;
    let begun = sessions.begin(query.one("return_to")).await.map_err(|e| failed(&e))?;
    let mut response = see_other(begun.url.expose())?;
    set(&mut response, cookie::set(cookie::ATTEMPT, begun.name.expose(), Some(PATIENCE)));
    Ok(response)
}

/// Where the provider sends a browser back to.
async fn callback(Open(sessions): Open, request: Request) -> Result<Response<Body>, Problem> {
    let query = Query::of(request.uri())?;
    let answer = Answer {
        code: query.one("code"),
        state: query.one("state"),
        issuer: query.one("iss"),
        error: query.one("error"),
    };
    let headers = request.headers();
    let (name, before) =
        (cookie::read(headers, cookie::ATTEMPT), cookie::read(headers, cookie::SESSION));
    let arrived = sessions.finish(name, &answer, before).await.map_err(|e| failed(&e))?;
    if let Some(known) = request.extensions().get::<Known>() {
        *known.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(arrived.principal);
    }
    let mut response = see_other(&arrived.return_to)?;
    set(&mut response, cookie::set(cookie::SESSION, arrived.name.expose(), None));
    set(&mut response, cookie::clear(cookie::ATTEMPT));
    Ok(response)
}

/// Who is signed in, until when, and what a write must repeat.
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
    // A form says it in a field, a script in the header.
    let form = match headers.contains_key(CSRF_HEADER) {
        true => Vec::new(),
        false => body::form(&service.limits, request).await.unwrap_or_default(),
    };
    let field = form.iter().find(|(name, _)| name == "csrf_token").map(|(_, value)| value.as_str());
    let shown =
        Shown { csrf: caller::plain(&headers, CSRF_HEADER).or(field), ..caller::shown(&headers) };
    if !guard::own_write(&shown, &sessions.site.origin, &csrf) {
        return Err(Problem::new(ProblemKind::Denied, CSRF_ABSENT));
    }
    let way_out = sessions.end(name).await;
    let way_out = way_out.unwrap_or_else(|| sessions.site.after_logout.clone());
    let script =
        caller::plain(&headers, "accept").is_some_and(|a| a.starts_with("application/json"));
    let mut response = match script {
        // A script cannot follow a redirect to another site.
        true => super::view(StatusCode::OK, &json!({"location": way_out}))?,
        false => see_other(&way_out)?,
    };
    set(&mut response, cookie::clear(cookie::SESSION));
    Ok(response)
}

/// The provider says whose sessions are over (OpenID Connect Back-Channel Logout 1.0).
async fn signed_out(
    State(service): State<Arc<Service>>,
    Open(sessions): Open,
    request: Request,
) -> Result<Response<Body>, Problem> {
    let form = body::form(&service.limits, request).await?;
    let mut tokens = form.iter().filter(|(name, _)| name == "logout_token").map(|(_, token)| token);
    let (Some(token), None) = (tokens.next(), tokens.next()) else {
        return Err(Problem::new(ProblemKind::BadRequest, "there is no logout token"));
    };
    let ended = sessions.signed_out(token).await.map_err(|e| failed(&e))?;
    tracing::info!(ended, "the provider signed somebody out");
    Ok(Response::new(Body::empty()))
}

fn nobody() -> Problem {
    let challenge = "Bearer realm=\"flowcontrol\"".to_owned();
    Problem::new(ProblemKind::Unauthenticated, "").challenge(challenge)
}

/// Whoever signs in learns that it failed and not why: the log has it.
fn failed(error: &Error) -> Problem {
    let problem = match error.kind() {
        ErrorKind::Denied => Problem::new(
            ProblemKind::Denied,
            "the provider, or this service, lets you in no further",
        ),
        ErrorKind::InvalidInput | ErrorKind::Unauthenticated => Problem::new(
            ProblemKind::BadRequest,
            "that is no answer to a request of this service; begin again",
        ),
        _ => Problem::new(ProblemKind::Unavailable, "the provider cannot be asked now")
            .retry_after(5),
    };
    problem.because(error.chain())
}

/// What an address carries after its path.
struct Query(Vec<(String, String)>);

impl Query {
    /// Refuses a name that stands twice: of two readers each may believe another.
    fn of(uri: &Uri) -> Result<Self, Problem> {
        let text = uri.query().unwrap_or_default();
        let pairs: Vec<(String, String)> =
            url::form_urlencoded::parse(text.as_bytes()).into_owned().collect();
        let twice = (1..pairs.len()).any(|at| pairs[..at].iter().any(|(n, _)| *n == pairs[at].0));
        match twice {
            true => Err(Problem::new(ProblemKind::BadRequest, "the query names something twice")),
            false => Ok(Self(pairs)),
        }
    }

    fn one(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

fn see_other(address: &str) -> Result<Response<Body>, Problem> {
    let location = HeaderValue::from_str(address).map_err(|_| {
        Problem::new(ProblemKind::Unexpected, "").because("an address is no header")
    })?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    response.headers_mut().insert(header::LOCATION, location);
    // The address that led here holds a code or a state.
    let none = HeaderValue::from_static("no-referrer");
    response.headers_mut().insert(header::REFERRER_POLICY, none);
    Ok(response)
}

fn set(response: &mut Response<Body>, value: HeaderValue) {
    let headers: &mut HeaderMap = response.headers_mut();
    headers.append(header::SET_COOKIE, value);
}
