//! The adapter: header, token, issuer, key, signature, claims, in this order.

use super::cache::Cache;
use super::config::{Config, Issuer};
use super::source::Http;
use super::{decide, signature, token, unauthenticated};
use async_trait::async_trait;
use flowcontrol_contract::error::Result;
use flowcontrol_contract::registry::BuildCx;
use flowcontrol_contract::{
    AdapterInfo, AuthProvider, Mode, Port, Presented, Principal, Probe, ProbedIssuer, Secret,
    Timestamp,
};
use futures::future::{BoxFuture, try_join_all};
use std::sync::Arc;

/// Its name in the configuration.
pub const KIND: &str = "oidc-rbac";

#[derive(Debug)]
struct Oidc {
    config: Config,
    /// One for each issuer of the configuration, in its order.
    caches: Vec<Arc<Cache>>,
    /// The tokens to probe with: none, one, or why it cannot be had.
    probes: Vec<Option<Result<Secret, String>>>,
}

/// Builds the adapter. It asks no provider: one that is down does not keep the service from
/// starting, and [`AuthProvider::ready`] says so.
pub fn build<'a>(
    config: serde_json::Value,
    cx: BuildCx<'a>,
) -> BoxFuture<'a, Result<Arc<dyn AuthProvider>>> {
    Box::pin(async move { Ok(Arc::new(Oidc::new(config, cx)?) as Arc<dyn AuthProvider>) })
}

impl Oidc {
    fn new(config: serde_json::Value, cx: BuildCx<'_>) -> Result<Self> {
        signature::install();
        let config = Config::read(config)?;
        let cache = |issuer: &Issuer| {
            let source = Http::new(issuer, &config.keys, cx.base)?;
            Ok(Cache::new(&issuer.issuer, Box::new(source), &config.keys))
        };
        let probe = |issuer: &Issuer| {
            let reference = issuer.probe_token.as_ref()?;
            Some(cx.secrets.resolve(reference).map_err(|e| e.chain()))
        };
        Ok(Self {
            caches: config.issuers.iter().map(cache).collect::<Result<_>>()?,
            probes: config.issuers.iter().map(probe).collect(),
            config,
        })
    }

    async fn of_token(&self, text: &str) -> Result<Principal> {
        let token = token::parse(text)?;
        let place = decide::issuer(&token.claims, &self.config.issuers)?;
        let issuer = &self.config.issuers[place];
        let algorithm = decide::header(&token.header, issuer)?;
        let key = self.caches[place].key(&token.header.kid).await?;
        if key.algorithm != algorithm {
            return Err(unauthenticated("the token's key is for another algorithm"));
        }
        signature::verify(&key, token.signed, token.signature)?;
        decide::principal(&token.claims, issuer, &self.config, Timestamp::now())
    }

    async fn probed(&self, place: usize) -> Result<ProbedIssuer> {
        let issuer = &self.config.issuers[place];
        let keys = self.caches[place].fetch().await?;
        let (mapped, unmapped) = match &self.probes[place] {
            None => (None, None),
            Some(Err(why)) => (None, Some(why.clone())),
            Some(Ok(secret)) => {
                let value = format!("Bearer {}", secret.expose().trim());
                match self
                    .authenticate(&Presented { headers: &[("authorization", value.as_bytes())] })
                    .await
                {
                    Ok(p) if p.how.issuer.as_ref() == Some(&issuer.issuer) => (Some(p), None),
                    Ok(_) => (None, Some("the token is of another issuer".into())),
                    Err(e) => (None, Some(e.message().to_owned())),
                }
            }
        };
        Ok(ProbedIssuer {
            issuer: issuer.issuer.clone(),
            algorithms: keys.algorithms().into_iter().collect(),
            keys: keys.len(),
            mapped,
            unmapped,
        })
    }
}

#[async_trait]
impl AuthProvider for Oidc {
    fn info(&self) -> AdapterInfo {
        let issuers: Vec<&str> = self.config.issuers.iter().map(|i| i.issuer.as_str()).collect();
        AdapterInfo { port: Port::Auth, kind: KIND, mode: Mode::Live, endpoint: issuers.join(", ") }
    }

    fn challenge(&self) -> &'static str {
        "Bearer"
    }

    async fn authenticate(&self, presented: &Presented<'_>) -> Result<Principal> {
        let found = match token::bearer(presented, self.config.max_token_bytes) {
            Ok(token) => self.of_token(token).await,
            Err(error) => Err(error),
        };
        found.map_err(|e| e.at(KIND, "authenticate"))
    }

    async fn ready(&self) -> Result<()> {
        let all = try_join_all(self.caches.iter().map(Cache::ready)).await;
        all.map(drop).map_err(|e| e.at(KIND, "ready"))
    }

    async fn probe(&self) -> Result<Probe> {
        let places = 0..self.config.issuers.len();
        let issuers = try_join_all(places.map(|place| self.probed(place))).await;
        issuers.map(|issuers| Probe { issuers }).map_err(|e| e.at(KIND, "probe"))
    }

    fn loopback_only(&self) -> bool {
        false
    }
}
