//! A provider in this process: it publishes what a test tells it to, however wrong.

#![allow(dead_code, reason = "each test file uses its part")]

use flowcontrol_auth::build_oidc;
use flowcontrol_contract::error::Result;
use flowcontrol_contract::registry::BuildCx;
use flowcontrol_contract::secret::{Secret, SecretRef, Secrets};
use flowcontrol_contract::{AuthProvider, Presented, Principal};
pub use flowcontrol_testkit::forge;
use flowcontrol_testkit::forge::Signer;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// What a path answers: a whole HTTP response, or silence.
#[derive(Clone)]
pub enum Answer {
    Text(String),
    Hang,
}

impl Answer {
    pub fn json(value: &Value) -> Self {
        Self::with("200 OK", "application/json", &value.to_string())
    }

    pub fn with(status: &str, kind: &str, body: &str) -> Self {
        let length = body.len();
        Self::Text(format!(
            "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        ))
    }

    pub fn redirect(to: &str) -> Self {
        Self::Text(format!(
            "HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        ))
    }
}

pub const METADATA: &str = "/realm/.well-known/openid-configuration";
pub const JWKS: &str = "/realm/jwks";

/// A provider on loopback.
pub struct Stub {
    pub issuer: String,
    pub answers: Arc<Mutex<BTreeMap<String, Answer>>>,
    pub asked: Arc<Mutex<Vec<String>>>,
}

impl Stub {
    pub async fn new(signers: &[&Signer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let stub = Self {
            issuer: format!("{base}/realm"),
            answers: Arc::default(),
            asked: Arc::default(),
        };
        stub.put(METADATA, Answer::json(&stub.metadata()));
        let keys: Vec<Value> = signers.iter().map(|s| s.jwk()).collect();
        stub.put(JWKS, Answer::json(&json!({ "keys": keys })));
        let (answers, asked) = (stub.answers.clone(), stub.asked.clone());
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let (answers, asked) = (answers.clone(), asked.clone());
                tokio::spawn(async move {
                    let mut request = Vec::new();
                    while !whole(&request) {
                        let mut chunk = [0; 1024];
                        match socket.read(&mut chunk).await {
                            Ok(0) | Err(_) => return,
                            Ok(n) => request.extend_from_slice(&chunk[..n]),
                        }
                    }
                    let text = String::from_utf8_lossy(&request).into_owned();
                    let path = text.split(' ').nth(1).unwrap_or_default().to_owned();
                    asked.lock().unwrap().push(path.clone());
                    let answer = answers.lock().unwrap().get(&path).cloned();
                    match answer {
                        None => {
                            let gone = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
                            drop(socket.write_all(gone).await);
                        }
                        Some(Answer::Text(text)) => drop(socket.write_all(text.as_bytes()).await),
                        Some(Answer::Hang) => std::future::pending().await,
                    }
                });
            }
        });
        stub
    }

    pub fn metadata(&self) -> Value {
        let base = self.issuer.trim_end_matches("/realm");
        json!({"issuer": self.issuer, "jwks_uri": format!("{base}{JWKS}"), "extra": [1, 2]})
    }

    pub fn put(&self, path: &str, answer: Answer) {
        self.answers.lock().unwrap().insert(path.to_owned(), answer);
    }

    pub fn config(&self) -> Value {
        json!({
            "issuers": [{
                "issuer": self.issuer, "audiences": ["https://api.bfg.example"],
                "tenants": ["bfg-control", "north-depot"],
                "claims": {"tenant": "/bfg/tenant", "actor": "/sub",
                    "roles": {"at": "/bfg/roles", "form": "array"},
                    "permissions": {"at": "/bfg/permissions", "form": "array"}},
            }],
            "roles": {"director": ["gate.accept", "order.read"],
                "dispatcher": ["order.read", "order.write"]},
            "keys": {"cooldown": 1, "timeout": 700},
        })
    }

    pub fn claims(&self) -> Value {
        let now = now();
        json!({"iss": self.issuer, "aud": "https://api.bfg.example", "sub": "user_marek",
            "iat": now, "exp": now + 600,
            "bfg": {"tenant": "bfg-control", "roles": ["dispatcher"],
                "permissions": ["order.read", "order.write"]}})
    }
}

/// Whether a request was read to its end: who closes before that may break the answer off.
fn whole(request: &[u8]) -> bool {
    let Some(end) = request.windows(4).position(|w| w == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&request[..end]).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    request.len() >= end + 4 + length.map_or(0, |n| n.trim().parse::<usize>().unwrap())
}

pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Secrets by the names of their variables.
pub struct Held(pub BTreeMap<String, String>);

impl Secrets for Held {
    fn resolve(&self, reference: &SecretRef) -> Result<Secret> {
        let SecretRef::Env(name) = reference else { panic!("{reference:?}") };
        let absent = || flowcontrol_contract::Error::invalid(format!("{name} is absent"));
        self.0.get(name).map(Secret::new).ok_or_else(absent)
    }
}

pub async fn built(config: Value) -> Result<Arc<dyn AuthProvider>> {
    built_with(config, Held(BTreeMap::new())).await
}

pub async fn built_with(config: Value, secrets: Held) -> Result<Arc<dyn AuthProvider>> {
    build_oidc(config, BuildCx { secrets: &secrets, base: Path::new("") }).await
}

pub async fn bear(provider: &dyn AuthProvider, token: &str) -> Result<Principal> {
    let value = format!("Bearer {token}");
    provider.authenticate(&Presented { headers: &[("authorization", value.as_bytes())] }).await
}
