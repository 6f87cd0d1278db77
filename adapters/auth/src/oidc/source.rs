//! An issuer's metadata and keys over HTTP.

use super::cache::KeySource;
use super::config::{Issuer, Keys, address, endpoint, refuse};
use super::jwks::{self, KeySet};
use async_trait::async_trait;
use flowcontrol_contract::error::Result;
use jsonwebtoken::Algorithm;
use reqwest::{Client, StatusCode, redirect};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// Largest body that is read.
pub const MAX_BODY_BYTES: usize = 256 * 1024;

/// The part of a provider's metadata that is used.
#[derive(Deserialize)]
struct Metadata {
    jwks_uri: String,
}

#[derive(Deserialize)]
struct Named {
    issuer: String,
}

/// Fetches one issuer's keys.
#[derive(Debug)]
pub struct Http {
    client: Client,
    issuer: String,
    base: Url,
    jwks_uri: Option<Url>,
    algorithms: Vec<Algorithm>,
}

impl Http {
    /// A client for one issuer: it follows no redirect, uses no proxy of the environment, and
    /// reads no more than it must.
    ///
    /// # Errors
    /// `Configuration` when the addresses or the root certificate are wrong.
    pub fn new(issuer: &Issuer, keys: &Keys, folder: &Path) -> Result<Self> {
        let base = address(&issuer.issuer).map_err(refuse)?;
        let jwks_uri = issuer.jwks_uri.as_deref();
        let jwks_uri = jwks_uri.map(|uri| endpoint(&base, "jwks_uri", uri));
        let client = Client::builder()
            .tls_backend_preconfigured(tls(issuer
                .ca
                .as_deref()
                .map(|ca| folder.join(ca))
                .as_deref())?)
            .redirect(redirect::Policy::none())
            .timeout(Duration::from_millis(keys.timeout.into()))
            .no_proxy()
            .referer(false)
            .build()
            .map_err(|e| refuse(format!("no HTTP client: {e}")))?;
        Ok(Self {
            client,
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

    /// What the issuer publishes of itself, as far as `T` holds it.
    ///
    /// # Errors
    /// Says in words why it cannot be had, or that another issuer speaks there.
    pub async fn metadata<T: DeserializeOwned>(&self) -> Result<T, String> {
        let mut url = self.base.clone();
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{path}/.well-known/openid-configuration"));
        let body = self.get(&url).await?;
        let none = |_| format!("{url} answered no metadata of a provider");
        let named: Named = serde_json::from_slice(&body).map_err(none)?;
        if named.issuer != self.issuer {
            return Err(format!("{url} is the metadata of another issuer"));
        }
        serde_json::from_slice(&body).map_err(none)
    }

    /// An address that the metadata names.
    ///
    /// # Errors
    /// Says in words what is wrong with it.
    pub fn endpoint(&self, name: &str, text: &str) -> Result<Url, String> {
        endpoint(&self.base, name, text)
    }

    /// Sends a request as it is, to an address that [`Self::endpoint`] gave.
    ///
    /// # Errors
    /// Says in words why there is no answer, or that it is the server that failed. The request is
    /// not repeated.
    pub async fn send(
        &self,
        request: http::Request<Vec<u8>>,
    ) -> Result<http::Response<Vec<u8>>, String> {
        let mut url = request.uri().to_string();
        url.truncate(url.find('?').unwrap_or(url.len()));
        let request = request.try_into().map_err(|_| format!("{url} is no address to ask"))?;
        let failed = |e: reqwest::Error| failure(&url, &e);
        let answer = self.client.execute(request).await.map_err(failed)?;
        let status = answer.status();
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            return Err(format!("{url} answered {}", status.as_u16()));
        }
        let kind = answer.headers().get(http::header::CONTENT_TYPE).cloned();
        let body = body(answer, &url).await?;
        let mut whole = http::Response::new(body);
        *whole.status_mut() = status;
        if let Some(kind) = kind {
            whole.headers_mut().insert(http::header::CONTENT_TYPE, kind);
        }
        Ok(whole)
    }

    async fn get(&self, url: &Url) -> Result<Vec<u8>, String> {
        let failed = |e: reqwest::Error| failure(url.as_str(), &e);
        let request = self.client.get(url.clone()).header("accept", "application/json");
        let answer = request.send().await.map_err(failed)?;
        if answer.status() != StatusCode::OK {
            return Err(format!("{url} answered {}", answer.status().as_u16()));
        }
        body(answer, url.as_str()).await
    }
}

/// reqwest's own errors repeat the address, with what is in its query.
fn failure(url: &str, error: &reqwest::Error) -> String {
    let why = if error.is_timeout() {
        "did not answer in time"
    } else if error.is_connect() {
        "cannot be reached"
    } else {
        "broke off"
    };
    format!("{url} {why}")
}

async fn body(mut answer: reqwest::Response, url: &str) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|e| failure(url, &e))? {
        if body.len() + chunk.len() > MAX_BODY_BYTES {
            return Err(format!("{url} answered more than {MAX_BODY_BYTES} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[async_trait]
impl KeySource for Http {
    async fn fetch(&self) -> Result<KeySet, String> {
        let url = self.keys_address().await?;
        let body = self.get(&url).await?;
        jwks::read(&body, &self.algorithms).map_err(|why| format!("{url}: {why}"))
    }
}

/// Mozilla's public roots, and the configured one.
fn tls(ca: Option<&Path>) -> Result<ClientConfig> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = ca {
        let wrong = |why: String| refuse(format!("ca {}: {why}", path.display()));
        let certificates = CertificateDer::pem_file_iter(path).map_err(|e| wrong(e.to_string()))?;
        let mut added = 0;
        for certificate in certificates {
            let certificate = certificate.map_err(|e| wrong(e.to_string()))?;
            roots.add(certificate).map_err(|e| wrong(e.to_string()))?;
            added += 1;
        }
        if added == 0 {
            return Err(wrong("no certificate stands in it".into()));
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| refuse(format!("TLS: {e}")))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
