//! A token's signature and claims, with the keys that its issuer publishes.

use super::cache::Cache;
use super::config::Config;
use super::error::unauthenticated;
use super::issuer::Issuer;
use super::jwks::KeySet;
use super::source::Http;
use super::token::{Claims, Unverified};
use super::{decide, signature, token};
use flowcontrol_contract::error::Result;
use flowcontrol_contract::{Principal, Timestamp};
use jsonwebtoken::Algorithm;
use std::path::Path;
use std::sync::Arc;

/// Verifies tokens of the configured issuers.
#[derive(Debug)]
pub struct Verifier {
    /// The configuration.
    pub config: Config,
    /// One for each issuer of the configuration, in its order.
    pub caches: Vec<Arc<Cache>>,
}

impl Verifier {
    /// A verifier that has fetched nothing yet; paths start from `base`.
    ///
    /// # Errors
    /// `Configuration` when an address or a CA is wrong.
    pub fn new(config: Config, base: &Path) -> Result<Self> {
        signature::install();
        let cache = |issuer: &Issuer| {
            let source = Http::new(issuer, &config.keys, base)?;
            Ok(Cache::new(&issuer.issuer, Box::new(source), &config.keys))
        };
        Ok(Self { caches: config.issuers.iter().map(cache).collect::<Result<_>>()?, config })
    }

    /// The principal of an access token, and its claims.
    ///
    /// # Errors
    /// As [`flowcontrol_contract::AuthProvider::authenticate`] says.
    pub async fn access(&self, text: &str) -> Result<(Principal, Claims)> {
        let token = token::parse(text)?;
        let place = decide::issuer(&token.claims, &self.config.issuers)?;
        let issuer = &self.config.issuers[place];
        let algorithm = decide::header(&token.header, issuer)?;
        self.signature(place, &token, algorithm).await?;
        let now = Timestamp::now();
        let principal = decide::principal(&token.claims, issuer, &self.config, now)?;
        Ok((principal, token.claims))
    }

    /// The claims of another kind of token of one issuer, whose `typ` is one of `types` or absent. Only
    /// issuer and signature were checked; the keys are those that it was verified with.
    ///
    /// # Errors
    /// `Unauthenticated` when it is not that issuer's, `Unavailable` when its keys cannot be fetched.
    pub async fn other(
        &self,
        place: usize,
        text: &str,
        types: &[&str],
    ) -> Result<(Claims, Arc<KeySet>)> {
        let issuer = &self.config.issuers[place];
        if text.len() > self.config.max_token_bytes {
            return Err(unauthenticated("the token is too long"));
        }
        let token = token::parse(text)?;
        decide::issuer(&token.claims, [issuer])?;
        let typ = token.header.typ.as_ref().map(|typ| typ.to_ascii_lowercase());
        if typ.is_some_and(|typ| !types.contains(&typ.as_str())) {
            let why = format!("the token's type (`typ`) is not one of {}", types.join(", "));
            return Err(unauthenticated(why));
        }
        let algorithm = decide::algorithm(&token.header, issuer)?;
        self.signature(place, &token, algorithm).await?;
        let keys = self.caches[place]
            .newest()
            .ok_or_else(|| unauthenticated("the issuer's keys are too old"))?;
        Ok((token.claims, keys))
    }

    async fn signature(
        &self,
        place: usize,
        token: &Unverified<'_>,
        algorithm: Algorithm,
    ) -> Result<()> {
        let key = self.caches[place].key(&token.header.kid).await?;
        if key.algorithm != algorithm {
            return Err(unauthenticated("the token's key is for another algorithm than its `alg`"));
        }
        signature::verify(&key, token.signed, token.signature)
    }
}
