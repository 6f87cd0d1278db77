//! A server in a folder of its own, with the demo's tenants in its store.

use flowcontrol::api::{Service, open, router};
use flowcontrol::config::{Overrides, Settings, TEMPLATE};
use flowcontrol::registry::{open_auth, open_store};
use flowcontrol_contract::{Actor, Roster, ScenarioStore};
use flowcontrol_demo as demo;
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The demo's first tenant, and its neighbour.
pub const OURS: &str = "bfg-control";
pub const THEIRS: &str = "carrier-00001";

pub struct Site {
    pub folder: tempfile::TempDir,
    pub settings: Settings,
    pub address: SocketAddr,
    client: Client,
    stop: watch::Sender<bool>,
    running: JoinHandle<()>,
}

/// An answer that was read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// # Panics
    /// When it has another status.
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// The actors of the demo's tenants.
pub fn rosters() -> &'static [Roster] {
    static ROSTERS: OnceLock<Vec<Roster>> = OnceLock::new();
    ROSTERS.get_or_init(|| demo::rosters(SIZE).unwrap())
}

const SIZE: demo::Size = demo::Size { records: 60, tenants: 2, seed: 1 };

/// The headers of an actor of the demo.
pub fn headers_of(id: &str) -> Vec<(&'static str, String)> {
    let found = rosters().iter().find_map(|roster| {
        let actor: &Actor = roster.actors.iter().find(|a| a.id.as_str() == id)?;
        Some((roster.tenant.to_string(), actor))
    });
    let (tenant, actor) = found.unwrap_or_else(|| panic!("no actor {id}"));
    vec![
        ("x-bfg-actor", id.to_owned()),
        ("x-bfg-tenant", tenant),
        ("x-bfg-role", actor.role.clone()),
        ("x-bfg-permissions", actor.permissions.join(",")),
    ]
}

/// Settings in a folder whose store holds the demo's two tenants; `more` is added to the file.
pub async fn settled(more: &str) -> (tempfile::TempDir, Settings) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("flowcontrol.toml");
    std::fs::write(&file, format!("{TEMPLATE}\n{more}")).unwrap();
    let overrides = Overrides { file: Some(file), ..Overrides::default() };
    let settings = Settings::load(&overrides, Arc::new(flowcontrol::registry::built_in())).unwrap();
    let store = open_store(&settings).await.unwrap();
    seeded(&*store).await;
    (folder, settings)
}

/// The service without a socket, and what keeps its folder.
pub async fn service(more: &str) -> (tempfile::TempDir, Arc<Service>, axum::Router) {
    let (folder, settings) = settled(more).await;
    let store = open_store(&settings).await.unwrap();
    let auth = open_auth(&settings).await.unwrap();
    let (_, stop) = watch::channel(false);
    let service = Arc::new(Service::new(settings, store, auth, stop));
    (folder, Arc::clone(&service), router(service))
}

/// Fills a store with the demo's two tenants.
pub async fn seeded(store: &dyn ScenarioStore) {
    demo::seed(store, SIZE, |_| {}).await.unwrap();
}

impl Site {
    pub async fn new() -> Self {
        Self::with("").await
    }

    /// One whose configuration has `more`.
    pub async fn with(more: &str) -> Self {
        let (folder, settings) = settled(more).await;
        Self::over(folder, settings).await
    }

    pub async fn over(folder: tempfile::TempDir, settings: Settings) -> Self {
        Self::listening(folder, settings, 0).await
    }

    /// One on a port that was named to others before.
    pub async fn listening(folder: tempfile::TempDir, settings: Settings, port: u16) -> Self {
        let (stop, stopped) = watch::channel(false);
        let loopback = SocketAddr::from(([127, 0, 0, 1], port));
        let server = open(settings.clone(), loopback, stopped).await.unwrap();
        let address = server.address().unwrap();
        // Another crate's features make the client want one, for nothing that is asked here.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().no_proxy().build().unwrap();
        Self { folder, settings, address, client, stop, running: tokio::spawn(server.run()) }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A request by an actor, or by nobody.
    pub fn request(&self, actor: &str, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.client.request(method, self.url(path));
        let headers = if actor.is_empty() { Vec::new() } else { headers_of(actor) };
        headers.into_iter().fold(request, |request, (name, value)| request.header(name, value))
    }

    pub async fn get(&self, actor: &str, path: &str) -> Answer {
        answer(self.request(actor, "GET", path)).await
    }

    pub async fn post(&self, actor: &str, path: &str, body: &Value) -> Answer {
        answer(self.posting(actor, path, body)).await
    }

    pub fn posting(&self, actor: &str, path: &str, body: &Value) -> reqwest::RequestBuilder {
        let request = self.request(actor, "POST", path);
        request.header("content-type", "application/json").body(body.to_string())
    }

    /// Asks it to stop and waits for its end.
    pub async fn stop(self) -> tempfile::TempDir {
        self.stop.send_replace(true);
        self.running.await.unwrap();
        self.folder
    }

    /// Asks it to stop and goes on.
    pub fn ask_to_stop(&self) {
        self.stop.send_replace(true);
    }

    /// Records of a tenant, read past the service.
    pub async fn head(&self, tenant: &str) -> u64 {
        let store = open_store(&self.settings).await.unwrap();
        let tenant = flowcontrol_contract::TenantId::new(tenant).unwrap();
        store.head(&flowcontrol_contract::CallCx::tenant(tenant)).await.unwrap()
    }
}

/// Sends it and reads the answer.
pub async fn answer(request: reqwest::RequestBuilder) -> Answer {
    read(request.send().await.unwrap()).await
}

pub async fn read(response: Response) -> Answer {
    let status = response.status().as_u16();
    let headers = response.headers().iter().map(|(name, value)| {
        (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    let headers = headers.collect();
    Answer { status, headers, text: response.text().await.unwrap() }
}

/// Risks to append, which a dispatcher may.
pub fn risks(ids: &[&str]) -> Value {
    let risk = |id: &&str| {
        json!({"id": id, "kind": "risk", "occurred_at": "2026-03-01T06:30:00Z",
            "payload": {"level": "low"}})
    };
    json!({"records": ids.iter().map(risk).collect::<Vec<_>>()})
}
