//! Whatever is asked, the router answers: a valid answer, a problem document for every refusal, and
//! never that it failed.

use super::site::{headers_of, service};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Method, Request, Uri};
use proptest::prelude::*;
use tower::ServiceExt;

/// Parts that paths are made of, some of them this service's.
const PARTS: [&str; 16] = [
    "api",
    "v1",
    "scenario",
    "records",
    "snapshot",
    "actors",
    "gates",
    "evidence",
    "acceptances",
    "openapi.json",
    "metrics",
    "1",
    "..",
    "%2e%2e",
    "%00",
    "%ff",
];
const METHODS: [&str; 9] =
    ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "BREW"];
const NAMES: [&str; 8] = [
    "content-type",
    "if-match",
    "if-none-match",
    "idempotency-key",
    "x-request-id",
    "content-length",
    "x-bfg-actor",
    "accept",
];
const ACTORS: [&str; 6] = [
    "user_md_anna",
    "user_dispatcher_marek",
    "user_accountant_olena",
    "driver_tarasenko",
    "dispatcher_00001",
    "",
];

fn path() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => prop::sample::select(&PARTS[..]).prop_map(str::to_owned),
        1 => "[a-zA-Z0-9%._~:@!$&'()*+,;=-]{0,12}",
    ];
    let known = prop::sample::select(
        &[
            "/api/v1/records",
            "/api/v1/records/x",
            "/api/v1/acceptances",
            "/api/v1/gates",
            "/api/v1/evidence/1",
            "/api/v1/rehearsals/x/events",
            "/healthz",
            "/readyz",
        ][..],
    );
    let made = prop::collection::vec(part, 0..6).prop_map(|parts| format!("/{}", parts.join("/")));
    let query = prop_oneof![
        3 => Just(String::new()),
        1 => "\\?(after|limit|kind|for)=[a-z0-9%+-]{0,22}(&(after|limit)=[0-9]{0,3})?",
        1 => "\\?[a-zA-Z0-9%=&+._-]{0,24}",
    ];
    (prop_oneof![known.prop_map(str::to_owned), made], query).prop_map(|(p, q)| p + &q)
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(b"application/json".to_vec()),
        Just(b"\"1\"".to_vec()),
        Just(b"*".to_vec()),
        prop::collection::vec(prop_oneof![Just(9u8), 32u8..127, 128u8..=255], 0..40),
    ]
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let record = r#"\{"records":\[\{"id":"[a-z ]{0,3}","kind":"(risk|order|x)","occurred_at":"2026-0[0-9]-01T06:30:00Z","payload":(\{\}|1|\{"a":1e[0-9]{1,3}\})\}\]\}"#;
    prop_oneof![
        Just(Vec::new()),
        record.prop_map(String::into_bytes),
        Just(br#"{"check":"checklist/role-headers","values":{"a":"b"}}"#.to_vec()),
        "[\\[{]{0,300}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..200),
    ]
}

type Asked = (&'static str, String, &'static str, Vec<(&'static str, Vec<u8>)>, Vec<u8>);

fn asked() -> impl Strategy<Value = Asked> {
    let headers = prop::collection::vec((prop::sample::select(&NAMES[..]), value()), 0..4);
    (prop::sample::select(&METHODS[..]), path(), prop::sample::select(&ACTORS[..]), headers, body())
}

async fn judge(router: Router, (method, path, actor, headers, body): Asked) -> Result<(), String> {
    // What is no URI never reaches the router.
    let Ok(uri) = path.parse::<Uri>() else { return Ok(()) };
    let mut request = Request::new(Body::from(body));
    *request.method_mut() = Method::from_bytes(method.as_bytes()).unwrap();
    *request.uri_mut() = uri;
    if !actor.is_empty() {
        for (name, value) in headers_of(actor) {
            request.headers_mut().append(name, value.parse().unwrap());
        }
    }
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_bytes(&value) {
            request.headers_mut().append(HeaderName::from_static(name), value);
        }
    }
    let answer = router.oneshot(request).await.map_err(|e| e.to_string())?;
    let status = answer.status();
    if !answer.headers().contains_key("x-request-id") {
        return Err(format!("{status} without an id"));
    }
    if status.is_server_error() {
        return Err(format!("{status}"));
    }
    let kind = answer.headers().get("content-type").cloned();
    let allow = answer.headers().contains_key("allow");
    let bytes =
        axum::body::to_bytes(answer.into_body(), 1 << 22).await.map_err(|e| e.to_string())?;
    if status == 405 && !allow {
        return Err("405 without Allow".to_owned());
    }
    if status.is_client_error() && method != "HEAD" {
        let document: serde_json::Value =
            serde_json::from_slice(&bytes).map_err(|e| format!("{status}: {e}"))?;
        if kind.is_none_or(|k| k != "application/problem+json")
            || document["status"] != status.as_u16()
        {
            return Err(format!("{status}: {document}"));
        }
    }
    Ok(())
}

#[test]
fn any_request_is_answered_and_none_makes_it_fail() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (_folder, _service, router) = runtime.block_on(service("[serve]\nburst = 1000000"));
    let config = ProptestConfig { cases: 1500, failure_persistence: None, ..Default::default() };
    proptest!(config, |(request in asked())| {
        let shown = format!("{request:?}");
        let judged = runtime.block_on(judge(router.clone(), request));
        prop_assert!(judged.is_ok(), "{judged:?}: {shown}");
    });
}
