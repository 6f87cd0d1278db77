//! One issuer of `[adapters.oidc-rbac]`: its tokens' exact `iss`, and which of their claims are
//! believed.

use super::error::refuse;
use super::pointer::Pointer;
use super::signature::supported;
use flowcontrol_client::{address, linked};
use flowcontrol_contract::error::Result;
use flowcontrol_contract::{SecretRef, TenantId};
use jsonwebtoken::Algorithm;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::PathBuf;
use url::Url;

/// One issuer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    /// Its exact `iss`, which is also the base of its metadata's address.
    pub issuer: String,
    /// The accepted audiences: `aud` must name one of them.
    pub audiences: BTreeSet<String>,
    /// The tenants that its tokens may name.
    pub tenants: BTreeSet<TenantId>,
    /// The address of its keys, where it publishes no metadata.
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
    /// Prefix of each actor's id; required where two issuers may name one tenant.
    #[serde(default)]
    pub actor_prefix: String,
    /// Which claims hold the tenant, the actor, the roles and the permissions.
    pub claims: ClaimPaths,
    /// PEM file with a CA to trust beside Mozilla's public roots.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// A token of this issuer with which `adapters check auth` proves the mapping.
    #[serde(default)]
    pub probe_token: Option<SecretRef>,
}

/// Paths of claims.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimPaths {
    /// The tenant.
    pub tenant: Pointer,
    /// The actor.
    pub actor: Pointer,
    /// The roles.
    pub roles: ListClaim,
    /// The permissions, of those that its roles have, that a token is limited to; absent means all.
    #[serde(default)]
    pub permissions: Option<ListClaim>,
}

/// A claim that holds a list of strings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListClaim {
    /// Its path.
    pub at: Pointer,
    /// Its form; never guessed.
    pub form: ListForm,
}

/// The form of a list of strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ListForm {
    /// `["a", "b"]`.
    Array,
    /// `"a,b"`.
    Comma,
    /// `"a b"`, as in `scope`.
    Space,
}

fn default_algorithms() -> Vec<Algorithm> {
    vec![Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA]
}
fn default_types() -> BTreeSet<String> {
    BTreeSet::from(["at+jwt".to_owned()])
}

impl Issuer {
    /// Checks what one issuer can get wrong alone.
    ///
    /// # Errors
    /// `Configuration` that names the issuer and what is wrong.
    pub fn check(&self) -> Result<()> {
        let named = |why: String| refuse(format!("issuer {:?}: {why}", self.issuer));
        let url = address(&self.issuer).map_err(named)?;
        if url.query().is_some() {
            return Err(named("an issuer has no query".into()));
        }
        if let Some(uri) = &self.jwks_uri {
            endpoint(&url, "jwks_uri", uri).map_err(named)?;
        }
        if self.audiences.is_empty() || self.audiences.contains("") {
            return Err(named(
                "audiences is empty: a token for any service would be accepted".into(),
            ));
        }
        if self.tenants.is_empty() {
            return Err(named("tenants is empty: none of its tokens could be accepted".into()));
        }
        if self.algorithms.is_empty() {
            return Err(named("algorithms is empty".into()));
        }
        if let Some(weak) = self.algorithms.iter().find(|a| !supported(**a)) {
            return Err(named(format!("the algorithm {weak:?} is not a supported signature")));
        }
        if self.types.contains("") {
            return Err(named("a type is empty; untyped = true accepts tokens without one".into()));
        }
        if self.types.is_empty() && !self.untyped {
            return Err(named("types is empty".into()));
        }
        Ok(())
    }

    /// Checks that two issuers cannot name one actor by accident.
    ///
    /// # Errors
    /// `Configuration` that names both.
    pub fn distinct_from(&self, other: &Self) -> Result<()> {
        if self.issuer == other.issuer {
            return Err(refuse(format!("the issuer {:?} is listed twice", self.issuer)));
        }
        let (a, b) = (&self.actor_prefix, &other.actor_prefix);
        let distinct = !a.starts_with(b.as_str()) && !b.starts_with(a.as_str());
        match self.tenants.intersection(&other.tenants).next() {
            Some(tenant) if !distinct => Err(refuse(format!(
                "{} and {} may both name the tenant {tenant}, and their actors could not be told \
                 apart: give each its own actor_prefix",
                other.issuer, self.issuer
            ))),
            _ => Ok(()),
        }
    }
}

/// An address that an issuer names: an issuer on TLS names none without.
///
/// # Errors
/// What is wrong with it, as a sentence that begins with `name`.
pub fn endpoint(issuer: &Url, name: &str, text: &str) -> std::result::Result<Url, String> {
    linked(issuer, text).map_err(|why| format!("{name}: {why}"))
}
