//! Requests to KSeF: within its limits, guarded, over TLS or on loopback, and never anywhere that a
//! redirect leads.

use super::config::is_loopback;
use super::refusal;
use super::route::{Group, Route};
use super::window::Windows;
use flowcontrol_contract::error::{Error, ErrorKind, Result, Retry};
use flowcontrol_contract::{Clock, Effect, Guard};
use flowcontrol_ksef_wire::messages::{self, PartUploadRequest, Sealed};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Client, Method, RequestBuilder, Response, redirect};
use rustls::{ClientConfig, RootCertStore};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use url::Url;

/// Largest answer that is read; a page of receipts of 10,000 invoices stays below.
const MAX_BODY_BYTES: usize = 64_000_000;

/// What a request carries.
#[derive(Debug)]
pub enum Body {
    /// Nothing.
    Empty,
    /// JSON.
    Json(Vec<u8>),
    /// A signed document.
    Xml(String),
}

impl Body {
    /// JSON of a message.
    ///
    /// # Errors
    /// `Unexpected` when it cannot be written.
    pub fn json(message: &impl Serialize) -> Result<Self> {
        serde_json::to_vec(message)
            .map(Self::Json)
            .map_err(|_| Error::new(ErrorKind::Unexpected, "the request cannot be serialized"))
    }
}

/// A good answer.
#[derive(Debug)]
pub struct Answer {
    /// Which call it answers.
    name: &'static str,
    effect: Effect,
    /// `x-ms-meta-hash`.
    pub hash: Option<String>,
    /// `x-continuation-token` or nothing.
    pub continuation: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// Reads a JSON answer. Unknown fields are ignored.
    ///
    /// # Errors
    /// `Unexpected` when it is not what the API documents; ambiguous where the call did something,
    /// since it was done. What came is not repeated: it may be a token.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|e| {
            let why = format!(
                "{} was answered with what the API does not document (line {}, column {})",
                self.name,
                e.line(),
                e.column()
            );
            Error::new(ErrorKind::Unexpected, why).retry(match self.effect {
                Effect::Once => Retry::Ambiguous,
                Effect::Repeatable => Retry::Permanent,
            })
        })
    }
}

/// Speaks to one KSeF.
#[derive(Debug)]
pub struct Http {
    client: Client,
    base: Url,
    guard: Guard,
    patience: Duration,
    windows: Mutex<Windows>,
}

impl Http {
    /// A client for the KSeF at `base`, which is TLS or loopback.
    ///
    /// # Errors
    /// `Configuration` when no client can be made.
    pub fn new(
        base: Url,
        adapter: &'static str,
        clock: Arc<dyn Clock>,
        timeout: Duration,
        patience: Duration,
    ) -> Result<Self> {
        let wrong = |why: String| Error::new(ErrorKind::Configuration, why);
        let client = Client::builder()
            .tls_backend_preconfigured(tls().map_err(wrong)?)
            .redirect(redirect::Policy::none())
            .timeout(timeout)
            .no_proxy()
            .referer(false)
            .build()
            .map_err(|e| wrong(format!("no HTTP client: {e}")))?;
        let guard = Guard {
            adapter,
            clock,
            attempts: 4,
            // The client limits the request itself; this bounds it together with the waiting.
            timeout: timeout + patience + Duration::from_secs(5),
            pause: Duration::from_secs(1),
            longest_pause: patience,
        };
        Ok(Self { client, base, guard, patience, windows: Mutex::default() })
    }

    /// The clock that everything goes by.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.guard.clock
    }

    /// Where it speaks to, for people.
    pub fn endpoint(&self) -> String {
        self.base.to_string()
    }

    /// What KSeF says that it allows.
    pub fn allow(&self, group: Group, limits: [u32; 3]) {
        self.windows().set(group, limits);
    }

    /// Calls and waits as the limits say.
    ///
    /// # Errors
    /// What KSeF refused, by its code; `Unavailable` when it cannot be reached; ambiguous where the
    /// call may have happened; `Exhausted` when its limits ask for more patience than there is.
    pub async fn call(
        &self,
        route: &Route,
        bearer: Option<&Sealed>,
        headers: &[(&'static str, &str)],
        body: &Body,
    ) -> Result<Answer> {
        self.guard.call(route.name, route.effect, || self.once(route, bearer, headers, body)).await
    }

    async fn once(
        &self,
        route: &Route,
        bearer: Option<&Sealed>,
        headers: &[(&'static str, &str)],
        body: &Body,
    ) -> Result<Answer> {
        self.place(route.group).await?;
        let address = format!("{}{}", self.base.as_str().trim_end_matches('/'), route.path);
        let mut request = self
            .client
            .request(route.method.clone(), address)
            .header("accept", "application/json, application/xml, application/problem+json")
            .header(messages::ERROR_FORMAT, messages::PROBLEM_DETAILS);
        if let Some(token) = bearer {
            request = request.bearer_auth(token.expose());
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = match body {
            Body::Empty => request,
            Body::Json(json) => {
                request.header("content-type", "application/json").body(json.clone())
            }
            Body::Xml(xml) => request.header("content-type", "application/xml").body(xml.clone()),
        };
        self.answer(route.name, route.effect, request).await
    }

    /// Uploads a part of a batch exactly as KSeF asked for it, without our token.
    ///
    /// # Errors
    /// As [`Http::call`]; the address is a secret and is not shown.
    pub async fn upload(&self, to: &PartUploadRequest, part: &[u8]) -> Result<()> {
        const NAME: &str = "upload a part of the batch";
        let url = self.elsewhere(to.url.expose())?;
        let method = Method::from_bytes(to.method.as_bytes()).map_err(|_| {
            Error::new(ErrorKind::Unexpected, "KSeF returned an invalid method for an upload")
        })?;
        let attempt = || {
            let mut request = self.client.request(method.clone(), url.clone());
            for (name, value) in &to.headers {
                // Our token must not reach the file store.
                if !name.eq_ignore_ascii_case("authorization") {
                    request = request.header(name, value.as_deref().unwrap_or(""));
                }
            }
            self.answer(NAME, Effect::Repeatable, request.body(part.to_vec()))
        };
        self.guard.call(NAME, Effect::Repeatable, attempt).await.map(drop)
    }

    /// Downloads from a pre-signed address, without our token.
    ///
    /// # Errors
    /// As [`Http::call`]; the address is a secret and is not shown.
    pub async fn download(&self, from: &Sealed) -> Result<Answer> {
        const NAME: &str = "download a receipt";
        let url = self.elsewhere(from.expose())?;
        let attempt = || self.answer(NAME, Effect::Repeatable, self.client.get(url.clone()));
        self.guard.call(NAME, Effect::Repeatable, attempt).await
    }

    /// An address that KSeF gave: on TLS, or on loopback where KSeF itself is.
    fn elsewhere(&self, text: &str) -> Result<Url> {
        let wrong = |why| Error::new(ErrorKind::Unexpected, why);
        let url = Url::parse(text).map_err(|_| wrong("KSeF returned an invalid URL"))?;
        let both_here = is_loopback(&url) && is_loopback(&self.base);
        if url.scheme() == "https" || (url.scheme() == "http" && both_here) {
            return Ok(url);
        }
        Err(wrong("KSeF returned a URL without TLS"))
    }

    async fn answer(
        &self,
        name: &'static str,
        effect: Effect,
        request: RequestBuilder,
    ) -> Result<Answer> {
        let mut response = request.send().await.map_err(|e| no_answer(name, effect, &e))?;
        let status = response.status();
        let header = |headers: &HeaderMap, name: &str| {
            headers.get(name).and_then(|v| v.to_str().ok()).map(str::to_owned)
        };
        let headers = response.headers().clone();
        tracing::debug!(call = name, status = status.as_u16(), "answered");
        if let Some(warning) = header(&headers, messages::SYSTEM_WARNING) {
            tracing::warn!(call = name, warning, "KSeF warns");
        }
        let body = body(name, effect, &mut response).await?;
        if status.is_success() {
            return Ok(Answer {
                name,
                effect,
                hash: header(&headers, messages::META_HASH),
                continuation: header(&headers, messages::CONTINUATION),
                body,
            });
        }
        let now = self.clock().now();
        let retry_after = header(&headers, RETRY_AFTER.as_str());
        let failure =
            refusal::failure(name, effect, status.as_u16(), retry_after.as_deref(), &body, now);
        if status.as_u16() == 429
            && let Some(seconds) = failure.reported().and_then(|r| r.retry_after)
        {
            // KSeF counts requests that it refuses, so none is made meanwhile, of any kind.
            self.windows().silence(now, Duration::from_secs(seconds));
        }
        Err(failure)
    }

    async fn place(&self, group: Group) -> Result<()> {
        loop {
            let taken = self.windows().take(group, self.clock().now());
            let Err(pause) = taken else { return Ok(()) };
            if pause > self.patience {
                return Err(Error::new(
                    ErrorKind::Exhausted,
                    format!(
                        "KSeF's limits allow the next such request in {} seconds",
                        pause.as_secs() + 1
                    ),
                )
                .hint("try again then; `patience` in the adapter's configuration waits longer"));
            }
            self.clock().sleep(pause).await;
        }
    }

    fn windows(&self) -> std::sync::MutexGuard<'_, Windows> {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn body(name: &'static str, effect: Effect, response: &mut Response) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| no_answer(name, effect, &e))? {
        if body.len() + chunk.len() > MAX_BODY_BYTES {
            let why = format!("{name} was answered with more than {MAX_BODY_BYTES} bytes");
            return Err(Error::new(ErrorKind::Unexpected, why));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// No answer. reqwest's own errors repeat the address, which may be pre-signed.
fn no_answer(name: &str, effect: Effect, error: &reqwest::Error) -> Error {
    if error.is_connect() {
        return Error::new(ErrorKind::Unavailable, format!("{name}: KSeF cannot be reached"))
            .hint("check the network and KSeF's status page");
    }
    let (kind, why) = if error.is_timeout() {
        (ErrorKind::Timeout, "did not answer in time")
    } else {
        (ErrorKind::Unavailable, "broke off")
    };
    Error::new(kind, format!("{name}: KSeF {why}")).retry(match effect {
        Effect::Once => Retry::Ambiguous,
        Effect::Repeatable => Retry::Temporary,
    })
}

/// Mozilla's public roots, which KSeF's certificates lead to.
fn tls() -> Result<ClientConfig, String> {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| format!("TLS: {e}"))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests;
