//! Requests to KSeF by the shared client: within KSeF's limits, guarded, over TLS or on loopback, and
//! never anywhere that a redirect leads.

use super::refusal::Errors;
use super::route::{Group, Route};
use flowcontrol_client::{Client, Options, Request, Response, Target, linked};
use flowcontrol_contract::error::{Error, ErrorKind, Result};
use flowcontrol_contract::{Clock, Effect, Secret};
use flowcontrol_ksef_wire::messages::{
    ERROR_FORMAT, PROBLEM_DETAILS, PartUploadRequest, SYSTEM_WARNING, Sealed,
};
use http::Method;
use serde::Serialize;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// Largest answer that is read; a page of receipts of 10,000 invoices stays below.
const MAX_BODY_BYTES: usize = 64_000_000;
/// The response types that are read.
const ACCEPT: &str = "application/json, application/xml, application/problem+json";

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
    /// `Unexpected` when it cannot be serialized.
    pub fn json(message: &impl Serialize) -> Result<Self> {
        serde_json::to_vec(message)
            .map(Self::Json)
            .map_err(|_| Error::new(ErrorKind::Unexpected, "the request cannot be serialized"))
    }
}

/// Speaks to one KSeF. `Debug` shows its URL alone.
pub struct Http {
    client: Client<Group>,
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").field("base", self.client.base()).finish_non_exhaustive()
    }
}

impl Http {
    /// A client for the KSeF at `base`, which is TLS or loopback.
    ///
    /// # Errors
    /// `Configuration` when a timeout is out of range or no client can be built.
    pub fn new(
        base: Url,
        adapter: &'static str,
        clock: Arc<dyn Clock>,
        timeout: Duration,
        patience: Duration,
    ) -> Result<Self> {
        let millis = |span: Duration| u32::try_from(span.as_millis()).unwrap_or(u32::MAX);
        let options = Options {
            connect_timeout_ms: millis(timeout).min(60_000),
            timeout_ms: millis(timeout),
            patience_ms: millis(patience),
            max_body_bytes: MAX_BODY_BYTES,
            ..Options::default()
        };
        let client = Client::at(adapter, Errors, base, &options, Path::new(""), clock)?;
        Ok(Self { client })
    }

    /// The clock that everything goes by.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        self.client.clock()
    }

    /// Where it speaks to, for people.
    pub fn endpoint(&self) -> String {
        self.client.base().to_string()
    }

    /// Applies the limits that KSeF states in place of the documented ones; see [`Group::documented`].
    pub fn allow(&self, group: Group, limits: [u32; 3]) {
        self.client.allow(group, flowcontrol_client::Limit::second_minute_hour(limits));
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
    ) -> Result<Response> {
        let mut request =
            route.request().header("accept", ACCEPT)?.header(ERROR_FORMAT, PROBLEM_DETAILS)?;
        if let Some(token) = bearer {
            request = request.bearer(&Secret::new(token.expose()))?;
        }
        for (name, value) in headers {
            request = request.header(name, value)?;
        }
        let request = match body {
            Body::Empty => request,
            Body::Json(json) => request.body("application/json", json.clone()),
            Body::Xml(xml) => request.body("application/xml", xml.clone()),
        };
        let response = self.client.call(&request).await?;
        if let Some(warning) = response.header(SYSTEM_WARNING) {
            tracing::warn!(call = route.name, warning, "KSeF warns");
        }
        Ok(response)
    }

    /// Uploads a part of a batch exactly as KSeF asked for it, without our token.
    ///
    /// # Errors
    /// As [`Http::call`]; the URL is a secret and is not shown.
    pub async fn upload(&self, to: &PartUploadRequest, part: Vec<u8>) -> Result<()> {
        let unexpected = |why: &str| Error::new(ErrorKind::Unexpected, why);
        let method = Method::from_bytes(to.method.as_bytes())
            .map_err(|_| unexpected("KSeF returned an invalid method for an upload"))?;
        let mut request = self.presigned("upload a part of the batch", method, &to.url)?;
        for (name, value) in &to.headers {
            // Our token must not reach the file store.
            if !name.eq_ignore_ascii_case("authorization") {
                request = request
                    .header(name, value.as_deref().unwrap_or(""))
                    .map_err(|_| unexpected("KSeF returned an invalid header for an upload"))?;
            }
        }
        self.client.call(&request.bytes(part)).await.map(drop)
    }

    /// Downloads from a pre-signed URL, without our token.
    ///
    /// # Errors
    /// As [`Http::call`]; the URL is a secret and is not shown.
    pub async fn download(&self, from: &Sealed) -> Result<Response> {
        self.client.call(&self.presigned("download a receipt", Method::GET, from)?).await
    }

    /// A request to a URL that KSeF returned: with TLS, or on loopback where KSeF itself is.
    fn presigned(
        &self,
        name: &'static str,
        method: Method,
        url: &Sealed,
    ) -> Result<Request<Group>> {
        let url = linked(self.client.base(), url.expose()).map_err(|why| {
            Error::new(ErrorKind::Unexpected, format!("KSeF returned an invalid URL: {why}"))
        })?;
        let target = Target::Address(url);
        Ok(Request::new(name, method, target, Effect::Repeatable, Group::Presigned))
    }
}

#[cfg(test)]
mod tests;
