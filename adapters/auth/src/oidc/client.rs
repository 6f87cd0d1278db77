//! `[adapters.oidc-rbac.client]`, checked once.

use super::error::refuse;
use super::issuer::Issuer;
use flowcontrol_client::address;
use flowcontrol_contract::SecretRef;
use flowcontrol_contract::error::Result;
use flowcontrol_contract::sign_in::Site;
use serde::Deserialize;

/// This service as a client of the provider.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// The issuer where people sign in; may be left out where there is only one.
    #[serde(default)]
    pub issuer: Option<String>,
    /// Its client id.
    pub client_id: String,
    /// Its client secret; left out for a public client.
    #[serde(default)]
    pub client_secret: Option<SecretRef>,
    /// The client id of the command line, where it is another, public client: a secret on every laptop
    /// is not a secret.
    #[serde(default)]
    pub device_client_id: Option<String>,
    /// The origin where browsers reach the service; left out where browsers do not sign in.
    #[serde(default)]
    pub public_url: Option<String>,
    /// Scopes to request besides `openid`.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// The resource indicator (RFC 8707) to request the access token for, where the provider needs one.
    #[serde(default)]
    pub resource: Option<String>,
    /// The path that a browser is sent to after it has signed out at the provider.
    #[serde(default = "root")]
    pub after_logout: String,
}

fn root() -> String {
    "/".to_owned()
}

impl Client {
    /// Checks it against the issuers.
    ///
    /// # Errors
    /// `Configuration` that names what is wrong.
    pub fn check(&self, issuers: &[Issuer]) -> Result<()> {
        self.issuer_index(issuers)?;
        for (name, value) in [
            ("client_id", Some(&self.client_id)),
            ("device_client_id", self.device_client_id.as_ref()),
        ] {
            if value.is_some_and(|v| v.is_empty() || v.chars().any(char::is_control)) {
                return Err(refuse(format!("client: {name} is not a valid client id")));
            }
        }
        if let Some(scope) = self.scopes.iter().find(|s| s.is_empty() || s.contains(' ')) {
            return Err(refuse(format!("client: {scope:?} is not a single scope")));
        }
        let path = &self.after_logout;
        if !path.starts_with('/') || path.starts_with("//") || path.contains('\\') {
            return Err(refuse("client: after_logout is not a path of this service"));
        }
        self.site().map(drop)
    }

    /// The index, in `issuers`, of the one where people sign in.
    ///
    /// # Errors
    /// `Configuration` when it is not one of them, or not clear which.
    pub fn issuer_index(&self, issuers: &[Issuer]) -> Result<usize> {
        match &self.issuer {
            None if issuers.len() == 1 => Ok(0),
            None => Err(refuse(
                "client: issuer is missing, and there are several: name the one where people sign in",
            )),
            Some(named) => issuers
                .iter()
                .position(|i| i.issuer == *named)
                .ok_or_else(|| refuse(format!("client: {named:?} is not one of the issuers"))),
        }
    }

    /// The origin where browsers reach the service.
    ///
    /// # Errors
    /// `Configuration` when it is not an origin, or one without TLS off loopback: cookie and code would
    /// travel in clear text.
    pub fn site(&self) -> Result<Option<Site>> {
        let Some(text) = &self.public_url else { return Ok(None) };
        let named = |why: String| refuse(format!("client: public_url {text:?}: {why}"));
        let url = address(text).map_err(named)?;
        if url.path() != "/" || url.query().is_some() {
            return Err(named(
                "give scheme, host and port only; cookies are for the whole host".into(),
            ));
        }
        let origin = url.origin().ascii_serialization();
        Ok(Some(Site { origin, after_logout: self.after_logout.clone() }))
    }
}
