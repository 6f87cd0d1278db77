//! A provider in this process: it publishes what a test tells it to, however wrong.

#![allow(dead_code, reason = "each test file uses its part")]

use flowcontrol_auth::build_oidc;
use flowcontrol_contract::error::Result;
use flowcontrol_contract::registry::BuildCx;
use flowcontrol_contract::secret::{Secret, SecretRef, Secrets};
use flowcontrol_contract::{AuthProvider, Presented, Principal};
pub use flowcontrol_standin::Answer;
use flowcontrol_standin::{Canned, Listener, Server};
pub use flowcontrol_testkit::forge;
use flowcontrol_testkit::forge::Signer;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

pub const METADATA: &str = "/realm/.well-known/openid-configuration";
pub const JWKS: &str = "/realm/jwks";

/// A provider on loopback.
pub struct Stub {
    pub issuer: String,
    answers: Canned,
    server: Server,
}

impl Stub {
    pub async fn new(signers: &[&Signer]) -> Self {
        Self::on(Listener::free().await.unwrap(), signers)
    }

    /// One behind a listener with TLS.
    pub fn on(listener: Listener, signers: &[&Signer]) -> Self {
        let answers = Canned::default();
        let server = listener.noting().serve(answers.clone());
        let stub = Self { issuer: format!("{}/realm", server.origin()), answers, server };
        stub.put(METADATA, Answer::json(&stub.metadata()));
        let keys: Vec<Value> = signers.iter().map(|s| s.jwk()).collect();
        stub.put(JWKS, Answer::json(&json!({ "keys": keys })));
        stub
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.server.address().port()
    }

    /// The paths that were asked for, in order.
    pub fn asked(&self) -> Vec<String> {
        self.server.seen().into_iter().map(|seen| seen.path).collect()
    }

    pub fn metadata(&self) -> Value {
        let base = self.issuer.trim_end_matches("/realm");
        json!({"issuer": self.issuer, "jwks_uri": format!("{base}{JWKS}"), "extra": [1, 2]})
    }

    pub fn put(&self, path: &str, answer: Answer) {
        self.answers.put(path, answer);
    }

    pub fn config(&self) -> Value {
        json!({
            "issuers": [{
                "issuer": self.issuer, "audiences": ["https://api.bfg.example"],
                "tenants": ["bfg-control", "north-depot"],
                "claims": {"tenant": "/bfg/tenant", "actor": "/sub",
                    "roles": {"at": "/bfg/roles", "form": "array"},
                    "permissions": {"at": "/bfg/permissions", "form": "array"}},
            }],
            "roles": {"director": ["gate.accept", "order.read"],
                "dispatcher": ["order.read", "order.write"]},
            "keys": {"cooldown": 1, "timeout": 700},
        })
    }

    pub fn claims(&self) -> Value {
        let now = now();
        json!({"iss": self.issuer, "aud": "https://api.bfg.example", "sub": "user_marek",
            "iat": now, "exp": now + 600,
            "bfg": {"tenant": "bfg-control", "roles": ["dispatcher"],
                "permissions": ["order.read", "order.write"]}})
    }
}

pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Secrets by the names of their variables.
pub struct Held(pub BTreeMap<String, String>);

impl Secrets for Held {
    fn resolve(&self, reference: &SecretRef) -> Result<Secret> {
        let SecretRef::Env(name) = reference else { panic!("{reference:?}") };
        let absent = || flowcontrol_contract::Error::invalid(format!("{name} is absent"));
        self.0.get(name).map(Secret::new).ok_or_else(absent)
    }
}

pub async fn built(config: Value) -> Result<Arc<dyn AuthProvider>> {
    built_with(config, Held(BTreeMap::new())).await
}

pub async fn built_with(config: Value, secrets: Held) -> Result<Arc<dyn AuthProvider>> {
    build_oidc(config, BuildCx { secrets: &secrets, base: Path::new("") }).await
}

pub async fn bear(provider: &dyn AuthProvider, token: &str) -> Result<Principal> {
    let value = format!("Bearer {token}");
    provider.authenticate(&Presented { headers: &[("authorization", value.as_bytes())] }).await
}
