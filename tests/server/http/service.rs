//! What whoever runs the service asks: is it there, is it ready, what did it do, what can it do.

use super::site::{Site, service, settled};
use async_trait::async_trait;
use axum::body::Body;
use axum::http::Request;
use flowcontrol::api::{Service, router};
use flowcontrol_contract as contract;
use flowcontrol_contract::{AdapterInfo, AuthProvider, Mode, Port, Presented, Principal, Probe};
use serde_json::Value;
use std::sync::Arc;
use tower::ServiceExt;

#[tokio::test]
async fn it_says_that_it_is_there_and_ready_and_what_it_did() {
    let site = Site::new().await;
    assert_eq!(site.get("", "/healthz").await.expect(200).json()["status"], "ok");
    let ready = site.get("", "/readyz").await.expect(200).json();
    assert_eq!(ready["adapters"][0]["kind"], "file-local");
    assert_eq!(ready["adapters"][1]["kind"], "mock-auth-header");
    site.get("user_md_anna", "/api/v1/records/%22%7D%0A").await.expect(404);
    let metrics = site.get("", "/metrics").await.expect(200).text;
    let line = "flowcontrol_http_requests_total{method=\"GET\",route=\"/api/v1/records/{id}\",\
                status=\"404\"} 1";
    assert!(metrics.contains(line), "{metrics}");
    assert!(metrics.contains("flowcontrol_http_in_flight 1"), "{metrics}");
    assert!(metrics.ends_with("# EOF\n"));
}

/// An auth adapter whose provider is out of reach.
#[derive(Debug)]
struct Unreachable;

#[async_trait]
impl AuthProvider for Unreachable {
    fn info(&self) -> AdapterInfo {
        let endpoint = "https://issuer.example".to_owned();
        AdapterInfo { port: Port::Auth, kind: "test-auth", mode: Mode::Live, endpoint }
    }

    fn challenge(&self) -> &'static str {
        "Bearer"
    }

    async fn authenticate(&self, _: &Presented<'_>) -> contract::Result<Principal> {
        self.ready().await.map(|()| unreachable!("it is never ready"))
    }

    async fn ready(&self) -> contract::Result<()> {
        Err(contract::Error::new(contract::ErrorKind::Unavailable, "no answer to hunter2"))
    }

    async fn probe(&self) -> contract::Result<Probe> {
        Ok(Probe::default())
    }

    fn loopback_only(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn an_adapter_that_does_not_work_is_named_and_why_is_for_the_log() {
    let (_folder, settings) = settled("").await;
    let store = flowcontrol::registry::open_store(&settings).await.unwrap();
    let (_, stop) = tokio::sync::watch::channel(false);
    let service = Arc::new(Service::new(settings, store, Arc::new(Unreachable), stop));
    for (path, title) in [("/readyz", "test-auth"), ("/api/v1/scenario", "identity provider")] {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let asked = router(Arc::clone(&service)).oneshot(request).await.unwrap();
        assert_eq!(asked.status(), 503);
        assert!(asked.headers().contains_key("retry-after"));
        let bytes = axum::body::to_bytes(asked.into_body(), 1 << 16).await.unwrap();
        let document: Value = serde_json::from_slice(&bytes).unwrap();
        assert!(document["detail"].as_str().unwrap().contains(title), "{document}");
        assert!(!document.to_string().contains("hunter2"), "{document}");
        if path == "/readyz" {
            assert_eq!(document["adapters"][0]["ready"], true);
            assert_eq!(document["adapters"][1]["reason"], "unavailable");
        }
    }
}

#[tokio::test]
async fn the_openapi_document_is_what_was_reviewed() {
    let (_folder, _service, router) = service("").await;
    let asked = router.oneshot(Request::get("/openapi.json").body(Body::empty()).unwrap()).await;
    let bytes = axum::body::to_bytes(asked.unwrap().into_body(), 1 << 20).await.unwrap();
    let document: Value = serde_json::from_slice(&bytes).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    insta::assert_json_snapshot!(document);
}

#[tokio::test]
async fn bearer_tokens_are_described_where_callers_have_them() {
    let document =
        |browsers| serde_json::to_value(flowcontrol::api::openapi::whole(false, browsers)).unwrap();
    assert_eq!(document(false)["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
    assert_eq!(document(false)["security"], serde_json::json!([{"bearer": []}]));
    let both = document(true);
    assert_eq!(both["components"]["securitySchemes"]["session"]["in"], "cookie");
    assert_eq!(both["security"], serde_json::json!([{"bearer": []}, {"session": []}]));
}
