//! An issuer's metadata and keys over HTTP.

use super::cache::KeySource;
use super::config::Keys;
use super::error::{KIND, refuse};
use super::issuer::{Issuer, endpoint};
use super::jwks::{self, KeySet};
use async_trait::async_trait;
use flowcontrol_client::{Options, Transport, address, shown};
use flowcontrol_contract::error::Result;
use http::header::ACCEPT;
use http::{Request, Response, StatusCode};
use jsonwebtoken::Algorithm;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::path::Path;
use url::Url;

/// Largest body that is read, in bytes.
pub const MAX_BODY_BYTES: usize = 256 * 1024;

/// The part of a provider's metadata that leads to its keys.
#[derive(Deserialize)]
struct Metadata {
    jwks_uri: String,
}

#[derive(Deserialize)]
struct Named {
    issuer: String,
}

/// Asks one issuer.
#[derive(Debug)]
pub struct Http {
    transport: Transport,
    issuer: String,
    base: Url,
    jwks_uri: Option<Url>,
    algorithms: Vec<Algorithm>,
}

impl Http {
    /// A client for one issuer; its CA is looked up from `folder`.
    ///
    /// # Errors
    /// `Configuration` when an address or the CA is wrong.
    pub fn new(issuer: &Issuer, keys: &Keys, folder: &Path) -> Result<Self> {
        let base = address(&issuer.issuer).map_err(refuse)?;
        let jwks_uri = issuer.jwks_uri.as_deref();
        let jwks_uri = jwks_uri.map(|uri| endpoint(&base, "jwks_uri", uri));
        let options = Options {
            ca: issuer.ca.clone(),
            connect_timeout_ms: keys.timeout,
            timeout_ms: keys.timeout,
            max_body_bytes: MAX_BODY_BYTES,
            ..Options::default()
        };
        Ok(Self {
            transport: Transport::new(&options, folder)
                .map_err(|e| e.in_operation(KIND, "configuration"))?,
            issuer: issuer.issuer.clone(),
            base,
            jwks_uri: jwks_uri.transpose().map_err(refuse)?,
            algorithms: issuer.algorithms.clone(),
        })
    }

    async fn keys_address(&self) -> Result<Url, String> {
        if let Some(uri) = &self.jwks_uri {
            return Ok(uri.clone());
        }
        let found: Metadata = self.metadata().await?;
        self.endpoint("jwks_uri", &found.jwks_uri)
    }

    /// The issuer's metadata, as far as `T` holds it.
    ///
    /// # Errors
    /// Why it cannot be fetched, or that it is another issuer's.
    pub async fn metadata<T: DeserializeOwned>(&self) -> Result<T, String> {
        let mut url = self.base.clone();
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{path}/.well-known/openid-configuration"));
        let body = self.get(&url).await?;
        let invalid = |_| format!("{url} did not answer with valid provider metadata");
        let named: Named = serde_json::from_slice(&body).map_err(invalid)?;
        if named.issuer != self.issuer {
            return Err(format!("{url} is the metadata of another issuer"));
        }
        serde_json::from_slice(&body).map_err(invalid)
    }

    /// An address that the metadata names.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn endpoint(&self, name: &str, text: &str) -> Result<Url, String> {
        endpoint(&self.base, name, text)
    }

    /// Sends a request as it is, to an address that [`Self::endpoint`] gave.
    ///
    /// # Errors
    /// Why there is no answer, or that the server failed (5xx) or refused for now (429). The request is
    /// sent once.
    pub async fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, String> {
        let mut url = request.uri().to_string();
        url.truncate(url.find('?').unwrap_or(url.len()));
        let answer = self.transport.send(request.map(Into::into)).await;
        let answer = answer.map_err(|why| format!("{url} {why}"))?;
        let status = answer.status();
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            return Err(format!("{url} answered {}", status.as_u16()));
        }
        Ok(answer.map(Into::into))
    }

    async fn get(&self, url: &Url) -> Result<Vec<u8>, String> {
        let named = shown(url);
        let request = Request::get(url.as_str()).header(ACCEPT, "application/json");
        let request = request.body(bytes::Bytes::new());
        let request = request.map_err(|_| format!("{named} is not a valid address"))?;
        let answer = self.transport.send(request).await;
        let answer = answer.map_err(|why| format!("{named} {why}"))?;
        if answer.status() != StatusCode::OK {
            return Err(format!("{named} answered {}", answer.status().as_u16()));
        }
        Ok(answer.into_body().into())
    }
}

#[async_trait]
impl KeySource for Http {
    async fn fetch(&self) -> Result<KeySet, String> {
        let url = self.keys_address().await?;
        let body = self.get(&url).await?;
        jwks::read(&body, &self.algorithms).map_err(|why| format!("{}: {why}", shown(&url)))
    }
}
