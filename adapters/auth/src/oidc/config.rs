//! `[adapters.oidc-rbac]`, checked once.

use super::login::config::Client;
use super::pointer::Pointer;
use super::provider::KIND;
use super::signature::supported;
use flowcontrol_contract::error::{Error, ErrorKind, Result};
use flowcontrol_contract::{SecretRef, TenantId};
use jsonwebtoken::Algorithm;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use url::{Host, Url};

/// The configuration as it is spelled.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Whose tokens are accepted.
    pub issuers: Vec<Issuer>,
    /// What each role may do. A role that is not here gives nothing.
    pub roles: BTreeMap<String, BTreeSet<String>>,
    /// Seconds by which clocks may differ.
    #[serde(default = "default_leeway")]
    pub leeway: u32,
    /// Longest life of a token, in seconds.
    #[serde(default = "default_max_lifetime")]
    pub max_lifetime: u32,
    /// Longest token, in bytes.
    #[serde(default = "default_max_token_bytes")]
    pub max_token_bytes: usize,
    /// When and how keys are fetched.
    #[serde(default)]
    pub keys: Keys,
    /// How people sign in; absent means that they do not.
    #[serde(default)]
    pub client: Option<Client>,
}

/// One issuer: its tokens' exact `iss`, and what is believed of them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    /// Its exact name, which is also where its metadata is found.
    pub issuer: String,
    /// This service's names: a token must be for one of them.
    pub audiences: BTreeSet<String>,
    /// The tenants that it may vouch for.
    pub tenants: BTreeSet<TenantId>,
    /// Where its keys are, where it has no metadata.
    #[serde(default)]
    pub jwks_uri: Option<String>,
    /// The signature algorithms that are accepted.
    #[serde(default = "default_algorithms")]
    pub algorithms: Vec<Algorithm>,
    /// The `typ` of its access tokens. Many providers write `JWT`, which an ID token is too.
    #[serde(default = "default_types")]
    pub types: BTreeSet<String>,
    /// Accepts tokens without a `typ`.
    #[serde(default)]
    pub untyped: bool,
    /// Stands before each actor's id; needed where two issuers vouch for one tenant.
    #[serde(default)]
    pub actor_prefix: String,
    /// Where in a token everything stands.
    pub claims: Claims,
    /// PEM file with a root to accept beside Mozilla's public ones.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// A token of this issuer with which `adapters check auth` proves the mapping.
    #[serde(default)]
    pub probe_token: Option<SecretRef>,
}

/// Places of claims.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    /// The tenant.
    pub tenant: Pointer,
    /// The actor.
    pub actor: Pointer,
    /// The roles.
    pub roles: List,
    /// What the token narrows its roles' permissions to; absent means to all of them.
    #[serde(default)]
    pub permissions: Option<List>,
}

/// A list of words in a token.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// Its place.
    pub at: Pointer,
    /// How it is spelled; never guessed.
    pub form: Form,
}

/// How a list of words is spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// `["a", "b"]`.
    Array,
    /// `"a,b"`.
    Comma,
    /// `"a b"`, as in `scope`.
    Space,
}

/// When and how keys are fetched.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Keys {
    /// Seconds after which keys are fetched anew, beside the calls that use them.
    pub refresh: u32,
    /// Seconds between two fetches, whoever asks for them.
    pub cooldown: u32,
    /// Seconds for which keys count while they cannot be fetched anew.
    pub max_stale: u32,
    /// Milliseconds for one fetch.
    pub timeout: u32,
}

impl Default for Keys {
    fn default() -> Self {
        Self { refresh: 300, cooldown: 10, max_stale: 3600, timeout: 5_000 }
    }
}

fn default_leeway() -> u32 {
    30
}
fn default_max_lifetime() -> u32 {
    3600
}
fn default_max_token_bytes() -> usize {
    8 * 1024
}
fn default_algorithms() -> Vec<Algorithm> {
    vec![Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA]
}
fn default_types() -> BTreeSet<String> {
    BTreeSet::from(["at+jwt".to_owned()])
}

/// A mistake in the configuration.
pub fn refuse(why: impl Into<String>) -> Error {
    Error::new(ErrorKind::Configuration, why).at(KIND, "configuration")
}

impl Config {
    /// Reads and checks it.
    ///
    /// # Errors
    /// `Configuration` that names what is wrong.
    pub fn read(value: serde_json::Value) -> Result<Self> {
        let config: Self = serde_json::from_value(value).map_err(|e| refuse(e.to_string()))?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<()> {
        if self.issuers.is_empty() {
            return Err(refuse("issuers is empty: nobody could sign in"));
        }
        for (name, value, from, to) in [
            ("leeway", self.leeway as usize, 0, 120),
            ("max_lifetime", self.max_lifetime as usize, 60, 7 * 86_400),
            ("max_token_bytes", self.max_token_bytes, 256, 64 * 1024),
            ("keys.refresh", self.keys.refresh as usize, 1, 86_400),
            ("keys.cooldown", self.keys.cooldown as usize, 1, 3600),
            ("keys.max_stale", self.keys.max_stale as usize, 1, 7 * 86_400),
            ("keys.timeout", self.keys.timeout as usize, 100, 60_000),
        ] {
            if !(from..=to).contains(&value) {
                return Err(refuse(format!("{name} is {value}, and may be {from} to {to}")));
            }
        }
        if self.keys.max_stale < self.keys.refresh {
            return Err(refuse("keys.max_stale is shorter than keys.refresh"));
        }
        if self.roles.is_empty() {
            return Err(refuse("roles is empty: nobody could do anything"));
        }
        for (role, permissions) in &self.roles {
            if role.is_empty() || permissions.is_empty() || permissions.contains("") {
                return Err(refuse(format!("the role {role:?} or a permission of it is empty")));
            }
        }
        self.issuers.iter().try_for_each(Issuer::check)?;
        for (at, one) in self.issuers.iter().enumerate() {
            for other in &self.issuers[..at] {
                one.apart(other)?;
            }
        }
        self.client.as_ref().map_or(Ok(()), |client| client.check(&self.issuers))
    }
}

impl Issuer {
    fn check(&self) -> Result<()> {
        let named = |why: String| refuse(format!("issuer {:?}: {why}", self.issuer));
        let url = address(&self.issuer).map_err(named)?;
        if url.query().is_some() {
            return Err(named("an issuer has no query".into()));
        }
        if let Some(uri) = &self.jwks_uri {
            endpoint(&url, "jwks_uri", uri).map_err(named)?;
        }
        if self.audiences.is_empty() || self.audiences.contains("") {
            return Err(named("audiences is empty: any service's token would be accepted".into()));
        }
        if self.tenants.is_empty() {
            return Err(named("tenants is empty: it could vouch for nobody".into()));
        }
        if self.algorithms.is_empty() {
            return Err(named("algorithms is empty".into()));
        }
        if let Some(weak) = self.algorithms.iter().find(|a| !supported(**a)) {
            return Err(named(format!("{weak:?} is no signature of a provider")));
        }
        if self.types.contains("") {
            return Err(named("a type is empty; untyped = true accepts tokens without one".into()));
        }
        if self.types.is_empty() && !self.untyped {
            return Err(named("types is empty".into()));
        }
        Ok(())
    }

    /// Two issuers never speak of one actor by accident.
    fn apart(&self, other: &Self) -> Result<()> {
        if self.issuer == other.issuer {
            return Err(refuse(format!("the issuer {:?} stands twice", self.issuer)));
        }
        let (a, b) = (&self.actor_prefix, &other.actor_prefix);
        let distinct = !a.starts_with(b.as_str()) && !b.starts_with(a.as_str());
        match self.tenants.intersection(&other.tenants).next() {
            Some(tenant) if !distinct => Err(refuse(format!(
                "{} and {} both vouch for {tenant}, and their actors could not be told apart: give \
                 each an actor_prefix of its own",
                other.issuer, self.issuer
            ))),
            _ => Ok(()),
        }
    }
}

/// An address that may be asked: over TLS, or on loopback.
///
/// # Errors
/// Says in words what is wrong with it.
pub fn address(text: &str) -> std::result::Result<Url, String> {
    let url = Url::parse(text).map_err(|e| format!("{e}"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("an address holds no credentials".into());
    }
    if url.fragment().is_some() {
        return Err("an address has no fragment".into());
    }
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => Ok(url),
        "http" if loopback => Ok(url),
        "http" => Err("plain http is for loopback alone".into()),
        other => Err(format!("{other} is no scheme of a provider")),
    }
}

/// An address that an issuer names: one on TLS names none without.
///
/// # Errors
/// Says in words what is wrong with it.
pub fn endpoint(issuer: &Url, name: &str, text: &str) -> std::result::Result<Url, String> {
    let url = address(text).map_err(|why| format!("{name}: {why}"))?;
    if issuer.scheme() == "https" && url.scheme() != "https" {
        return Err(format!("{name}: it is not on TLS as the issuer is"));
    }
    Ok(url)
}
