//! Providers that answer what they should not, and configurations that trust too much.

#![allow(clippy::unwrap_used, reason = "the functions beside the tests are tests too")]

mod support;

use flowcontrol_contract::AuthProvider;
use flowcontrol_contract::error::ErrorKind;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use support::forge::Signer;
use support::{Answer, Held, JWKS, METADATA, Stub, bear, built, built_with};

/// An adapter that has fetched once, and whose cooldown is over.
async fn warm(stub: &Stub, token: &str) -> std::sync::Arc<dyn AuthProvider> {
    let mut config = stub.config();
    config["keys"] = json!({"cooldown": 1, "refresh": 1, "timeout": 3_000});
    let auth = built(config).await.unwrap();
    bear(&*auth, token).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    auth
}

#[tokio::test]
async fn a_wrong_answer_is_refused_by_name_and_the_old_keys_are_kept() {
    let signer = Signer::es256("k1");
    let other = Signer::es256("k2");
    let inner = Stub::new(&[&other]).await;
    let huge = format!("{{\"keys\":[],\"pad\":\"{}\"}}", "a".repeat(50 << 20));
    let keys = json!({"keys": [signer.jwk()]});
    let twice = format!("{{\"keys\":[],{}", &keys.to_string()[1..]);
    let many = json!({"keys": vec![other.jwk(); 101]});
    let secret = json!({"keys": [{"kty": "oct", "kid": "k1", "k": "c2VjcmV0", "alg": "HS256"}]});
    let wrong: Vec<(&str, &str, Answer, &str)> = vec![
        (
            JWKS,
            "a redirect inside",
            Answer::redirect(&format!("{}/jwks", inner.issuer)),
            "answered 302",
        ),
        (
            JWKS,
            "50 MB",
            Answer::new(200, "application/json", huge.clone()),
            "more than 262144 bytes",
        ),
        (
            JWKS,
            "HTML",
            Answer::new(200, "text/html", "<!doctype html><p>Sign in</p>"),
            "is not valid JSON",
        ),
        (JWKS, "an error", Answer::new(500, "application/json", keys.to_string()), "answered 500"),
        (JWKS, "nothing", Answer::new(200, "application/json", ""), "is not valid JSON"),
        (JWKS, "no keys", Answer::json(&json!({"keys": []})), "none of the 0 keys"),
        (JWKS, "no list", Answer::json(&json!({"keys": {}})), "no `keys` array"),
        (JWKS, "too many", Answer::json(&many), "more than 100 keys"),
        (
            JWKS,
            "keys twice",
            Answer::new(200, "application/json", twice.clone()),
            "has a duplicate key",
        ),
        (JWKS, "a secret", Answer::json(&secret), "none of the 1 keys"),
        (JWKS, "silence", Answer::never(), "did not answer in time"),
        (METADATA, "another issuer", Answer::json(&inner.metadata()), "another issuer"),
        (METADATA, "a redirect", Answer::redirect(&inner.issuer), "answered 302"),
        (METADATA, "no metadata", Answer::json(&json!({"issuer": 1})), "valid provider metadata"),
    ];
    for (path, name, answer, why) in wrong {
        let stub = Stub::new(&[&signer]).await;
        let token = signer.token(&signer.header(), &stub.claims());
        let auth = warm(&stub, &token).await;
        stub.put(path, answer);
        let unknown = other.token(&other.header(), &stub.claims());
        let error = bear(&*auth, &unknown).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{name}: {error}");
        assert!(error.message().contains(why), "{name}: {error}");
        bear(&*auth, &token).await.unwrap_or_else(|e| panic!("{name}: the old key is gone: {e}"));
    }
    let asked = inner.asked();
    assert_eq!(asked, Vec::<String>::new(), "a redirect was followed");
}

#[tokio::test]
async fn metadata_that_points_elsewhere_is_refused() {
    let signer = Signer::es256("k1");
    for (uri, why) in [
        ("http://169.254.169.254/latest/meta-data", "plain http is for loopback alone"),
        ("file:///etc/passwd", "file is not http or https"),
        ("http://user:pass@127.0.0.1/jwks", "holds no credentials"),
        ("/jwks", "relative URL"),
    ] {
        let stub = Stub::new(&[&signer]).await;
        let mut metadata = stub.metadata();
        metadata["jwks_uri"] = json!(uri);
        stub.put(METADATA, Answer::json(&metadata));
        let auth = built(stub.config()).await.unwrap();
        let error = auth.ready().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.message().contains(why), "{uri}: {error}");
    }
}

#[tokio::test]
async fn keys_that_are_weak_misspelled_for_something_else_or_ambiguous_are_left_out() {
    let good = Signer::ed25519("good");
    let spoiled = |kid: &str, change: fn(&mut Value)| {
        let signer = Signer::es256(kid);
        let mut jwk = signer.jwk();
        change(&mut jwk);
        (signer, jwk)
    };
    let bad = [
        spoiled("enc", |k| k["use"] = json!("enc")),
        spoiled("ops", |k| k["key_ops"] = json!(["sign"])),
        spoiled("alg", |k| k["alg"] = json!("ES384")),
        spoiled("curve", |k| k["crv"] = json!("P-384")),
        spoiled("point", |k| k["x"] = json!("AAAA")),
        spoiled("text", |k| k["x"] = json!("not base64url!")),
        spoiled("none", |k| k["alg"] = json!("none")),
        spoiled("kty", |k| k["kty"] = json!("RSA")),
        spoiled("twice", |_| {}),
        spoiled("twice", |_| {}),
        spoiled("no kid", |k| drop(k.as_object_mut().unwrap().remove("kid"))),
    ];
    let stub = Stub::new(&[]).await;
    let mut keys: Vec<Value> = bad.iter().map(|(_, jwk)| jwk.clone()).collect();
    let mut plain = good.jwk();
    // A key without `alg` is for what its kind and the configuration say.
    plain.as_object_mut().unwrap().remove("alg");
    keys.push(plain);
    keys.push(json!("no object"));
    stub.put(JWKS, Answer::json(&json!({ "keys": keys })));
    let auth = built(stub.config()).await.unwrap();
    let token = |signer: &Signer| signer.token(&signer.header(), &stub.claims());
    bear(&*auth, &token(&good)).await.unwrap();
    for (signer, jwk) in &bad {
        let error = bear(&*auth, &token(signer)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{jwk}");
    }
}

/// A client with one member as given.
fn client(config: &mut Value, member: &str, value: Value) {
    config["client"] = json!({"client_id": "portal"});
    config["client"][member] = value;
}

#[tokio::test]
async fn a_configuration_that_trusts_too_much_is_refused_by_name() {
    let stub = Stub::new(&[]).await;
    type Change = fn(&mut Value);
    let wrong: [(&str, Change); 28] = [
        ("issuers is empty", |c| c["issuers"] = json!([])),
        ("roles is empty", |c| c["roles"] = json!({})),
        ("a permission of it is empty", |c| c["roles"]["dispatcher"] = json!([])),
        ("audiences is empty", |c| c["issuers"][0]["audiences"] = json!([])),
        ("missing field `audiences`", |c| {
            drop(c["issuers"][0].as_object_mut().unwrap().remove("audiences"));
        }),
        ("tenants is empty", |c| c["issuers"][0]["tenants"] = json!([])),
        ("HS256 is not a supported signature", |c| {
            c["issuers"][0]["algorithms"] = json!(["HS256"])
        }),
        ("unknown variant `none`", |c| c["issuers"][0]["algorithms"] = json!(["none"])),
        ("plain http", |c| c["issuers"][0]["issuer"] = json!("http://idp.example/realm")),
        ("no credentials", |c| c["issuers"][0]["issuer"] = json!("https://a:b@idp.example")),
        ("no query", |c| c["issuers"][0]["issuer"] = json!("https://idp.example/?a=b")),
        ("no fragment", |c| c["issuers"][0]["issuer"] = json!("https://idp.example/#a")),
        ("jwks_uri: it is not on TLS", |c| {
            c["issuers"][0]["issuer"] = json!("https://idp.example");
            c["issuers"][0]["jwks_uri"] = json!("http://127.0.0.1/jwks");
        }),
        ("is not a JSON pointer", |c| c["issuers"][0]["claims"]["tenant"] = json!("tenant")),
        ("unknown variant `guess`", |c| {
            c["issuers"][0]["claims"]["roles"]["form"] = json!("guess");
        }),
        ("plain http is for loopback", |c| client(c, "public_url", json!("http://ops.example"))),
        ("host and port only", |c| client(c, "public_url", json!("https://ops.example/app"))),
        ("no credentials", |c| client(c, "public_url", json!("https://a:b@ops.example"))),
        ("is not one of the issuers", |c| client(c, "issuer", json!("https://other.example"))),
        ("client_id is not a valid client id", |c| client(c, "client_id", json!(""))),
        ("is not a single scope", |c| client(c, "scopes", json!(["openid email"]))),
        ("after_logout is not a path", |c| client(c, "after_logout", json!("//evil.example"))),
        ("must not contain secrets", |c| client(c, "client_secret", json!("hunter2"))),
        ("unknown field `client_sceret`", |c| client(c, "client_sceret", json!({"env": "A"}))),
        ("unknown field `leewya`", |c| c["leewya"] = json!(1)),
        ("leeway is 600", |c| c["leeway"] = json!(600)),
        ("max_stale is shorter", |c| c["keys"] = json!({"refresh": 60, "max_stale": 10})),
        ("may both name the tenant bfg-control", |c| {
            let mut second = c["issuers"][0].clone();
            second["issuer"] = json!("https://other.example");
            second["actor_prefix"] = json!("other:");
            c["issuers"].as_array_mut().unwrap().push(second);
        }),
    ];
    for (why, change) in wrong {
        let mut config = stub.config();
        change(&mut config);
        let error = built(config).await.err().unwrap_or_else(|| panic!("accepted: {why}"));
        assert_eq!(error.kind(), ErrorKind::Configuration, "{why}");
        assert!(error.message().contains(why), "{why}: {error}");
    }
    let mut unclear = stub.config();
    let mut second = unclear["issuers"][0].clone();
    (second["issuer"], second["tenants"]) = (json!("https://other.example"), json!(["other"]));
    unclear["issuers"].as_array_mut().unwrap().push(second);
    unclear["client"] = json!({"client_id": "portal"});
    let error = built(unclear).await.err().unwrap();
    assert!(error.message().contains("name the one where people sign in"), "{error}");
    let mut apart = stub.config();
    let mut second = apart["issuers"][0].clone();
    second["issuer"] = json!("https://other.example");
    second["actor_prefix"] = json!("other:");
    apart["issuers"][0]["actor_prefix"] = json!("own:");
    apart["issuers"].as_array_mut().unwrap().push(second);
    built(apart).await.unwrap();
}

#[tokio::test]
async fn a_probe_says_what_maps_and_what_does_not_and_shows_no_token() {
    let signer = Signer::es256("k1");
    let stub = Stub::new(&[&signer]).await;
    let mut config = stub.config();
    config["issuers"][0]["probe_token"] = json!({"env": "PROBE"});
    let token = signer.token(&signer.header(), &stub.claims());
    let held = |token: &str| Held(BTreeMap::from([("PROBE".to_owned(), token.to_owned())]));
    let auth = built_with(config.clone(), held(&token)).await.unwrap();
    let probe = auth.probe().await.unwrap();
    let issuer = &probe.issuers[0];
    assert_eq!((issuer.keys, issuer.algorithms.as_slice()), (1, &["ES256".to_owned()][..]));
    assert_eq!(issuer.mapped.as_ref().unwrap().actor.as_str(), "user_marek");
    assert!(!format!("{probe:?} {auth:?}").contains(&token));
    let wrong = built_with(config.clone(), held("a.b.c")).await.unwrap();
    let probe = wrong.probe().await.unwrap();
    assert!(probe.issuers[0].mapped.is_none() && probe.issuers[0].unmapped.is_some());
    let absent = built_with(config, Held(BTreeMap::new())).await.unwrap();
    let probe = absent.probe().await.unwrap();
    assert!(probe.issuers[0].unmapped.as_ref().unwrap().contains("PROBE"));
}

/// What jsonwebtoken itself makes of a token, asked as strictly as it can be.
fn judged_elsewhere(stub: &Stub, signer: &Signer, token: &str) -> bool {
    let jwk = serde_json::from_value(signer.jwk()).unwrap();
    let key = jsonwebtoken::DecodingKey::from_jwk(&jwk).unwrap();
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::ES256);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation.set_audience(&["https://api.bfg.example"]);
    validation.set_issuer(&[&stub.issuer]);
    validation.validate_nbf = true;
    validation.leeway = 30;
    jsonwebtoken::decode::<Value>(token, &key, &validation).is_ok()
}

#[test]
fn whatever_is_done_to_a_token_is_accepted_only_if_jsonwebtoken_accepts_it_too() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let signer = Signer::es256("k1");
    let (stub, auth) = runtime.block_on(async {
        let stub = Stub::new(&[&signer]).await;
        let auth = built(stub.config()).await.unwrap();
        (stub, auth)
    });
    let good = signer.token(&signer.header(), &stub.claims());
    assert!(
        runtime.block_on(bear(&*auth, &good)).is_ok() && judged_elsewhere(&stub, &signer, &good)
    );
    let names = ["iss", "aud", "sub", "exp", "nbf", "iat", "bfg", "alg", "typ", "kid", "other"];
    let value = prop_oneof![
        Just(json!(null)),
        any::<i64>().prop_map(|n| json!(n)),
        any::<f64>().prop_map(|n| json!(n)),
        ".{0,12}".prop_map(|s| json!(s)),
        (0..3_000_000_000u64).prop_map(|n| json!(n)),
        Just(json!([])),
        Just(json!({})),
    ];
    let member = (0..names.len(), value, any::<bool>());
    let cut = (0..good.len(), any::<u8>());
    let strategy = (prop::collection::vec(member, 0..3), prop::option::of(cut));
    let accepted = std::cell::Cell::new(0);
    let config = ProptestConfig { cases: 2_000, ..ProptestConfig::default() };
    proptest!(config, |((members, cut) in strategy)| {
        let (mut header, mut claims) = (signer.header(), stub.claims());
        for (place, value, in_header) in members {
            let part = if in_header { &mut header } else { &mut claims };
            part[names[place]] = value;
        }
        let mut token = signer.token(&header, &claims).into_bytes();
        if let Some((at, byte)) = cut {
            let at = at % token.len();
            token[at] = byte;
        }
        let token = String::from_utf8_lossy(&token).into_owned();
        if runtime.block_on(bear(&*auth, &token)).is_ok() {
            accepted.set(accepted.get() + 1);
            prop_assert!(judged_elsewhere(&stub, &signer, &token), "{token}");
        }
    });
    assert!(accepted.get() > 100, "only {} tokens were accepted", accepted.get());
}
