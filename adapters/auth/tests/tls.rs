//! A provider on TLS is believed with a certificate that is trusted and names it, and not otherwise.

#![allow(clippy::unwrap_used, reason = "the functions beside the tests are tests too")]

mod support;

use flowcontrol_contract::error::ErrorKind;
use flowcontrol_standin::{Certificate, Listener};
use serde_json::{Value, json};
use support::forge::Signer;
use support::{Answer, JWKS, METADATA, Stub, bear, built};

#[tokio::test]
async fn a_certificate_must_be_trusted_and_name_the_provider() {
    let signer = Signer::es256("k1");
    let certificate = Certificate::localhost().unwrap();
    let listener = Listener::free().await.unwrap().tls(&certificate);
    let mut stub = Stub::on(listener, &[&signer]);
    let port = stub.port();
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, certificate.pem()).unwrap();
    let ask = async |stub: &mut Stub, host: &str, keys: &str, ca: Value| {
        stub.issuer = format!("https://{host}:{port}/realm");
        let metadata = json!({"issuer": stub.issuer, "jwks_uri": keys});
        stub.put(METADATA, Answer::json(&metadata));
        let mut config = stub.config();
        config["issuers"][0]["ca"] = ca;
        let auth = built(config).await?;
        bear(&*auth, &signer.token(&signer.header(), &stub.claims())).await
    };
    let keys = format!("https://localhost:{port}{JWKS}");
    let trusted = json!(ca.to_str().unwrap());
    let found = ask(&mut stub, "localhost", &keys, trusted.clone()).await.unwrap();
    assert_eq!(found.how.issuer, Some(format!("https://localhost:{port}/realm")));

    let plain = format!("http://127.0.0.1:{port}{JWKS}");
    for (host, keys, ca, why) in [
        ("localhost", &keys, json!(null), "cannot be reached"),
        ("127.0.0.1", &keys, trusted.clone(), "cannot be reached"),
        ("localhost", &plain, trusted.clone(), "jwks_uri: it is not on TLS"),
    ] {
        let error = ask(&mut stub, host, keys, ca).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{host}: {error}");
        assert!(error.message().contains(why), "{host}: {error}");
    }
    std::fs::write(&ca, "no certificate").unwrap();
    let error = ask(&mut stub, "localhost", &keys, trusted).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
    let absent = json!(folder.path().join("absent.pem").to_str().unwrap());
    let error = ask(&mut stub, "localhost", &keys, absent).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
}
