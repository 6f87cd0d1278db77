//! A provider's endpoints as its metadata names them: fetched when needed, and cached.

use crate::oidc::config::Keys;
use crate::oidc::source::Http;
use flowcontrol_contract::error::{Error, ErrorKind, Result};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

#[derive(Deserialize)]
struct Metadata {
    authorization_endpoint: String,
    token_endpoint: String,
    device_authorization_endpoint: Option<String>,
    end_session_endpoint: Option<String>,
    revocation_endpoint: Option<String>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// A provider's endpoints.
#[derive(Debug)]
pub struct Endpoints {
    /// Where browsers sign in.
    pub authorization: Url,
    /// Where codes and refresh tokens become tokens.
    pub token: Url,
    /// Where the device flow starts.
    pub device: Option<Url>,
    /// Where a browser signs out.
    pub end_session: Option<Url>,
    /// Where tokens are revoked.
    pub revocation: Option<Url>,
    /// Whether every authorization response names the issuer (RFC 9207).
    pub names_issuer: bool,
}

/// A cache of a provider's endpoints: one fetch at a time, and one per cooldown.
#[derive(Debug)]
pub struct Directory {
    /// How the provider is reached.
    pub http: Http,
    refresh: Duration,
    cooldown: Duration,
    last: Mutex<Option<Fetched>>,
}

/// When the last fetch ended, and its outcome.
type Fetched = (Instant, Result<Arc<Endpoints>, String>);

impl Directory {
    /// An empty cache.
    pub fn new(http: Http, keys: &Keys) -> Self {
        let seconds = |n: u32| Duration::from_secs(n.into());
        Self {
            http,
            refresh: seconds(keys.refresh),
            cooldown: seconds(keys.cooldown),
            last: Mutex::default(),
        }
    }

    /// The endpoints.
    ///
    /// # Errors
    /// `Unavailable` that says why they cannot be fetched.
    pub async fn endpoints(&self) -> Result<Arc<Endpoints>> {
        let mut last = self.last.lock().await;
        let fresh = last.as_ref().is_some_and(|(at, found)| {
            at.elapsed() < if found.is_ok() { self.refresh } else { self.cooldown }
        });
        if !fresh {
            let found = self.fetch().await.map(Arc::new);
            // Endpoints seldom change: while the provider cannot be reached, the last ones are used.
            let kept = match (&*last, &found) {
                (Some((_, Ok(before))), Err(_)) => Ok(before.clone()),
                _ => found,
            };
            *last = Some((Instant::now(), kept));
        }
        match &*last {
            Some((_, Ok(endpoints))) => Ok(endpoints.clone()),
            Some((_, Err(why))) => Err(Error::new(ErrorKind::Unavailable, why.clone())),
            None => {
                Err(Error::new(ErrorKind::Unavailable, "the provider's metadata was not fetched"))
            }
        }
    }

    async fn fetch(&self) -> Result<Endpoints, String> {
        let found: Metadata = self.http.metadata().await?;
        let some = |name: &str, text: Option<String>| {
            text.map(|text| self.http.endpoint(name, &text)).transpose()
        };
        Ok(Endpoints {
            authorization: self
                .http
                .endpoint("authorization_endpoint", &found.authorization_endpoint)?,
            token: self.http.endpoint("token_endpoint", &found.token_endpoint)?,
            device: some("device_authorization_endpoint", found.device_authorization_endpoint)?,
            end_session: some("end_session_endpoint", found.end_session_endpoint)?,
            revocation: some("revocation_endpoint", found.revocation_endpoint)?,
            names_issuer: found.authorization_response_iss_parameter_supported,
        })
    }
}
