//! Requests as an adapter describes them.

use bytes::Bytes;
use flowcontrol_contract::error::{Error, ErrorKind, Result};
use flowcontrol_contract::{Effect, Secret};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::Serialize;
use std::fmt;
use url::Url;

/// Where a request goes.
#[derive(Clone)]
pub enum Target {
    /// A path under the client's base address, with its query.
    Path(String),
    /// An address that the service gave. Where its origin is another than the client's base, the
    /// request's `Authorization` and every header of [`Request::secret`] are left out.
    Address(Url),
}

/// One request. It can be sent again; `Debug` shows neither its target, nor its headers, nor its body.
#[derive(Clone)]
pub struct Request<G = ()> {
    pub(crate) name: &'static str,
    pub(crate) method: Method,
    pub(crate) target: Target,
    pub(crate) effect: Effect,
    pub(crate) group: G,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl<G: Default> Request<G> {
    /// A request that reads `path`. `name` names it in errors: "ask the status".
    pub fn get(name: &'static str, path: impl Into<String>) -> Self {
        Self::new(name, Method::GET, Target::Path(path.into()), Effect::Repeatable, G::default())
    }

    /// A request that must happen once.
    pub fn post(name: &'static str, path: impl Into<String>) -> Self {
        Self::new(name, Method::POST, Target::Path(path.into()), Effect::Once, G::default())
    }
}

impl<G> Request<G> {
    /// Any request. `group` is what the service counts it to.
    pub fn new(
        name: &'static str,
        method: Method,
        target: Target,
        effect: Effect,
        group: G,
    ) -> Self {
        let (headers, body) = (HeaderMap::new(), Bytes::new());
        Self { name, method, target, effect, group, headers, body }
    }

    /// Its name in errors.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The same request, of which a second does no harm.
    #[must_use]
    pub fn repeatable(mut self) -> Self {
        self.effect = Effect::Repeatable;
        self
    }

    /// With `Authorization: Bearer`.
    ///
    /// # Errors
    /// `Configuration` when the token cannot stand in a header.
    pub fn bearer(self, token: &Secret) -> Result<Self> {
        let value = Secret::new(format!("Bearer {}", token.expose()));
        self.secret(AUTHORIZATION, &value)
    }

    /// With a header whose value is secret.
    ///
    /// # Errors
    /// `Configuration` when it cannot stand in a header; it is not repeated.
    pub fn secret(mut self, name: HeaderName, value: &Secret) -> Result<Self> {
        let mut value = HeaderValue::from_str(value.expose()).map_err(|_| {
            let why = format!("the secret for the header {name} holds characters no header can");
            Error::new(ErrorKind::Configuration, why)
        })?;
        value.set_sensitive(true);
        self.headers.insert(name, value);
        Ok(self)
    }

    /// With a header, in place of an earlier one of that name.
    ///
    /// # Errors
    /// `InvalidInput` when HTTP cannot carry it.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self> {
        let wrong =
            || Error::invalid(format!("{name:?} is not a valid header, or its value is not"));
        let name = HeaderName::try_from(name).map_err(|_| wrong())?;
        self.headers.insert(name, HeaderValue::from_str(value).map_err(|_| wrong())?);
        Ok(self)
    }

    /// With a body.
    #[must_use]
    pub fn body(mut self, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        self.body = body.into();
        self
    }

    /// With a body without a content type.
    #[must_use]
    pub fn bytes(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// With a body of JSON.
    ///
    /// # Errors
    /// `Unexpected` when the message cannot be serialized.
    pub fn json(self, message: &impl Serialize) -> Result<Self> {
        let body = serde_json::to_vec(message).map_err(|_| {
            Error::new(ErrorKind::Unexpected, format!("{}: cannot be serialized", self.name))
        })?;
        Ok(self.body("application/json", body))
    }
}

impl<G: fmt::Debug> fmt::Debug for Request<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("name", &self.name)
            .field("method", &self.method)
            .field("effect", &self.effect)
            .field("group", &self.group)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}
