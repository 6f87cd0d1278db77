//! Requests to one service: within its limits, guarded, and never anywhere that a redirect leads.

use crate::address::same_origin;
use crate::options::Options;
use crate::request::{Request, Target};
use crate::response::Response;
use crate::service::Service;
use crate::transport::{NoAnswer, Transport};
use crate::window::{Group, Limit, Windows};
use flowcontrol_contract::error::{Error, ErrorKind, Reported, Result, Retry};
use flowcontrol_contract::{Clock, Effect, Guard};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use url::Url;

/// What an attempt may take beyond its own timeout and the waiting.
const SLACK: Duration = Duration::from_secs(5);

/// Speaks to one service. `G` names the groups of requests that the service counts together.
#[derive(Debug)]
pub struct Client<G = ()> {
    transport: Transport,
    base: Url,
    service: Box<dyn Service>,
    guard: Guard,
    patience: Duration,
    windows: Mutex<Windows<G>>,
}

impl<G: Group> Client<G> {
    /// A client of `adapter` for the service at `options.base_url`. Its `ca` is looked up from the
    /// current folder; see [`Client::at`].
    ///
    /// # Errors
    /// `Configuration` when an option is wrong.
    pub fn new(
        adapter: &'static str,
        service: impl Service,
        options: &Options,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        Self::at(adapter, service, options.base(None)?, options, Path::new(""), clock)
    }

    /// The same for the service at `base`, whatever `options.base_url` says; its `ca` is looked up from
    /// `folder`, which is where the configuration file is.
    ///
    /// # Errors
    /// As [`Client::new`].
    pub fn at(
        adapter: &'static str,
        service: impl Service,
        base: Url,
        options: &Options,
        folder: &Path,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let patience = options.patience();
        let guard = Guard {
            adapter,
            clock,
            attempts: options.attempts,
            // The transport limits the request itself; this bounds it together with the waiting.
            timeout: options.timeout() + patience + SLACK,
            pause: Duration::from_secs(1),
            longest_pause: patience,
        };
        Ok(Self {
            transport: Transport::new(options, folder)?,
            base,
            service: Box::new(service),
            guard,
            patience,
            windows: Mutex::default(),
        })
    }

    /// The address that paths are under.
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// The clock that everything goes by.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.guard.clock
    }

    /// What the service says that it allows.
    pub fn allow(&self, group: G, limits: impl Into<Vec<Limit>>) {
        self.windows().set(group, limits);
    }

    /// Calls and waits as the limits say.
    ///
    /// # Errors
    /// What the service refused, by its status and code; `Unavailable` when it cannot be reached;
    /// ambiguous where the request may have taken effect; `Exhausted` when the limits ask for more
    /// patience than there is.
    pub async fn call(&self, request: &Request<G>) -> Result<Response> {
        self.guard.call(request.name, request.effect, || self.attempt(request)).await
    }

    async fn attempt(&self, request: &Request<G>) -> Result<Response> {
        let ready = self.request(request)?;
        self.place(request.group).await?;
        let raw = self.transport.execute(ready).await;
        let raw = raw.map_err(|why| self.lost(request.name, request.effect, &why))?;
        tracing::debug!(call = request.name, status = raw.status.as_u16(), "answered");
        let response = Response::new(request.name, request.effect, raw);
        if response.status.is_success() {
            return Ok(response);
        }
        Err(self.refusal(request, &response))
    }

    fn request(&self, request: &Request<G>) -> Result<reqwest::Request> {
        let url = match &request.target {
            Target::Address(url) => url.clone(),
            Target::Path(path) => {
                let text = format!("{}{path}", self.base.as_str().trim_end_matches('/'));
                let url = Url::parse(&text).ok().filter(|url| same_origin(url, &self.base));
                url.ok_or_else(|| Error::invalid(format!("{}: not a valid path", request.name)))?
            }
        };
        let mut headers = request.headers.clone();
        if !same_origin(&url, &self.base) {
            withhold(&mut headers);
        }
        let mut ready = reqwest::Request::new(request.method.clone(), url);
        *ready.headers_mut() = headers;
        if !request.body.is_empty() {
            *ready.body_mut() = Some(request.body.clone().into());
        }
        Ok(ready)
    }

    /// Waits until the limits allow a request of `group`.
    async fn place(&self, group: G) -> Result<()> {
        let mut waited = Duration::ZERO;
        loop {
            let taken = self.windows().take(group, self.clock().now());
            let Err(pause) = taken else { return Ok(()) };
            waited += pause;
            if waited > self.patience {
                let (name, seconds) = (self.service.name(), pause.as_secs() + 1);
                let why =
                    format!("{name}'s limits allow the next such request in {seconds} seconds");
                return Err(Error::new(ErrorKind::Exhausted, why)
                    .hint("try again then, or raise the patience in the adapter's configuration"));
            }
            self.clock().sleep(pause).await;
        }
    }

    fn refusal(&self, request: &Request<G>, response: &Response) -> Error {
        let (service, now) = (&self.service, self.clock().now());
        let status = response.status.as_u16();
        let mut reported = service.reported(response).unwrap_or_default();
        reported.status = status;
        if matches!(status, 429 | 503) {
            let asked = response.retry_after(now, service.longest_pause());
            reported.retry_after = asked.or_else(|| service.pause()).map(|pause| pause.as_secs());
        }
        if status == 429
            && let Some(seconds) = reported.retry_after
        {
            // Many services count requests that they refuse, so none is made meanwhile, of any group.
            self.windows().silence(now, Duration::from_secs(seconds));
        }
        refused(service.as_ref(), request.name, request.effect, reported)
    }

    fn lost(&self, name: &str, effect: Effect, why: &NoAnswer) -> Error {
        let kind = match why {
            NoAnswer::TimedOut => ErrorKind::Timeout,
            NoAnswer::TooLong(_) => ErrorKind::Unexpected,
            NoAnswer::NotSent(_) => ErrorKind::InvalidInput,
            NoAnswer::NotReached(_) | NoAnswer::Closed => ErrorKind::Unavailable,
        };
        let error = Error::new(kind, format!("{name}: {} {why}", self.service.name()));
        match why {
            NoAnswer::NotReached(None) => error.hint(self.service.unreached(&self.base)),
            NoAnswer::NotReached(Some(_)) => {
                error.hint("name the CA of a private service with `ca` in the configuration")
            }
            _ if effect == Effect::Once && why.may_have_happened() => error.retry(Retry::Ambiguous),
            _ => error,
        }
    }

    fn windows(&self) -> MutexGuard<'_, Windows<G>> {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes out what is secret to the service that the client is for.
fn withhold(headers: &mut HeaderMap) {
    headers.remove(AUTHORIZATION);
    let secret =
        |(name, value): (&HeaderName, &HeaderValue)| value.is_sensitive().then(|| name.clone());
    for name in headers.iter().filter_map(secret).collect::<Vec<_>>() {
        headers.remove(name);
    }
}

/// The error of a refusal.
fn refused(service: &dyn Service, name: &str, effect: Effect, reported: Reported) -> Error {
    let message = format!("{name} was answered with {reported}");
    let mut error = Error::new(service.kind(&reported), message);
    error = error.retry(service.retry(&reported, effect));
    if let Some(hint) = service.hint(&reported) {
        error = error.hint(hint);
    }
    error.because(reported)
}
