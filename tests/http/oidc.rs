//! Callers with bearer tokens: a real provider's, and none.

use super::forge::Signer;
use super::provider::{AUDIENCE, Provider};
use super::site::{OURS, Site, answer, headers_of, settled};
use flowcontrol::evidence::EvidenceStore;
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

/// A service whose callers need a token of `issuer`.
async fn site(issuer: &str) -> Site {
    let (folder, mut settings) = settled("").await;
    settings.config.profiles.get_mut("local-demo").unwrap().auth = "oidc-rbac".into();
    let config = json!({
        "issuers": [{
            "issuer": issuer, "audiences": [AUDIENCE], "tenants": [OURS],
            "claims": {"tenant": "/tenant", "actor": "/actor",
                "roles": {"at": "/roles", "form": "comma"}},
        }],
        "roles": {"dispatcher": ["create_order", "plan_route", "view_operations"]},
    });
    settings.config.adapters.insert("oidc-rbac".into(), config);
    Site::over(folder, settings).await
}

#[tokio::test]
async fn headers_that_a_mock_login_believes_are_nothing_here() {
    // Nobody answers there, and nobody is asked.
    let site = site("https://issuer.invalid/bfg").await;
    let refused = site.get("user_md_anna", "/api/v1/scenario").await.expect(401);
    assert_eq!(
        refused.header("www-authenticate"),
        "Bearer realm=\"flowcontrol\", error=\"invalid_token\""
    );
    assert!(refused.json().get("detail").is_none(), "{refused:?}");
    let query = site.get("", "/api/v1/scenario?access_token=x").await;
    query.expect(401);
    let document = site.get("", "/openapi.json").await.expect(200).json();
    assert_eq!(document["security"], json!([{"bearer": []}]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_its_tenant_and_actor_whatever_the_headers_say() {
    if !Provider::there_or_skip("a_token_is_its_tenant_and_actor_whatever_the_headers_say") {
        return;
    }
    let signer = Signer::rsa("key-1");
    let provider = Provider::start(&signer);
    let site = site(&provider.issuer).await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims = |tenant: &str| {
        json!({"iss": provider.issuer, "aud": AUDIENCE, "sub": "5f0c", "client_id": "portal",
            "jti": "1", "type": "access_token", "scope": "openid", "iat": now, "nbf": now,
            "exp": now + 600, "tenant": tenant, "actor": "user_dispatcher_marek",
            "roles": "dispatcher"})
    };
    let ask = |claims: &Value, method: &str, path: &str| {
        let token = signer.token(&signer.header(), claims);
        let request = site.request("", method, path).bearer_auth(token);
        // They would make a managing director of the neighbours of anybody.
        headers_of("managing_director_00001")
            .into_iter()
            .fold(request, |request, (name, value)| request.header(name, value))
    };
    let marek = claims(OURS);
    let shown = answer(ask(&marek, "GET", "/api/v1/scenario")).await.expect(200).json();
    assert_eq!(shown["tenant"], OURS);
    let body = super::site::risks(&["by-token"]).to_string();
    let sent = ask(&marek, "POST", "/api/v1/records").header("content-type", "application/json");
    answer(sent.body(body)).await.expect(201);
    let record = answer(ask(&marek, "GET", "/api/v1/records/by-token")).await.expect(200).json();
    assert_eq!(record["actor"], "user_dispatcher_marek");
    answer(ask(&claims("carrier-00001"), "GET", "/api/v1/scenario")).await.expect(403);
    // What could not be proved later is not sealed: the chain would not be judged any more.
    let word = json!({"check": "checklist/role-headers"}).to_string();
    let sent =
        ask(&marek, "POST", "/api/v1/acceptances").header("content-type", "application/json");
    answer(sent.body(word)).await.expect(409);
    assert!(EvidenceStore::at(&site.settings.state()).list().unwrap().packets.is_empty());
}
