//! The server as a caller sees it on the wire.

#![allow(clippy::unwrap_used, reason = "the functions beside the tests are tests too")]

use axum::Router;
use axum::routing::post;
use flowcontrol_standin::{Answer, Canned, Listener, Script, Scripted, Server, by_path};
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Sends a request and reads until the server ends the connection.
async fn ask(server: &Server, path: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: here\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A connection that is cut off is an answer too.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

async fn scripted() -> (Server, Script<String>, Arc<AtomicUsize>) {
    let (script, count) = (Script::default(), Arc::new(AtomicUsize::new(0)));
    let counter = Arc::clone(&count);
    let router = Router::new().route(
        "/send",
        post(move || {
            counter.fetch_add(1, Ordering::SeqCst);
            async { axum::body::Body::from(r#"{"status":"sent","id":7}"#) }
        }),
    );
    let listener = Listener::free().await.unwrap().noting();
    (listener.serve(Scripted::new(router, script.clone(), by_path)), script, count)
}

#[tokio::test]
async fn every_fault_has_its_effect_and_its_answer() {
    let (server, script, count) = scripted().await;
    for (fault, effects, begins, holds) in [
        ("lost", 1, "", ""),
        ("dropped", 0, "", ""),
        ("status=504", 0, "HTTP/1.1 504 ", ""),
        ("status-after=504", 1, "HTTP/1.1 504 ", ""),
        ("429=soon", 0, "HTTP/1.1 429 ", "retry-after: soon"),
        ("503=7", 0, "HTTP/1.1 503 ", "retry-after: 7"),
        ("redirect=http://127.0.0.1:1/", 0, "HTTP/1.1 307 ", "location: http://127.0.0.1:1/"),
        ("content-type=text/plain", 1, "HTTP/1.1 200 ", "content-type: text/plain"),
        ("garbage", 1, "HTTP/1.1 200 ", "<html>"),
        ("omit=status", 1, "HTTP/1.1 200 ", "{\"id\":7}"),
        ("add=later", 1, "HTTP/1.1 200 ", "\"later\":{"),
        ("delay=1", 1, "HTTP/1.1 200 ", "\"sent\""),
        ("oversized=5", 1, "HTTP/1.1 200 ", "\r\n\r\n     "),
    ] {
        script.plan(format!("/send:{fault}").parse().unwrap());
        count.store(0, Ordering::SeqCst);
        let answer = ask(&server, "/send", "x").await;
        assert_eq!(count.load(Ordering::SeqCst), effects, "{fault}");
        assert!(answer.starts_with(begins) && answer.contains(holds), "{fault}: {answer}");
        assert_eq!(answer.is_empty(), begins.is_empty(), "{fault}: {answer}");
    }
    assert!(script.planned().is_empty());
    assert!(ask(&server, "/send", "").await.contains("\"sent\""));
}

#[tokio::test]
async fn a_truncated_body_is_announced_as_a_whole() {
    let (server, script, _) = scripted().await;
    script.plan("/send:truncated".parse().unwrap());
    let answer = ask(&server, "/send", "").await;
    assert!(answer.contains("content-length: 24\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n{\"status\":\"s"), "{answer}");
}

#[tokio::test]
async fn a_slow_body_comes_and_a_hang_never_ends() {
    let (server, script, count) = scripted().await;
    script.plan("/send:slow=5".parse().unwrap());
    let start = Instant::now();
    let answer = ask(&server, "/send", "").await;
    assert!(answer.contains("200 OK") && start.elapsed() >= Duration::from_millis(24 * 5));
    for (fault, effects) in [("hang", 1), ("hang-after", 2)] {
        script.plan(format!("/send:{fault}").parse().unwrap());
        let hung = timeout(Duration::from_millis(100), ask(&server, "/send", "")).await;
        assert!(hung.is_err(), "{fault}");
        assert_eq!(count.load(Ordering::SeqCst), effects, "{fault}");
    }
}

#[tokio::test]
async fn requests_are_noted_and_others_are_not_let_in() {
    let canned = Canned::default();
    canned.put("/a", Answer::json(&json!({"a": 1})).with("x-more", "yes"));
    let server = Listener::free().await.unwrap().noting().serve(canned.clone());
    let answer = ask(&server, "/a?key=value", "the body").await;
    assert!(answer.contains("x-more: yes") && answer.ends_with("{\"a\":1}"), "{answer}");
    assert!(ask(&server, "/b", "").await.starts_with("HTTP/1.1 404 "));
    canned.put("/b", Answer::redirect("/a"));
    assert!(ask(&server, "/b", "").await.starts_with("HTTP/1.1 302 "));
    let seen = server.seen();
    assert_eq!(seen.len(), 3);
    assert_eq!((seen[0].path.as_str(), seen[0].query.as_deref()), ("/a", Some("key=value")));
    assert_eq!((&*seen[0].body, seen[0].header("host")), (&b"the body"[..], Some("here")));
    server.stop().await;
    let outside: SocketAddr = "0.0.0.0:0".parse().unwrap();
    assert!(Listener::bind(outside).await.unwrap_err().to_string().contains("loopback only"));
}

#[tokio::test]
async fn a_stop_lets_requests_end() {
    let (server, script, count) = scripted().await;
    script.plan("/send:delay=200".parse().unwrap());
    let address = server.address();
    let asked = tokio::spawn(async move {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream
            .write_all(b"POST /send HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n")
            .await
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    server.stop().await;
    assert!(asked.await.unwrap().contains("\"sent\""));
    assert_eq!(count.load(Ordering::SeqCst), 1);
    assert!(TcpStream::connect(address).await.is_err());
}
