//! Stands between the live client and the simulator, passes everything on, and notes it for the judge
//! of the API document.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response, StatusCode};
use serde_json::{Map, Value, json};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

/// The part of an address that the document leaves out.
const BASE: &str = "/v2";

#[derive(Clone)]
struct Way {
    to: SocketAddr,
    http: reqwest::Client,
    templates: Arc<[String]>,
    noted: Arc<Mutex<Vec<Value>>>,
}

/// A relay that listens on loopback.
pub struct Relay {
    pub base_url: String,
    noted: Arc<Mutex<Vec<Value>>>,
}

impl Relay {
    /// One before the KSeF at `to`. `templates` are the paths of the document.
    pub async fn before(to: SocketAddr, templates: Vec<String>) -> Self {
        // TLS is not used, and its provider is not the tests' to choose.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        let noted = Arc::new(Mutex::default());
        let way = Way {
            to,
            http: http.build().unwrap(),
            templates: templates.into(),
            noted: Arc::clone(&noted),
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}{BASE}", listener.local_addr().unwrap());
        let router = Router::new().fallback(pass).with_state(way);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { base_url, noted }
    }

    /// Every exchange so far.
    pub fn noted(&self) -> Vec<Value> {
        self.noted.lock().unwrap().clone()
    }
}

async fn pass(State(way): State<Way>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let sent = to_bytes(body, usize::MAX).await.unwrap();
    let address = format!("http://{}{}", way.to, head.uri);
    let mut onward = way.http.request(head.method.clone(), address).body(sent.clone());
    for (name, value) in head.headers.iter().filter(|(name, _)| *name != "host") {
        onward = onward.header(name, value);
    }
    // No answer is passed on as a gateway would.
    let Ok(answer) = onward.send().await else {
        let mut none = Response::new(Body::empty());
        *none.status_mut() = StatusCode::BAD_GATEWAY;
        return none;
    };
    let (status, headers) = (answer.status(), answer.headers().clone());
    let received = answer.bytes().await.unwrap();
    let path = head.uri.path().strip_prefix(BASE).unwrap();
    let template = way.templates.iter().filter(|template| fits(template, path));
    way.noted.lock().unwrap().push(json!({
        "method": head.method.as_str().to_lowercase(),
        // `/auth/sessions` fits `/auth/{referenceNumber}` too.
        "path": template.min_by_key(|t| t.matches('{').count()).map_or(path, String::as_str),
        "request": serde_json::from_slice::<Value>(&sent).ok(),
        "whole": true,
        "status": status.as_str(),
        "kind": text(&headers).get("content-type").cloned().unwrap_or_else(|| json!("")),
        "body": serde_json::from_slice(&received)
            .unwrap_or_else(|_| json!(String::from_utf8_lossy(&received))),
        "headers": text(&headers),
    }));
    let mut response = Response::new(Body::from(received));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

fn fits(template: &str, path: &str) -> bool {
    let (mut parts, mut given) = (template.split('/'), path.split('/'));
    loop {
        match (parts.next(), given.next()) {
            (None, None) => return true,
            (Some(part), Some(given)) if part.starts_with('{') || part == given => {}
            _ => return false,
        }
    }
}

fn text(headers: &HeaderMap) -> Map<String, Value> {
    let pairs = headers.iter();
    pairs.map(|(n, v)| (n.to_string(), json!(v.to_str().unwrap_or_default()))).collect()
}
