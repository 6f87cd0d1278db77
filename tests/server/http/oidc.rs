//! Callers with bearer tokens: a real provider's, and none.

use super::site::{OURS, Site, answer, headers_of, settled};
use flowcontrol::config::{Settings, VouchingSection};
use flowcontrol_contract::SecretRef;
use flowcontrol_evidence::keys::{PrivateKey, write_new};
use flowcontrol_evidence::{EvidenceStore, RecordedAcceptance};
use flowcontrol_testkit::forge::Signer;
use flowcontrol_testkit::provider::{AUDIENCE, Provider};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

/// A service whose callers need a token of `issuer`.
async fn site(issuer: &str) -> Site {
    let (folder, settings) = configured(issuer).await;
    Site::over(folder, settings).await
}

/// How tokens of `issuer` are read.
pub fn issuers(issuer: &str) -> Value {
    json!({
        "issuers": [{
            "issuer": issuer, "audiences": [AUDIENCE], "tenants": [OURS],
            "claims": {"tenant": "/tenant", "actor": "/actor",
                "roles": {"at": "/roles", "form": "comma"}},
        }],
        "roles": {"dispatcher": ["create_order", "plan_route", "view_operations"]},
    })
}

/// Settings whose callers need a token of `issuer`.
pub async fn configured(issuer: &str) -> (tempfile::TempDir, Settings) {
    let (folder, mut settings) = settled("").await;
    settings.config.profiles.get_mut("local-demo").unwrap().auth = "oidc-rbac".into();
    settings.config.adapters.insert("oidc-rbac".into(), issuers(issuer));
    (folder, settings)
}

/// What the provider says of Marek, now.
pub fn marek(issuer: &str, tenant: &str) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    json!({"iss": issuer, "aud": AUDIENCE, "sub": "5f0c", "client_id": "portal",
        "jti": "1", "type": "access_token", "scope": "openid", "iat": now, "nbf": now,
        "exp": now + 600, "tenant": tenant, "actor": "user_dispatcher_marek",
        "roles": "dispatcher"})
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
    let claims = |tenant: &str| marek(&provider.issuer, tenant);
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

#[tokio::test(flavor = "multi_thread")]
async fn a_word_of_somebody_signed_in_is_vouched_for_and_can_be_proved_later() {
    let test = "a_word_of_somebody_signed_in_is_vouched_for_and_can_be_proved_later";
    if !Provider::there_or_skip(test) {
        return;
    }
    let signer = Signer::rsa("key-1");
    let provider = Provider::start(&signer);
    let (folder, mut settings) = configured(&provider.issuer).await;
    let key = PrivateKey::from_seed(&[7; 32]).unwrap();
    write_new(&key, &folder.path().join("service.pem")).unwrap();
    let reference = SecretRef::File("service.pem".into());
    settings.config.vouching = VouchingSection { signing_key: Some(reference), trusted: vec![] };
    // A service whose vouching would not count says so before it listens.
    let refused = settings.vouching_key().unwrap_err();
    assert!(refused.message.contains("[vouching] trusted does not list"), "{refused}");
    settings.config.vouching.trusted.push(key.public());
    let site = Site::over(folder, settings).await;

    let token = signer.token(&signer.header(), &marek(&provider.issuer, OURS));
    let post = |body: Value| {
        let request = site.posting("", "/api/v1/acceptances", &body).bearer_auth(&token);
        answer(request.header("x-request-id", "req-7"))
    };
    let done = post(json!({"check": "checklist/role-headers"})).await.expect(201).json();
    assert_eq!(done["authentication"], "oidc");
    assert_eq!(done["vouched_by"], key.public().to_string());
    assert_eq!(done["gate"], json!({"id": "checklist", "passed": 1, "total": 6}));
    // A check that is somebody else's stays theirs, whoever signed in.
    post(json!({"check": "checklist/contracts-frozen"})).await.expect(409);

    let chain = EvidenceStore::at(&site.settings.state());
    assert!(chain.verify(None).unwrap().passed());
    let sealed = chain.load("1").unwrap();
    let word = RecordedAcceptance::read(sealed.packet()).unwrap().unwrap();
    let sign_in = word.sign_in.unwrap();
    assert_eq!((sign_in.issuer, sign_in.subject), (provider.issuer.clone(), "5f0c".to_owned()));
    assert_eq!((sign_in.request.as_str(), sign_in.signature.key), ("req-7", key.public()));
    for part in token.split('.') {
        assert!(!sealed.text().contains(part), "the token stands in the packet");
    }
}
