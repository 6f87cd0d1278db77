//! Requests that no honest client sends, byte by byte on the wire.

use super::oidc::{configured, marek};
use super::site::{OURS, Site, answer, headers_of, risks};
use flowcontrol_testkit::forge::Signer;
use flowcontrol_testkit::provider::Provider;
use serde_json::json;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const PATH: &str = "/api/v1/records";
const MAREK: &str = "user_dispatcher_marek";

/// What comes back for these bytes until the connection ends.
async fn heard(address: SocketAddr, bytes: impl Into<Vec<u8>>) -> String {
    let bytes = bytes.into();
    let exchange = move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        // A refusal may come before everything was sent.
        let _ = stream.write_all(&bytes);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    };
    tokio::task::spawn_blocking(exchange).await.unwrap()
}

fn known() -> String {
    headers_of(MAREK).iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_path_becomes_a_header_or_leaves_the_store() {
    let site = Site::new().await;
    for path in [
        "x%0d%0aset-cookie:%20a=b",
        "x%0aset-cookie:%20a=b",
        "..%2f..%2f..%2fetc%2fpasswd",
        "%2e%2e%2f%2e%2e%2fwrite.lock",
        "%00",
        "%ff%fe",
        "x'%20or%20'1'='1",
        "x%22;drop%20table%20records;--",
        "%3Cscript%3Ealert(1)%3C/script%3E",
    ] {
        let request = format!(
            "GET {PATH}/{path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{}\r\n",
            known()
        );
        let answer = heard(site.address, request).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(
            head.starts_with("HTTP/1.1 404 ") || head.starts_with("HTTP/1.1 400 "),
            "{path}: {answer}"
        );
        assert!(!head.to_lowercase().contains("set-cookie"), "{path}: {answer}");
        assert!(head.contains("x-content-type-options: nosniff"), "{path}: {answer}");
        let document: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(document["instance"], format!("{PATH}/{path}"), "as it was sent, no more");
    }
}

/// A request that two programs could read in two ways is read by none.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_with_two_readings_is_refused() {
    let site = Site::new().await;
    let before = site.head(OURS).await;
    let body = risks(&["smuggled"]).to_string();
    let (known, length) = (known(), body.len());
    let json = "content-type: application/json\r\n";
    for (what, head) in [
        ("two lengths", format!("content-length: {length}\r\ncontent-length: 3\r\n")),
        ("a length list", format!("content-length: {length}, 3\r\n")),
        ("a signed length", format!("content-length: +{length}\r\n")),
        (
            "a length and chunks",
            format!("content-length: {length}\r\ntransfer-encoding: chunked\r\n"),
        ),
        ("unknown coding", "transfer-encoding: gzip, chunked, identity\r\n".to_owned()),
        ("a space before the colon", format!("content-length : {length}\r\n")),
        ("a folded header", format!("x-bfg-note: a\r\n b: c\r\ncontent-length: {length}\r\n")),
        ("a bare line break", format!("x-request-id: a\nb\r\ncontent-length: {length}\r\n")),
        ("a null in a value", format!("x-request-id: a\0b\r\ncontent-length: {length}\r\n")),
    ] {
        let request = format!(
            "POST {PATH} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{known}{json}{head}\r\n{body}"
        );
        let answer = heard(site.address, request).await;
        assert!(!answer.contains("HTTP/1.1 201"), "{what}: {answer}");
        assert!(!answer.contains("HTTP/1.1 5"), "{what}: {answer}");
    }
    for line in ["GET\t/healthz HTTP/1.1", "GET /healthz HTTP/9.9", "GET /a b HTTP/1.1", "\u{1}"] {
        let answer = heard(site.address, format!("{line}\r\nhost: x\r\n\r\n")).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{line:?}: {answer}");
    }
    assert_eq!(site.head(OURS).await, before, "nothing was written");
    site.get("", "/healthz").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_large_trickles_or_is_packed_is_refused() {
    let site = Site::with("[serve]\nmax_body_bytes = 4096\nbody_timeout_ms = 600").await;
    let before = site.head(OURS).await;
    let head = |more: &str| {
        let json = "content-type: application/json\r\n";
        format!(
            "POST {PATH} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{}{json}{more}\r\n",
            known()
        )
    };
    // Nobody said how long it is.
    let chunk = format!("400\r\n{}\r\n", " ".repeat(1024));
    let chunked = format!("{}{}0\r\n\r\n", head("transfer-encoding: chunked\r\n"), chunk.repeat(9));
    let large = heard(site.address, chunked).await;
    assert!(large.starts_with("HTTP/1.1 413 "), "{large}");
    // Longer than it says it is, before anything of it is read.
    let announced = heard(site.address, head("content-length: 99999999999\r\n")).await;
    assert!(announced.starts_with("HTTP/1.1 413 "), "{announced}");
    for coding in ["gzip", "zstd", "br", "deflate"] {
        let packed =
            site.posting(MAREK, PATH, &risks(&["packed"])).header("content-encoding", coding);
        answer(packed).await.expect(415);
    }
    // A byte now and then keeps no connection open.
    let (address, begun) = (site.address, head("content-length: 4000\r\n"));
    let trickle = move || {
        let began = std::time::Instant::now();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(begun.as_bytes()).unwrap();
        let mut reader = stream.try_clone().unwrap();
        let reading = std::thread::spawn(move || {
            let mut answer = Vec::new();
            let _ = reader.read_to_end(&mut answer);
            String::from_utf8_lossy(&answer).into_owned()
        });
        while began.elapsed() < Duration::from_secs(15) && !reading.is_finished() {
            let _ = stream.write_all(b" ");
            std::thread::sleep(Duration::from_millis(50));
        }
        assert!(reading.is_finished(), "it is still waited for");
        reading.join().unwrap()
    };
    let slow = tokio::task::spawn_blocking(trickle).await.unwrap();
    assert!(slow.starts_with("HTTP/1.1 408 "), "{slow}");
    assert_eq!(site.head(OURS).await, before, "nothing was written");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_down_at_start_is_named_and_its_return_noticed() {
    let test = "a_provider_that_is_down_at_start_is_named_and_its_return_noticed";
    if !Provider::there_or_skip(test) {
        return;
    }
    let signer = Signer::rsa("key-1");
    let mut provider = Provider::start(&signer);
    provider.kill();
    let (folder, mut settings) = configured(&provider.issuer).await;
    settings.config.adapters.get_mut("oidc-rbac").unwrap()["keys"] =
        json!({"cooldown": 1, "timeout": 700});
    let site = Site::over(folder, settings).await;
    let token = signer.token(&signer.header(), &marek(&provider.issuer, OURS));
    let ask = |path: &str| answer(site.request("", "GET", path).bearer_auth(&token));

    site.get("", "/healthz").await.expect(200);
    let unready = site.get("", "/readyz").await.expect(503).json();
    assert_eq!(unready["adapters"][0]["ready"], true, "{unready}");
    assert_eq!(unready["adapters"][1]["kind"], "oidc-rbac", "{unready}");
    assert_eq!(unready["adapters"][1]["ready"], false, "{unready}");
    let refused = ask("/api/v1/scenario").await.expect(503);
    assert!(refused.headers.contains_key("retry-after"), "{refused:?}");
    assert!(!refused.text.contains("127.0.0.1"), "{refused:?}");

    provider.restart();
    let mut status = 0;
    for _ in 0..60 {
        status = ask("/api/v1/scenario").await.status;
        if status == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    assert_eq!(status, 200);
    site.get("", "/readyz").await.expect(200);
}
