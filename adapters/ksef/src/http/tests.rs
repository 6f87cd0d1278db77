//! What is on the wire, seen by a peer that writes everything down.

use super::{Body, Http};
use crate::SystemClock;
use crate::route::{Group, Route};
use flowcontrol_contract::error::{ErrorKind, Retry};
use flowcontrol_ksef_wire::messages::{PartUploadRequest, Sealed};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use url::Url;

/// Answers each request with the next of `answers`, an empty one by hanging up; keeps what came.
async fn peer(answers: Vec<String>) -> (Url, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/v2", listener.local_addr().unwrap());
    let heard = Arc::new(Mutex::new(Vec::new()));
    let keep = heard.clone();
    tokio::spawn(async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut came = vec![0; 65_536];
            let n = stream.read(&mut came).await.unwrap();
            keep.lock().unwrap().push(String::from_utf8_lossy(&came[..n]).into_owned());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (Url::parse(&base).unwrap(), heard)
}

fn answer(status: &str, more: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n{more}\r\n{body}"
    )
}

fn http(base: &Url) -> Http {
    let (timeout, patience) = (Duration::from_secs(5), Duration::from_secs(0));
    Http::new(base.clone(), "ksef-api", Arc::new(SystemClock), timeout, patience).unwrap()
}

const SECRET: &str = "sig=TOPSECRET";

#[tokio::test]
async fn nobody_but_ksef_gets_our_token() {
    let (base, heard) = peer(vec![
        answer("200 OK", "", "{}"),
        answer("201 Created", "", ""),
        answer("200 OK", "x-ms-meta-hash: abc\r\n", "<upo/>"),
    ])
    .await;
    let http = http(&base);
    let token = Sealed::new("OURTOKEN");
    let route = Route::get("ask", Group::Other, "/limits/context");
    http.call(&route, Some(&token), &[], &Body::Empty).await.unwrap();
    let presigned = format!("{base}/stored/part?{SECRET}");
    let headers = BTreeMap::from([
        ("x-ms-blob-type".to_owned(), Some("BlockBlob".to_owned())),
        ("Authorization".to_owned(), Some("Bearer of somebody".to_owned())),
    ]);
    let url = Sealed::new(&presigned);
    let to =
        PartUploadRequest { ordinal_number: 1, method: "PUT".into(), url: url.clone(), headers };
    http.upload(&to, b"part".to_vec()).await.unwrap();
    assert_eq!(http.download(&url).await.unwrap().header("x-ms-meta-hash"), Some("abc"));
    let heard = heard.lock().unwrap();
    let lower: Vec<String> = heard.iter().map(|h| h.to_lowercase()).collect();
    assert!(
        lower[0].starts_with("get /v2/limits/context ") && lower[0].contains("bearer ourtoken")
    );
    assert!(lower[0].contains("x-error-format: problem-details"));
    assert!(
        lower[1].starts_with("put /v2/stored/part?")
            && lower[1].contains("x-ms-blob-type: blockblob")
    );
    for elsewhere in &lower[1..] {
        assert!(!elsewhere.contains("authorization") && !elsewhere.contains("ourtoken"));
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let to = "location: http://127.0.0.1:1/elsewhere\r\n";
    let (base, heard) = peer(vec![answer("307 Temporary Redirect", to, ""); 2]).await;
    let http = http(&base);
    let route = Route::get("ask", Group::Other, "/limits/context");
    for error in [
        http.call(&route, Some(&Sealed::new("t")), &[], &Body::Empty).await.unwrap_err(),
        http.download(&Sealed::new(format!("{base}/upo?{SECRET}"))).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Unexpected);
        assert_eq!(error.hint_text(), Some("redirects are not followed"));
        assert!(!format!("{error:?}").contains("TOPSECRET"));
    }
    assert_eq!(heard.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn an_address_off_loopback_must_be_on_tls() {
    let (base, heard) = peer(Vec::new()).await;
    let outside = http(&Url::parse("https://api-test.ksef.mf.gov.pl/v2").unwrap());
    for (http, address) in [
        (&http(&base), "http://example.org/upo?sig=TOPSECRET"),
        (&outside, "http://127.0.0.1:1/upo?sig=TOPSECRET"),
        (&outside, "ftp://example.org/upo?sig=TOPSECRET"),
        (&outside, "TOPSECRET"),
    ] {
        let error = http.download(&Sealed::new(address)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unexpected, "{address}");
        assert!(!error.chain().contains("TOPSECRET"), "{error}");
    }
    assert!(heard.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_lost_answer_is_ambiguous_where_something_was_asked_for() {
    let (base, heard) = peer(vec![String::new(); 1]).await;
    let once = Route::post("send", Group::InvoiceSend, "/sessions/online/x/invoices");
    let error = http(&base).call(&once, None, &[], &Body::Json(vec![b'{'; 9])).await.unwrap_err();
    assert_eq!(error.retryable(), Retry::Ambiguous, "{error:?}");
    assert_eq!(heard.lock().unwrap().len(), 1);
    // Nobody listens there, so nothing can have happened.
    let nowhere = http(&Url::parse("http://127.0.0.1:9/v2").unwrap());
    let error = nowhere.call(&once, None, &[], &Body::Empty).await.unwrap_err();
    assert_eq!((error.kind(), error.retryable()), (ErrorKind::Unavailable, Retry::Temporary));
}

#[tokio::test]
async fn what_is_not_documented_is_not_repeated() {
    let (base, _) = peer(vec![answer("200 OK", "", "{\"token\":\"TOPSECRET\"")]).await;
    let route = Route::post("redeem", Group::Anonymous, "/auth/token/redeem");
    let answer = http(&base).call(&route, None, &[], &Body::Empty).await.unwrap();
    let error = answer.json::<flowcontrol_ksef_wire::messages::AuthenticationTokens>().unwrap_err();
    assert_eq!(error.retryable(), Retry::Ambiguous);
    assert!(!format!("{error:?}").contains("TOPSECRET"));
}
