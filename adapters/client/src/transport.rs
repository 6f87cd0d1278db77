//! One request and its answer.

use crate::address::is_loopback;
use crate::options::Options;
use crate::tls;
use bytes::Bytes;
use flowcontrol_contract::error::{Error, ErrorKind, Result};
use http::{HeaderMap, StatusCode};
use reqwest::redirect;
use std::error::Error as StdError;
use std::fmt;
use std::path::Path;

/// The longest body of a refusal that is read; what comes after it is left.
const MAX_REFUSAL_BYTES: usize = 64 << 10;

/// Sends requests.
#[derive(Clone, Debug)]
pub struct Transport {
    client: reqwest::Client,
    max_body_bytes: usize,
}

/// Why no answer came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// There is no connection, and why, where that is known. Nothing was sent.
    NotReached(Option<String>),
    /// It took longer than it may.
    TimedOut,
    /// The connection ended early.
    Closed,
    /// The body is longer than it may be.
    TooLong(usize),
    /// The request is refused here, and why. Nothing was sent.
    NotSent(&'static str),
}

impl NoAnswer {
    /// Whether the request may have taken effect.
    pub fn may_have_happened(&self) -> bool {
        !matches!(self, Self::NotReached(_) | Self::NotSent(_))
    }
}

/// The rest of a sentence that begins with whom was asked.
impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotReached(None) => f.write_str("cannot be reached"),
            Self::NotReached(Some(why)) => write!(f, "cannot be reached: {why}"),
            Self::TimedOut => f.write_str("did not answer in time"),
            Self::Closed => f.write_str("closed the connection before its answer was complete"),
            Self::TooLong(most) => write!(f, "answered with more than {most} bytes"),
            Self::NotSent(why) => write!(f, "cannot be asked: {why}"),
        }
    }
}

impl StdError for NoAnswer {}

impl From<reqwest::Error> for NoAnswer {
    /// reqwest's own text repeats the address, which may hold a secret.
    fn from(error: reqwest::Error) -> Self {
        if error.is_builder() {
            Self::NotSent("the request is not valid HTTP")
        } else if error.is_connect() {
            Self::NotReached(certificate(&error))
        } else if error.is_timeout() {
            Self::TimedOut
        } else {
            Self::Closed
        }
    }
}

/// What TLS says of the peer, if that is what failed.
fn certificate(error: &reqwest::Error) -> Option<String> {
    let mut next = error.source();
    while let Some(cause) = next {
        match cause.downcast_ref::<rustls::Error>() {
            Some(rustls::Error::InvalidCertificate(why)) => {
                return Some(format!("its certificate is not accepted ({why})"));
            }
            Some(other) => return Some(format!("TLS failed ({other})")),
            None => {}
        }
        // An io error leaves the error that it holds out of its sources.
        let held = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = match held {
            Some(held) => Some(held),
            None => cause.source(),
        };
    }
    None
}

/// An answer whose body was read.
#[derive(Debug)]
pub(crate) struct Raw {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Transport {
    /// A transport with the timeouts and caps of `options`; its `ca` is looked up from `folder`.
    ///
    /// # Errors
    /// `Configuration` when a number is out of range or the CA cannot be read.
    pub fn new(options: &Options, folder: &Path) -> Result<Self> {
        options.check()?;
        let ca = options.ca.as_ref().map(|ca| folder.join(ca));
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::config(ca.as_deref())?)
            .redirect(redirect::Policy::none())
            .connect_timeout(options.connect_timeout())
            .timeout(options.timeout())
            .no_proxy()
            .referer(false)
            .user_agent(concat!("flowcontrol/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|e| Error::new(ErrorKind::Configuration, format!("no HTTP client: {e}")))?;
        Ok(Self { client, max_body_bytes: options.max_body_bytes })
    }

    /// Sends a request as it is and reads its answer, whatever the status. It is sent once.
    ///
    /// # Errors
    /// Why no answer came.
    pub async fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, NoAnswer> {
        let raw = self.execute(request.try_into()?).await?;
        let mut response = http::Response::new(raw.body);
        *response.status_mut() = raw.status;
        *response.headers_mut() = raw.headers;
        Ok(response)
    }

    pub(crate) async fn execute(&self, request: reqwest::Request) -> Result<Raw, NoAnswer> {
        let url = request.url();
        if url.scheme() != "https" && !is_loopback(url) {
            return Err(NoAnswer::NotSent("it would leave this machine without TLS"));
        }
        let mut response = self.client.execute(request).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = if status.is_success() {
            read(&mut response, self.max_body_bytes).await?
        } else {
            // The status alone says that it failed; its body only explains.
            explanation(&mut response, self.max_body_bytes.min(MAX_REFUSAL_BYTES)).await
        };
        Ok(Raw { status, headers, body })
    }
}

async fn read(response: &mut reqwest::Response, most: usize) -> Result<Bytes, NoAnswer> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > most {
            return Err(NoAnswer::TooLong(most));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.into())
}

async fn explanation(response: &mut reqwest::Response, most: usize) -> Bytes {
    let mut body = Vec::new();
    while body.len() < most
        && let Ok(Some(chunk)) = response.chunk().await
    {
        body.extend_from_slice(&chunk);
    }
    body.truncate(most);
    body.into()
}
