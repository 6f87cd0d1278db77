//! A provider, a service that signs in there, and browsers without a screen.

use crate::http::site::{Answer, OURS, Site, settled};
use flowcontrol_testkit::forge::Signer;
use flowcontrol_testkit::provider::{AUDIENCE, Provider, Visit};
use reqwest::redirect::Policy;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};

pub const MAREK: &str = "user_dispatcher_marek";
pub const ANNA: &str = "user_md_anna";
pub const CLIENT: (&str, &str) = ("operations", "operations-secret");
pub const SESSION: &str = "__Host-flowcontrol";
pub const ATTEMPT: &str = "__Host-flowcontrol-attempt";

pub struct Scene {
    pub provider: Provider,
    pub signer: Signer,
    pub site: Site,
    /// The service's origin as browsers spell it.
    pub origin: String,
}

impl Scene {
    /// `None`, said aloud, where there is no provider.
    pub async fn new(test: &str) -> Option<Self> {
        if !Provider::there_or_skip(test) {
            return None;
        }
        let signer = Signer::rsa("key-1");
        let provider = Provider::start(&signer);
        for (user, role) in [(MAREK, "dispatcher"), (ANNA, "managing_director")] {
            provider.user(user, &json!(OURS), &json!([role]));
        }
        let port =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let origin = format!("http://localhost:{port}");
        provider.service(CLIENT, &origin);
        let (folder, mut settings) = settled("").await;
        let secret = folder.path().join("client-secret");
        std::fs::write(&secret, CLIENT.1).unwrap();
        settings.config.profiles.get_mut("local-demo").unwrap().auth = "oidc-rbac".into();
        let config = json!({
            "issuers": [{
                "issuer": provider.issuer, "audiences": [AUDIENCE], "tenants": [OURS],
                "claims": {"tenant": "/tenant", "actor": "/actor",
                    "roles": {"at": "/roles", "form": "comma"}},
            }],
            "roles": {"dispatcher": ["create_order", "plan_route", "view_operations"],
                "managing_director": ["view_audit", "view_operations"]},
            "keys": {"cooldown": 1, "timeout": 30_000},
            "client": {"client_id": CLIENT.0, "client_secret": {"file": secret},
                "public_url": origin, "resource": AUDIENCE},
        });
        settings.config.adapters.insert("oidc-rbac".into(), config);
        let site = Site::listening(folder, settings, port).await;
        Some(Self { provider, signer, site, origin })
    }

    pub fn agent(&self) -> Agent<'_> {
        let client = Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
        Agent { scene: self, client, cookies: BTreeMap::new(), set: Vec::new() }
    }

    /// A browser in which somebody has signed in, and their way through the provider.
    pub async fn signed_in(&self, user: &str) -> (Agent<'_>, Visit) {
        let mut agent = self.agent();
        let visit = agent.sign_in(user, "/").await;
        (agent, visit)
    }
}

/// A browser: it keeps cookies, and goes where it is told to by the test alone.
pub struct Agent<'a> {
    scene: &'a Scene,
    client: Client,
    pub cookies: BTreeMap<String, String>,
    /// Every cookie that was set, as it was spelled.
    pub set: Vec<String>,
}

impl Agent<'_> {
    pub async fn ask(
        &mut self,
        method: &str,
        path: &str,
        more: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let cookies: Vec<_> = self.cookies.iter().map(|(n, v)| format!("{n}={v}")).collect();
        let mut request = self.client.request(method, self.scene.site.url(path));
        if !cookies.is_empty() {
            request = request.header("cookie", cookies.join("; "));
        }
        for (name, value) in more {
            request = request.header(*name, *value);
        }
        let response = request.body(body.to_owned()).send().await.unwrap();
        for value in response.headers().get_all("set-cookie") {
            let text = value.to_str().unwrap().to_owned();
            let (name, value) = text.split(';').next().unwrap().split_once('=').unwrap();
            match value {
                "" => drop(self.cookies.remove(name)),
                value => drop(self.cookies.insert(name.to_owned(), value.to_owned())),
            }
            self.set.push(text);
        }
        crate::http::site::read(response).await
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        self.ask("GET", path, &[], "").await
    }

    /// Begins to sign in: where the browser is led.
    pub async fn begin(&mut self, path: &str) -> String {
        let answer = self.get(path).await.expect(303);
        assert_eq!(answer.header("cache-control"), "no-store");
        answer.header("location").to_owned()
    }

    /// Signs in, and says what came of the provider's answer.
    pub async fn sign_in(&mut self, user: &str, return_to: &str) -> Visit {
        let path = format!("/auth/login?return_to={return_to}");
        let address = self.begin(&path).await;
        let visit = self.scene.provider.visit(user, CLIENT.0, &address);
        let answer = self.get(self.scene.path_of(&visit.location)).await;
        assert_eq!(answer.status, 303, "{answer:?}");
        visit
    }

    /// What the service says of the session; it must be there.
    pub async fn session(&mut self) -> Value {
        self.get("/auth/session").await.expect(200).json()
    }

    pub async fn csrf(&mut self) -> String {
        self.session().await["csrf_token"].as_str().unwrap().to_owned()
    }

    /// Appends a record as a page of the service would, or as a worse one.
    pub async fn append(&mut self, id: &str, origin: Option<&str>, csrf: Option<&str>) -> Answer {
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(origin.map(|origin| ("origin", origin)));
        headers.extend(csrf.map(|csrf| ("x-csrf-token", csrf)));
        let body = crate::http::site::risks(&[id]).to_string();
        self.ask("POST", "/api/v1/records", &headers, &body).await
    }
}

impl Scene {
    /// An address of the service without its origin.
    pub fn path_of<'a>(&self, address: &'a str) -> &'a str {
        address.strip_prefix(&self.origin).unwrap_or_else(|| panic!("{address}"))
    }
}
