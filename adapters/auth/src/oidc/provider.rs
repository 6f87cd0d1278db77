//! The adapter: whom a bearer token identifies, and whether its issuers can be reached.

use super::cache::Cache;
use super::config::Config;
use super::error::KIND;
use super::issuer::Issuer;
use super::login::Login;
use super::token;
use super::verify::Verifier;
use async_trait::async_trait;
use flowcontrol_contract::error::Result;
use flowcontrol_contract::registry::BuildCx;
use flowcontrol_contract::{
    AdapterInfo, AuthProvider, Mode, Port, Presented, Principal, Probe, ProbedIssuer, Secret,
    SignIn,
};
use futures::future::{BoxFuture, try_join_all};
use std::sync::Arc;

#[derive(Debug)]
struct Oidc {
    verifier: Arc<Verifier>,
    /// For each issuer the token to probe with: none, one, or why it cannot be read.
    probes: Vec<Option<Result<Secret, String>>>,
    /// Signs people in, where a client is configured.
    login: Option<Arc<Login>>,
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
        let config = Config::read(config)?;
        let probe = |issuer: &Issuer| {
            let reference = issuer.probe_token.as_ref()?;
            Some(cx.secrets.resolve(reference).map_err(|e| e.chain()))
        };
        let probes = config.issuers.iter().map(probe).collect();
        let verifier = Arc::new(Verifier::new(config, cx.base)?);
        let login = Login::new(&verifier, cx)?.map(Arc::new);
        Ok(Self { verifier, probes, login })
    }

    async fn probed(&self, place: usize) -> Result<ProbedIssuer> {
        let issuer = &self.verifier.config.issuers[place];
        let keys = self.verifier.caches[place].fetch().await?;
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
        let issuers = &self.verifier.config.issuers;
        let issuers: Vec<&str> = issuers.iter().map(|i| i.issuer.as_str()).collect();
        AdapterInfo { port: Port::Auth, kind: KIND, mode: Mode::Live, endpoint: issuers.join(", ") }
    }

    fn challenge(&self) -> &'static str {
        "Bearer"
    }

    async fn authenticate(&self, presented: &Presented<'_>) -> Result<Principal> {
        let found = match token::bearer(presented, self.verifier.config.max_token_bytes) {
            Ok(token) => self.verifier.access(token).await.map(|(principal, _)| principal),
            Err(error) => Err(error),
        };
        found.map_err(|e| e.in_operation(KIND, "authenticate"))
    }

    async fn ready(&self) -> Result<()> {
        let all = try_join_all(self.verifier.caches.iter().map(Cache::ready)).await;
        all.map(drop).map_err(|e| e.in_operation(KIND, "ready"))
    }

    async fn probe(&self) -> Result<Probe> {
        let places = 0..self.verifier.config.issuers.len();
        let issuers = try_join_all(places.map(|place| self.probed(place))).await;
        issuers.map(|issuers| Probe { issuers }).map_err(|e| e.in_operation(KIND, "probe"))
    }

    fn loopback_only(&self) -> bool {
        false
    }

    fn sign_in(&self) -> Option<Arc<dyn SignIn>> {
        self.login.clone().map(|login| login as Arc<dyn SignIn>)
    }
}
