//! A provider on TLS is believed with a certificate that is trusted and names it, and not otherwise.

#![allow(clippy::unwrap_used, reason = "the functions beside the tests are tests too")]

mod support;

use flowcontrol_contract::error::ErrorKind;
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use std::sync::Arc;
use support::forge::Signer;
use support::{Answer, JWKS, METADATA, Stub, bear, built};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// TLS in front of the stub, with a certificate for `localhost`; its port and the certificate.
async fn front(stub: &Stub) -> (u16, String) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let behind = stub.issuer.strip_prefix("http://").unwrap().split('/').next().unwrap().to_owned();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let (acceptor, behind) = (acceptor.clone(), behind.clone());
            tokio::spawn(async move {
                // A client that does not trust the certificate goes away here.
                let Ok(mut secured) = acceptor.accept(socket).await else { return };
                let mut plain = TcpStream::connect(behind).await.unwrap();
                drop(copy_bidirectional(&mut secured, &mut plain).await);
            });
        }
    });
    (port, made.cert.pem())
}

#[tokio::test]
async fn a_certificate_must_be_trusted_and_name_the_provider() {
    let signer = Signer::es256("k1");
    let mut stub = Stub::new(&[&signer]).await;
    let (port, pem) = front(&stub).await;
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, pem).unwrap();
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
        ("localhost", &plain, trusted.clone(), "not on TLS as the issuer is"),
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
