//! A provider, the adapter that trusts it, and what both make of a token.

use flowcontrol::registry::built_in;
use flowcontrol_contract::error::{ErrorKind, Result};
use flowcontrol_contract::registry::BuildCx;
use flowcontrol_contract::secret::{Secret, SecretRef, Secrets};
use flowcontrol_contract::{AuthProvider, Error, Presented, Principal};
use flowcontrol_testkit::forge::Signer;
use flowcontrol_testkit::provider::{AUDIENCE, Provider};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub struct Scene {
    pub provider: Provider,
    pub signer: Signer,
    pub auth: Arc<dyn AuthProvider>,
}

/// A configuration that holds no secret.
pub struct NoSecrets;

impl Secrets for NoSecrets {
    fn resolve(&self, reference: &SecretRef) -> Result<Secret> {
        Err(Error::invalid(format!("no secret {reference}")))
    }
}

pub async fn built(config: Value) -> Arc<dyn AuthProvider> {
    let cx = BuildCx { secrets: &NoSecrets, base: Path::new("") };
    built_in().build_auth("oidc-rbac", config, cx).await.unwrap()
}

impl Scene {
    /// A provider with a user; `None`, said aloud, where there is none.
    pub async fn new(test: &str) -> Option<Self> {
        if !Provider::there_or_skip(test) {
            return None;
        }
        let signer = Signer::rsa("key-1");
        let provider = Provider::start(&signer);
        provider.user("user_dispatcher_marek", &json!("bfg-control"), &json!(["dispatcher", "x"]));
        let auth = built(config(&provider.issuer)).await;
        Some(Self { provider, signer, auth })
    }

    /// An access token's claims as this provider spells them.
    pub fn claims(&self) -> Value {
        let now = now();
        json!({"iss": self.provider.issuer, "aud": AUDIENCE, "sub": "5f0c",
            "client_id": "portal", "jti": "1", "type": "access_token", "scope": "openid",
            "iat": now, "nbf": now, "exp": now + 600,
            "tenant": "bfg-control", "actor": "user_dispatcher_marek", "roles": "dispatcher,x"})
    }

    /// The claims with one member set; removed for `null`.
    pub fn claims_with(&self, member: &str, value: Value) -> Value {
        let mut claims = self.claims();
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(member)),
            value => claims[member] = value,
        }
        claims
    }

    /// A token under the provider's own key.
    pub fn forge(&self, claims: &Value) -> String {
        self.signer.token(&self.signer.header(), claims)
    }

    pub async fn bear(&self, token: &str) -> Result<Principal> {
        bear(&*self.auth, token).await
    }

    /// What came of a token: the kind of the refusal, or `None`.
    pub async fn verdict(&self, token: &str) -> Option<ErrorKind> {
        self.bear(token).await.err().map(|error| {
            // Whatever is refused, the reason repeats no part of the token.
            let said = format!("{} {error:?}", error.chain());
            for part in token.split('.').filter(|part| part.len() > 20) {
                assert!(!said.contains(part), "{said}");
            }
            error.kind()
        })
    }

    /// Asks until `wanted` comes, and gives what came before it.
    ///
    /// # Panics
    /// When it does not come.
    pub async fn until(&self, token: &str, wanted: Option<ErrorKind>) -> Vec<Option<ErrorKind>> {
        let mut before = Vec::new();
        for _ in 0..300 {
            let came = self.verdict(token).await;
            if came == wanted {
                return before;
            }
            before.push(came);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{wanted:?} did not come within 30 s, but {:?}", before.last())
    }

    /// # Panics
    /// When something came that is not among `wanted`, with its name.
    pub async fn all(&self, wanted: Option<ErrorKind>, tokens: Vec<(String, String)>) {
        let mut wrong = Vec::new();
        for (name, token) in tokens {
            let came = self.verdict(&token).await;
            if came != wanted {
                wrong.push(format!("{name}: {came:?}"));
            }
        }
        assert!(wrong.is_empty(), "wanted {wanted:?}\n{}", wrong.join("\n"));
        // None of them spoiled the adapter.
        assert_eq!(self.verdict(&self.forge(&self.claims())).await, None);
    }
}

pub async fn bear(auth: &dyn AuthProvider, token: &str) -> Result<Principal> {
    let value = format!("Bearer {token}");
    auth.authenticate(&Presented { headers: &[("authorization", value.as_bytes())] }).await
}

pub fn config(issuer: &str) -> Value {
    json!({
        "issuers": [{
            "issuer": issuer, "audiences": [AUDIENCE],
            "tenants": ["bfg-control", "north-depot"],
            "claims": {"tenant": "/tenant", "actor": "/actor",
                "roles": {"at": "/roles", "form": "comma"}},
        }],
        "roles": {"dispatcher": ["create_order", "view_operations"], "driver": ["report_event"]},
        "keys": {"cooldown": 1, "refresh": 1, "max_stale": 6, "timeout": 10_000},
    })
}

pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}
