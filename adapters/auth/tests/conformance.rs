//! Both adapters keep the contract.

#![allow(clippy::unwrap_used, reason = "the functions beside the tests are tests too")]

mod support;

use async_trait::async_trait;
use flowcontrol_auth::{HEADERS, build_mock};
use flowcontrol_conformance::auth::{AuthFixture, Caller, Headers, assert_all, rosters};
use flowcontrol_contract::AuthProvider;
use flowcontrol_contract::registry::BuildCx;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use support::forge::Signer;
use support::{Held, Stub, built};

struct Mock;

#[async_trait]
impl AuthFixture for Mock {
    async fn provider(&self) -> Arc<dyn AuthProvider> {
        let config = json!({ "rosters": rosters() });
        let secrets = Held(BTreeMap::new());
        build_mock(config, BuildCx { secrets: &secrets, base: Path::new("") }).await.unwrap()
    }

    async fn present(&self, caller: &Caller) -> Headers {
        let list = |list: &Option<Vec<String>>| list.as_ref().map(|words| words.join(","));
        let values = [
            caller.actor.clone(),
            caller.tenant.clone(),
            list(&caller.roles),
            list(&caller.permissions),
        ];
        let given = HEADERS.into_iter().zip(values);
        given.filter_map(|(name, value)| Some((name.to_owned(), value?.into_bytes()))).collect()
    }
}

struct Oidc {
    stub: Stub,
    signer: Signer,
}

#[async_trait]
impl AuthFixture for Oidc {
    async fn provider(&self) -> Arc<dyn AuthProvider> {
        built(self.stub.config()).await.unwrap()
    }

    async fn present(&self, caller: &Caller) -> Headers {
        let mut claims = self.stub.claims();
        claims["sub"] = json!(caller.actor);
        let mut own = serde_json::Map::new();
        let mut give = |name: &str, value: Option<Value>| {
            own.extend(value.map(|value| (name.to_owned(), value)));
        };
        give("tenant", caller.tenant.as_ref().map(|t| json!(t)));
        give("roles", caller.roles.as_ref().map(|r| json!(r)));
        give("permissions", caller.permissions.as_ref().map(|p| json!(p)));
        claims["bfg"] = Value::Object(own);
        let token = self.signer.token(&self.signer.header(), &claims);
        vec![("authorization".into(), format!("Bearer {token}").into_bytes())]
    }
}

#[tokio::test]
async fn mock_auth_header() {
    assert_all(&Mock).await;
}

#[tokio::test]
async fn oidc_rbac() {
    for signer in [Signer::es256("k1"), Signer::ed25519("k1")] {
        let stub = Stub::new(&[&signer]).await;
        assert_all(&Oidc { stub, signer }).await;
    }
}
