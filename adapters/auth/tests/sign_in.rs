//! Providers that give other tokens than they were asked for.

#![allow(clippy::unwrap_used, reason = "the functions beside the tests are tests too")]

mod support;

use flowcontrol_contract::SignIn;
use flowcontrol_contract::error::{ErrorKind, Result};
use flowcontrol_contract::sign_in::{Attempt, AuthorizationResponse as Came, Grant};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use support::forge::{Signer, b64, hs256};
use support::{Answer, Held, METADATA, Stub, built_with};

const SECRET: &str = "the-clients-secret";
const TOKEN: &str = "/realm/token";

struct Scene {
    stub: Stub,
    signer: Signer,
    sign_in: Arc<dyn SignIn>,
}

impl Scene {
    async fn new() -> Self {
        let signer = Signer::rsa("k1");
        let stub = Stub::new(&[&signer]).await;
        let mut metadata = stub.metadata();
        metadata["authorization_endpoint"] = json!(format!("{}/authorize", stub.issuer));
        metadata["token_endpoint"] = json!(format!("{}/token", stub.issuer));
        stub.put(METADATA, Answer::json(&metadata));
        let mut config = stub.config();
        config["client"] = json!({"client_id": "portal", "client_secret": {"env": "CLIENT"},
            "public_url": "https://ops.example"});
        let held = Held(BTreeMap::from([("CLIENT".to_owned(), SECRET.to_owned())]));
        let auth = built_with(config, held).await.unwrap();
        let sign_in = auth.sign_in().unwrap();
        Self { stub, signer, sign_in }
    }

    /// The claims of a good ID token for an attempt.
    fn id(&self, attempt: &Attempt) -> Value {
        let access = self.stub.claims();
        json!({"iss": self.stub.issuer, "aud": "portal", "azp": "portal", "sub": access["sub"],
            "nonce": attempt.nonce.expose(), "iat": access["iat"], "exp": access["exp"], "sid": "s1"})
    }

    fn access(&self) -> String {
        self.signer.token(&self.signer.header(), &self.stub.claims())
    }

    /// What comes of these tokens.
    async fn completed(&self, attempt: &Attempt, access: &str, id: Option<&str>) -> Result<Grant> {
        let mut tokens = json!({"access_token": access, "token_type": "Bearer", "expires_in": 600});
        if let Some(id) = id {
            tokens["id_token"] = json!(id);
        }
        self.stub.put(TOKEN, Answer::json(&tokens));
        self.answered(attempt).await
    }

    async fn answered(&self, attempt: &Attempt) -> Result<Grant> {
        let state = Some(attempt.state.expose());
        let came = Came { code: Some("the-code"), state, ..Came::default() };
        self.sign_in.complete(attempt, &came).await
    }
}

fn header(alg: &str) -> Value {
    json!({"alg": alg, "typ": "JWT", "kid": "k1"})
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_token_that_is_not_what_was_asked_for_signs_nobody_in() {
    let scene = Scene::new().await;
    let attempt = scene.sign_in.begin().await.unwrap();
    let (access, good) = (scene.access(), scene.id(&attempt));
    let signed = |claims: &Value| scene.signer.token(&header("RS256"), claims);
    let grant = scene.completed(&attempt, &access, Some(&signed(&good))).await.unwrap();
    assert_eq!(grant.tokens.session.as_deref(), Some("s1"));
    assert_eq!(grant.principal.actor.as_str(), "user_marek");
    assert!(!format!("{grant:?} {:?}", scene.sign_in).contains("eyJ"));

    let now = support::now();
    let unsigned = format!("{}.{}.", b64(header("none").to_string()), b64(good.to_string()));
    let mut wrong = vec![
        ("none".to_owned(), unsigned),
        ("the client's secret".to_owned(), hs256(SECRET.as_bytes(), &header("HS256"), &good)),
        ("the public key".to_owned(), hs256(&scene.signer.public_bytes(), &header("HS256"), &good)),
        ("another key".to_owned(), Signer::rsa("k1").token(&header("RS256"), &good)),
        ("another hash".to_owned(), scene.signer.rs512(&header("RS512"), &good)),
        ("an access token".to_owned(), access.clone()),
        ("no token".to_owned(), "a.b.c".to_owned()),
        (
            "two nonces".to_owned(),
            scene.signer.text(
                &header("RS256").to_string(),
                &good.to_string().replacen('{', "{\"nonce\":\"x\",", 1),
            ),
        ),
    ];
    for (typ, crit) in [("logout+jwt", None), ("at+jwt", None), ("JWT", Some(json!(["exp"])))] {
        let mut other = json!({"alg": "RS256", "typ": typ, "kid": "k1"});
        if let Some(crit) = crit {
            other["crit"] = crit;
        }
        wrong.push((format!("{other}"), scene.signer.token(&other, &good)));
    }
    for (member, value) in [
        ("iss", json!("https://evil.example")),
        ("iss", json!(format!("{}/", scene.stub.issuer))),
        ("aud", json!("another")),
        ("aud", json!(["portal", "another"])),
        ("azp", json!("another")),
        ("nonce", json!("another")),
        ("nonce", Value::Null),
        ("sub", json!("somebody-else")),
        ("exp", json!(now - 60)),
        ("iat", json!(now + 3600)),
        ("nbf", json!(now + 3600)),
    ] {
        let mut claims = good.clone();
        match &value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(member)),
            value => claims[member] = value.clone(),
        }
        wrong.push((format!("{member} {value}"), signed(&claims)));
    }
    for (why, token) in wrong {
        let refused = scene.completed(&attempt, &access, Some(&token)).await;
        let refused = refused.err().unwrap_or_else(|| panic!("accepted: {why}"));
        assert_eq!(refused.kind(), ErrorKind::Unauthenticated, "{why}: {refused}");
        let said = format!("{refused:?} {}", refused.chain());
        assert!(!said.contains("eyJ") && !said.contains(SECRET), "{why}: {said}");
    }
    let absent = scene.completed(&attempt, &access, None).await.unwrap_err();
    assert_eq!(absent.kind(), ErrorKind::Unauthenticated);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_token_is_judged_as_any_callers_is() {
    let scene = Scene::new().await;
    let attempt = scene.sign_in.begin().await.unwrap();
    let id = scene.signer.token(&header("RS256"), &scene.id(&attempt));
    for (member, value, kind) in [
        ("aud", json!("portal"), ErrorKind::Unauthenticated),
        ("exp", json!(1), ErrorKind::Unauthenticated),
        ("bfg", json!({"tenant": "another", "roles": ["dispatcher"]}), ErrorKind::Denied),
        ("bfg", json!({"tenant": "bfg-control", "roles": []}), ErrorKind::Denied),
    ] {
        let mut claims = scene.stub.claims();
        claims[member] = value.clone();
        let access = scene.signer.token(&scene.signer.header(), &claims);
        let refused = scene.completed(&attempt, &access, Some(&id)).await.unwrap_err();
        assert_eq!(refused.kind(), kind, "{member} {value}");
    }
    let opaque = scene.completed(&attempt, "opaque", Some(&id)).await.unwrap_err();
    assert_eq!(opaque.kind(), ErrorKind::Unauthenticated);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_refuses_is_told_apart_from_one_that_cannot_be_asked() {
    let scene = Scene::new().await;
    let attempt = scene.sign_in.begin().await.unwrap();
    let kind = "application/json";
    let huge = format!("{{\"pad\":\"{}\"}}", "a".repeat(300 * 1024));
    let leak = "{\"error\":\"eyJhbGciOi.leak\"}";
    for (answer, wanted) in [
        (Answer::new(400, kind, "{\"error\":\"invalid_grant\"}"), ErrorKind::Unauthenticated),
        (Answer::new(400, kind, ""), ErrorKind::Unauthenticated),
        (Answer::new(403, kind, leak), ErrorKind::Unauthenticated),
        (Answer::new(200, "text/html", "<p>sign in</p>"), ErrorKind::Unauthenticated),
        (Answer::redirect(&format!("{}/elsewhere", scene.stub.issuer)), ErrorKind::Unauthenticated),
        (Answer::new(503, kind, "{}"), ErrorKind::Unavailable),
        (Answer::new(429, kind, "{}"), ErrorKind::Unavailable),
        (Answer::new(200, kind, huge.clone()), ErrorKind::Unavailable),
        (Answer::never(), ErrorKind::Unavailable),
    ] {
        scene.stub.put(TOKEN, answer);
        let refused = scene.answered(&attempt).await.unwrap_err();
        assert_eq!(refused.kind(), wanted, "{refused}");
        assert!(!refused.chain().contains("leak"), "{refused}");
    }
    let asked = scene.stub.asked();
    assert!(!asked.iter().any(|path| path.contains("elsewhere")), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_names_itself_must_do_so_in_every_answer() {
    let scene = Scene::new().await;
    let mut metadata = scene.stub.metadata();
    metadata["authorization_endpoint"] = json!(format!("{}/authorize", scene.stub.issuer));
    metadata["token_endpoint"] = json!(format!("{}/token", scene.stub.issuer));
    metadata["authorization_response_iss_parameter_supported"] = json!(true);
    scene.stub.put(METADATA, Answer::json(&metadata));
    let attempt = scene.sign_in.begin().await.unwrap();
    let state = Some(attempt.state.expose());
    for issuer in [None, Some("https://evil.example"), Some("")] {
        let came = Came { code: Some("the-code"), state, issuer, error: None };
        let refused = scene.sign_in.complete(&attempt, &came).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidInput, "{issuer:?}");
    }
    let asked = scene.stub.asked();
    assert!(!asked.iter().any(|path| path == TOKEN), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_that_leads_elsewhere_signs_nobody_in() {
    for (member, address) in [
        ("authorization_endpoint", "http://idp.example/authorize"),
        ("token_endpoint", "http://169.254.169.254/token"),
        ("token_endpoint", "file:///etc/passwd"),
        ("end_session_endpoint", "javascript:alert(1)"),
    ] {
        let scene = Scene::new().await;
        let mut metadata = scene.stub.metadata();
        metadata["authorization_endpoint"] = json!(format!("{}/authorize", scene.stub.issuer));
        metadata["token_endpoint"] = json!(format!("{}/token", scene.stub.issuer));
        metadata[member] = json!(address);
        scene.stub.put(METADATA, Answer::json(&metadata));
        let refused = scene.sign_in.begin().await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unavailable, "{address}: {refused}");
        assert!(refused.message().contains(member), "{refused}");
    }
}
