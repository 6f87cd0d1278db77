//! `[adapters.oidc-rbac.client]`, checked once.

use crate::oidc::config::{Issuer, address, refuse};
use flowcontrol_contract::SecretRef;
use flowcontrol_contract::error::Result;
use flowcontrol_contract::sign_in::Site;
use serde::Deserialize;

/// This service as the provider knows it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// Where people sign in: one of the issuers; may be left out where there is one alone.
    #[serde(default)]
    pub issuer: Option<String>,
    /// Its name there.
    pub client_id: String,
    /// Its secret; left out for a public client.
    #[serde(default)]
    pub client_secret: Option<SecretRef>,
    /// The public client of the command line, where it is another one: a secret that every laptop
    /// knows is none.
    #[serde(default)]
    pub device_client_id: Option<String>,
    /// Where browsers reach the service; left out where none signs in.
    #[serde(default)]
    pub public_url: Option<String>,
    /// What is asked for besides `openid`.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// The service that the access token shall be for (RFC 8707), where the provider must be told.
    #[serde(default)]
    pub resource: Option<String>,
    /// Where a browser is led once it has signed out at the provider too.
    #[serde(default = "root")]
    pub after_logout: String,
}

fn root() -> String {
    "/".to_owned()
}

impl Client {
    /// # Errors
    /// `Configuration` that names what is wrong.
    pub fn check(&self, issuers: &[Issuer]) -> Result<()> {
        self.place(issuers)?;
        for (name, value) in [
            ("client_id", Some(&self.client_id)),
            ("device_client_id", self.device_client_id.as_ref()),
        ] {
            if value.is_some_and(|v| v.is_empty() || v.chars().any(char::is_control)) {
                return Err(refuse(format!("client: {name} is no name of a client")));
            }
        }
        if let Some(scope) = self.scopes.iter().find(|s| s.is_empty() || s.contains(' ')) {
            return Err(refuse(format!("client: {scope:?} is no single scope")));
        }
        let path = &self.after_logout;
        if !path.starts_with('/') || path.starts_with("//") || path.contains('\\') {
            return Err(refuse("client: after_logout is no path of this service"));
        }
        self.site().map(drop)
    }

    /// The place of the issuer where people sign in.
    ///
    /// # Errors
    /// `Configuration` when it is none of them, or not clear which.
    pub fn place(&self, issuers: &[Issuer]) -> Result<usize> {
        match &self.issuer {
            None if issuers.len() == 1 => Ok(0),
            None => Err(refuse("client: name the issuer where people sign in")),
            Some(named) => issuers
                .iter()
                .position(|i| i.issuer == *named)
                .ok_or_else(|| refuse(format!("client: {named:?} is none of the issuers"))),
        }
    }

    /// Where browsers reach the service.
    ///
    /// # Errors
    /// `Configuration` when that is no origin, or one without TLS off loopback: a cookie and a code
    /// would pass in the open.
    pub fn site(&self) -> Result<Option<Site>> {
        let Some(text) = &self.public_url else { return Ok(None) };
        let named = |why: String| refuse(format!("client: public_url {text:?}: {why}"));
        let url = address(text).map_err(named)?;
        if url.path() != "/" || url.query().is_some() {
            return Err(named(
                "give scheme, host and port alone; cookies are for the whole host".into(),
            ));
        }
        let origin = url.origin().ascii_serialization();
        Ok(Some(Site { origin, after_logout: self.after_logout.clone() }))
    }
}
