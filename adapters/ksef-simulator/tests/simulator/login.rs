//! Challenges, both ways to log in, passes and their ends.

use crate::caller::{Caller, SELLER, morning};
use flowcontrol_ksef_invoice::nip::Nip;
use flowcontrol_ksef_testkit::invoices;
use flowcontrol_ksef_wire::crypto::SymmetricKey;
use flowcontrol_ksef_wire::xades::{AuthTokenRequest, Context, Credential, Subject, sign};
use reqwest::Method;
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn tokens_are_redeemed_once() {
    let mut caller = Caller::new().await;
    let token = caller.simulator.issue_token(&Nip::parse(SELLER).unwrap()).unwrap();
    let begun = caller.begin(token.expose(), SELLER, 0).await;
    assert_eq!(begun.status, 202);
    let first = caller.redeem(&begun).await;
    assert_eq!(first.status, 200);
    for _ in 0..2 {
        let again = caller.redeem(&begun).await;
        assert_eq!((again.status, again.code()), (400, 21301));
    }
    caller.pass = first.json["accessToken"]["token"].as_str().unwrap().to_owned();
    assert_eq!(caller.get("/limits/context", &[]).await.status, 200);
}

#[tokio::test]
async fn a_bad_token_is_told_by_the_status_and_never_redeemed() {
    let caller = Caller::new().await;
    let token = caller.simulator.issue_token(&Nip::parse(SELLER).unwrap()).unwrap();
    let token = token.expose();
    for (told, nip, skew, why) in [
        ("20261127-EC-0000000000-0000000000-00|nip-1|x", SELLER, 0, "Nieprawidłowy token"),
        (token, SELLER, 1, "Nieprawidłowy czas tokena"),
        (token, "1111111111", 0, "Token nie może być użyty w kontekście 1111111111"),
    ] {
        let begun = caller.begin(told, nip, skew).await;
        assert_eq!(begun.status, 202);
        let status = &caller.login_status(&begun).await.json["status"];
        assert_eq!((&status["code"], &status["details"][0]), (&json!(450), &json!(why)));
        assert_eq!(caller.redeem(&begun).await.code(), 21301);
    }
}

#[tokio::test]
async fn a_challenge_is_good_once_and_for_ten_minutes() {
    let caller = Caller::new().await;
    let key = caller.key("KsefTokenEncryption").await;
    let body = |challenge: &str| {
        json!({"challenge": challenge, "contextIdentifier": {"type": "Nip", "value": SELLER},
            "encryptedToken": key.wrap(b"x|1").unwrap(), "publicKeyId": key.id()})
    };
    let challenge = caller.call(Method::POST, "/auth/challenge", &[], None).await.text("challenge");
    let login =
        async |challenge: &str| caller.post("/auth/ksef-token", &[], &body(challenge)).await;
    assert_eq!(login(&challenge).await.status, 202);
    assert_eq!(login(&challenge).await.code(), 21111);
    let late = caller.call(Method::POST, "/auth/challenge", &[], None).await.text("challenge");
    caller.clock.advance(Duration::from_secs(600));
    assert_eq!(login(&late).await.code(), 21111);
}

#[tokio::test]
async fn passes_end_and_serve_one_purpose() {
    let caller = Caller::signed_in().await;
    let limits = |pass: &str| {
        let pass = pass.to_owned();
        let caller = &caller;
        async move { caller.call_as(Method::GET, "/limits/context", &[], None, &pass).await.status }
    };
    assert_eq!(limits(&caller.pass).await, 200);
    assert_eq!(limits(&caller.refresh).await, 401);
    assert_eq!(limits("").await, 401);
    assert_eq!(limits("eyJhbGciOiJub25lIn0.e30.").await, 401);
    caller.clock.advance(Duration::from_secs(15 * 60));
    assert_eq!(limits(&caller.pass).await, 401);
    let refresh = async || {
        caller.call_as(Method::POST, "/auth/token/refresh", &[], None, &caller.refresh).await
    };
    let fresh = refresh().await;
    let pass = fresh.json["accessToken"]["token"].as_str().unwrap();
    assert_eq!(limits(pass).await, 200);
    let ended = caller.call_as(Method::DELETE, "/auth/sessions/current", &[], None, pass).await;
    assert_eq!(ended.status, 204);
    let refused = refresh().await;
    assert_eq!((refused.status, refused.code()), (400, 21301));
}

#[tokio::test]
async fn permissions_are_kept() {
    let mut caller = Caller::signed_in().await;
    let body = json!({"permissions": ["InvoiceRead"], "description": "reads only"});
    let made = caller.post("/tokens", &[], &body).await;
    assert_eq!(made.status, 202, "{made:?}");
    let begun = caller.begin(&made.text("token"), SELLER, 0).await;
    let tokens = caller.redeem(&begun).await;
    caller.pass = tokens.json["accessToken"]["token"].as_str().unwrap().to_owned();
    let key = SymmetricKey::generate();
    let open =
        json!({"formCode": crate::caller::fa3(), "encryption": caller.encryption(&key).await});
    let refused = caller.post("/sessions/online", &[], &open).await;
    assert_eq!((refused.status, refused.text("reasonCode").as_str()), (403, "missing-permissions"));
    let more = json!({"permissions": ["InvoiceWrite"], "description": "writes too"});
    assert_eq!(caller.post("/tokens", &[], &more).await.code(), 26001);
}

#[tokio::test]
async fn of_two_keys_both_work_until_one_is_taken_back() {
    use flowcontrol_ksef_wire::messages::PublicKeyUsage::SymmetricKeyEncryption;
    let caller = Caller::signed_in().await;
    let key = SymmetricKey::generate();
    let old =
        json!({"formCode": crate::caller::fa3(), "encryption": caller.encryption(&key).await});
    caller.clock.advance(Duration::from_secs(1));
    caller.simulator.rotate_keys(SymmetricKeyEncryption, false).unwrap();
    let published = caller.get("/security/public-key-certificates", &[]).await;
    assert_eq!(published.json.as_array().unwrap().len(), 3);
    let session = caller.post("/sessions/online", &[], &old).await;
    assert_eq!(session.status, 201);
    caller.simulator.rotate_keys(SymmetricKeyEncryption, true).unwrap();
    let refused = caller.post("/sessions/online", &[], &old).await;
    assert_eq!((refused.status, refused.code()), (400, 21470));
    // What was opened under the old key goes on, after a restart too.
    let caller = caller.restarted(|_| {}).await;
    let session = session.text("referenceNumber");
    caller.sent(&session, &key, &invoices::invoice("FV/1")).await;
    assert_eq!(caller.open(&SymmetricKey::generate()).await.len(), 36);
}

/// A certificate that names a taxpayer, and its key, both PEM.
fn certificate(nip: &str, days: i64) -> (String, String) {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let mut params = rcgen::CertificateParams::default();
    let mut name = rcgen::DistinguishedName::new();
    let organization = rcgen::DnType::CustomDnType(vec![2, 5, 4, 97]);
    name.push(organization, format!("VATPL-{nip}"));
    name.push(rcgen::DnType::CommonName, "seal");
    params.distinguished_name = name;
    params.key_usages = vec![rcgen::KeyUsagePurpose::DigitalSignature];
    let start = time::OffsetDateTime::from_unix_timestamp(morning().micros() / 1_000_000).unwrap();
    params.not_before = start - time::Duration::days(30);
    params.not_after = start + time::Duration::days(days);
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

/// Signs a request for `context` with a certificate of `seller`; the simulator's answer.
async fn xades(
    caller: &Caller,
    seller: &str,
    context: &str,
    change: bool,
) -> crate::caller::Answer {
    let (pem, key) = certificate(seller, 30);
    let credential = Credential::read(&pem, &key, morning(), false).unwrap();
    let challenge = caller.call(Method::POST, "/auth/challenge", &[], None).await.text("challenge");
    let request = AuthTokenRequest {
        challenge,
        context: Context::Nip(context.to_owned()),
        subject: Subject::CertificateSubject,
    };
    let mut signed = sign(&request, &credential, morning()).unwrap();
    if change {
        signed = signed.replacen(context, "1111111111", 1);
    }
    caller.xades(signed.as_bytes(), "").await
}

#[tokio::test]
async fn a_signed_document_opens_its_own_taxpayers_context() {
    let mut caller = Caller::new().await;
    let begun = xades(&caller, SELLER, SELLER, false).await;
    assert_eq!(begun.status, 202, "{begun:?}");
    assert_eq!(caller.login_status(&begun).await.json["status"]["code"], 200);
    let tokens = caller.redeem(&begun).await;
    caller.pass = tokens.json["accessToken"]["token"].as_str().unwrap().to_owned();
    assert_eq!(caller.open(&SymmetricKey::generate()).await.len(), 36);

    let other = xades(&caller, "1111111111", SELLER, false).await;
    let status = caller.login_status(&other).await.json;
    assert_eq!(status["status"]["code"], 415);
    assert_eq!(caller.redeem(&other).await.code(), 21301);

    let changed = xades(&caller, SELLER, SELLER, true).await;
    assert_eq!((changed.status, changed.code()), (400, 9105), "{changed:?}");
}

#[tokio::test]
async fn a_certificate_that_has_ended_opens_nothing() {
    let caller = Caller::new().await;
    caller.clock.advance(Duration::from_secs(40 * 24 * 3600));
    let begun = xades(&caller, SELLER, SELLER, false).await;
    let status = &caller.login_status(&begun).await.json["status"];
    assert_eq!(
        (&status["code"], &status["details"][0]),
        (&json!(460), &json!("Nieważny certyfikat"))
    );
}
