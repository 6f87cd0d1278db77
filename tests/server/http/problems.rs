//! Every way in which a request can be refused, as the document that its caller reads.

use super::site::{Answer, Site, answer, risks};
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const PATH: &str = "/api/v1/records";
const MAREK: &str = "user_dispatcher_marek";

/// The status, the headers that say more, and the document without its request's id.
fn shown(answer: &Answer) -> serde_json::Value {
    let mut document = answer.json();
    assert_eq!(answer.header("content-type"), "application/problem+json", "{answer:?}");
    assert_eq!(document["request_id"], answer.header("x-request-id"));
    assert_eq!(document["status"], answer.status);
    document.as_object_mut().unwrap().remove("request_id");
    let mut said = serde_json::Map::new();
    for name in ["allow", "retry-after", "www-authenticate"] {
        if let Some(value) = answer.headers.get(name) {
            said.insert(name.to_owned(), value.clone().into());
        }
    }
    json!({"headers": said, "document": document})
}

#[tokio::test]
async fn refusals_are_problem_documents() {
    let site = Site::with("[serve]\nmax_body_bytes = 4096\nbody_timeout_ms = 300").await;
    let typed = |kind: &str, body: &str| {
        let request = site.request(MAREK, "POST", PATH).header("content-type", kind.to_owned());
        answer(request.body(body.to_owned()))
    };
    let json = "application/json";
    let order = json!({"records": [
        {"id": "a", "kind": "risk", "occurred_at": "2026-03-01T06:30:00Z", "payload": {}},
        {"id": "b", "kind": "order", "occurred_at": "2026-03-01T06:30:00Z",
            "payload": {"order_no": "1"}}]})
    .to_string();
    let found = [
        ("nobody", site.get("", "/api/v1/scenario").await),
        ("no such path", site.get(MAREK, "/api/v2/scenario").await),
        ("no such record", site.get(MAREK, &format!("{PATH}/nothing")).await),
        ("another method", answer(site.request(MAREK, "PUT", PATH)).await),
        ("an unknown parameter", site.get(MAREK, &format!("{PATH}?sort=id")).await),
        ("a limit out of range", site.get(MAREK, &format!("{PATH}?limit=501")).await),
        ("an unknown kind", site.get(MAREK, &format!("{PATH}?kind=orders")).await),
        ("no JSON", typed(json, "{\"records\":[\n  {]}").await),
        ("an unknown field", typed(json, "{\"records\":[],\"more\":1}").await),
        ("a number for a text", typed(json, "{\"records\":[{\"id\":7}]}").await),
        ("no record", typed(json, "{\"records\":[]}").await),
        ("a payload without its fields", typed(json, &order).await),
        ("another media type", typed("text/plain", "{}").await),
        ("a large body", typed(json, &"x".repeat(5000)).await),
        (
            "not theirs to do",
            site.post(MAREK, "/api/v1/rehearsals", &json!({"target": "auto"})).await,
        ),
        ("another tenant's gates", site.get("dispatcher_00001", "/api/v1/gates").await),
        (
            "another head",
            answer(site.posting(MAREK, PATH, &risks(&["x"])).header("if-match", "\"7\"")).await,
        ),
    ];
    let documents: serde_json::Map<_, _> =
        found.iter().map(|(name, answer)| ((*name).to_owned(), shown(answer))).collect();
    insta::assert_json_snapshot!(documents);
}

#[tokio::test]
async fn who_says_who_they_are_in_two_ways_or_asks_for_more_is_refused() {
    let site = Site::new().await;
    let twice = site.request(MAREK, "GET", PATH).header("x-bfg-actor", "user_md_anna");
    answer(twice).await.expect(400);
    let request = |permissions: &str, tenant: &str| {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        answer(
            client
                .get(site.url("/api/v1/scenario"))
                .header("x-bfg-actor", MAREK)
                .header("x-bfg-tenant", tenant.to_owned())
                .header("x-bfg-role", "dispatcher")
                .header("x-bfg-permissions", permissions.to_owned()),
        )
    };
    request("view_operations", "bfg-control").await.expect(200);
    request("view_audit", "bfg-control").await.expect(403);
    request("view_operations", "carrier-00001").await.expect(403);
    request("view_operations", "nowhere").await.expect(404);
}

#[tokio::test]
async fn whoever_asks_too_often_is_told_when_to_ask_again() {
    let site = Site::with("[serve]\nrequests_a_second = 1\nburst = 3").await;
    for _ in 0..3 {
        site.get(MAREK, "/api/v1/scenario").await.expect(200);
    }
    let refused = site.get(MAREK, "/api/v1/scenario").await.expect(429);
    assert_eq!(refused.header("retry-after"), "1");
    shown(&refused);
    site.get("user_md_anna", "/api/v1/scenario").await.expect(200);
    for _ in 0..3 {
        site.get("", "/api/v1/scenario").await.expect(401);
    }
    site.get("", "/api/v1/scenario").await.expect(429);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_body_and_a_slow_head_are_not_waited_for() {
    let site = Site::with("[serve]\nbody_timeout_ms = 300\nhead_timeout_ms = 300").await;
    let headers: String = super::site::headers_of(MAREK)
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let begun = format!(
        "POST {PATH} HTTP/1.1\r\nhost: x\r\n{headers}content-type: application/json\r\n\
         content-length: 100\r\n\r\n{{"
    );
    let address = site.address;
    let heard = move |text: String| -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = String::new();
        // A reset instead of an end is as good an end.
        let _ = stream.read_to_string(&mut answer);
        answer
    };
    let slow = tokio::task::spawn_blocking(move || heard(begun)).await.unwrap();
    assert!(slow.starts_with("HTTP/1.1 408 "), "{slow}");
    assert!(slow.contains("urn:flowcontrol:problem:too-slow"), "{slow}");
    let head = "GET /healthz HTTP/1.1\r\nhost:".to_owned();
    let ended = tokio::task::spawn_blocking(move || heard(head)).await.unwrap();
    assert!(!ended.contains(" 200 "), "{ended}");
    let long =
        format!("GET /healthz HTTP/1.1\r\nhost: x\r\nlong: {}\r\n\r\n", "x".repeat(64 * 1024));
    let refused = tokio::task::spawn_blocking(move || heard(long)).await.unwrap();
    assert!(refused.is_empty() || refused.starts_with("HTTP/1.1 431 "), "{refused}");
    site.get("", "/healthz").await.expect(200);
}

/// With one place for everybody, whoever asks for much and takes nothing must not keep it.
#[tokio::test(flavor = "multi_thread")]
async fn who_takes_nothing_of_an_answer_gives_their_place_back() {
    let site = Site::with("[serve]\nmax_connections = 1\nwrite_timeout_ms = 500").await;
    let large = |n: u32| {
        json!({"id": format!("large-{n}"), "kind": "risk", "occurred_at": "2026-03-01T06:30:00Z",
            "payload": {"text": "x".repeat(1_000_000)}})
    };
    let body = json!({"records": (0..7).map(large).collect::<Vec<_>>()});
    let sent = site.posting(MAREK, PATH, &body).header("connection", "close");
    answer(sent).await.expect(201);
    let headers: String = super::site::headers_of(MAREK)
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let one = format!("GET {PATH}?limit=500 HTTP/1.1\r\nhost: x\r\n{headers}\r\n");
    let mut greedy = TcpStream::connect(site.address).unwrap();
    // More than any socket holds for who does not read.
    greedy.write_all(one.repeat(8).as_bytes()).unwrap();
    let waiting = site.request("", "GET", "/healthz").timeout(Duration::from_secs(15));
    answer(waiting).await.expect(200);
    drop(greedy);
}

#[tokio::test]
async fn a_requests_id_is_kept_when_it_is_plain() {
    let site = Site::new().await;
    let with =
        |id: &str| answer(site.request(MAREK, "GET", PATH).header("x-request-id", id.to_owned()));
    assert_eq!(with("ci-run.7").await.header("x-request-id"), "ci-run.7");
    let replaced = with("a b\"c").await;
    assert_eq!(replaced.header("x-request-id").len(), 32);
}
