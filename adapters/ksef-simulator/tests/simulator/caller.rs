//! A plain caller of the simulator that notes every exchange for the judge of the API document.

use flowcontrol_contract::Timestamp;
use flowcontrol_ksef_invoice::nip::Nip;
use flowcontrol_ksef_simulator::{Config, Simulator, SimulatorClock, Tempo, unlimited_rates};
use flowcontrol_ksef_wire::crypto::{PublicKey, SymmetricKey, decode, encode, sha256_base64};
use reqwest::{Method, header};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub const SELLER: &str = "5265877635";

/// An answer, read as JSON where it is.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub kind: String,
    pub text: String,
    pub json: Value,
    pub headers: header::HeaderMap,
}

impl Answer {
    pub fn text(&self, name: &str) -> String {
        self.json[name].as_str().unwrap_or_else(|| panic!("no {name} in {self:?}")).to_owned()
    }

    /// KSeF's code in either shape of an error.
    pub fn code(&self) -> i64 {
        let legacy = &self.json["exception"]["exceptionDetailList"][0]["exceptionCode"];
        legacy.as_i64().or_else(|| self.json["errors"][0]["code"].as_i64()).unwrap_or_default()
    }
}

/// A simulator with a stopped clock and somebody who calls it.
pub struct Caller {
    pub simulator: Simulator,
    pub clock: SimulatorClock,
    pub folder: Arc<tempfile::TempDir>,
    http: reqwest::Client,
    pub pass: String,
    pub refresh: String,
    pub problem: bool,
    pub noted: Mutex<Vec<Value>>,
}

pub fn morning() -> Timestamp {
    Timestamp::parse("2026-11-27T09:00:00Z").unwrap()
}

pub fn config(folder: &Path, clock: &SimulatorClock) -> Config {
    Config {
        clock: clock.clone(),
        tempo: Tempo::INSTANT,
        rates: unlimited_rates(),
        ..Config::new(folder.join("simulator"))
    }
}

impl Caller {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let clock = SimulatorClock::stopped_at(morning());
        let mut config = config(folder.path(), &clock);
        change(&mut config);
        let simulator = Simulator::start(config).await.unwrap();
        // TLS is not used, and its provider is not the tests' to choose.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(60))
            .build()
            .unwrap();
        Self {
            simulator,
            clock,
            folder,
            http,
            pass: String::new(),
            refresh: String::new(),
            problem: false,
            noted: Mutex::default(),
        }
    }

    /// One that is logged in.
    pub async fn signed_in() -> Self {
        let mut caller = Self::new().await;
        caller.sign_in().await;
        caller
    }

    /// Stops the simulator and starts another on the same folder.
    pub async fn restarted(mut self, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = config(self.folder.path(), &self.clock);
        change(&mut config);
        self.simulator.stop().await;
        self.simulator = Simulator::start(config).await.unwrap();
        self
    }

    /// Sends a request as it is; `None` when no answer came.
    pub async fn try_send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        pass: &str,
    ) -> Option<Answer> {
        let address = format!("http://{}{path}", self.simulator.address());
        let mut request = self.http.request(method, address);
        if !pass.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {pass}"));
        }
        if self.problem {
            request = request.header("X-Error-Format", "problem-details");
        }
        if let Some(body) = body {
            request =
                request.header(header::CONTENT_TYPE, "application/json").body(body.to_string());
        }
        Some(read(request.send().await.ok()?).await)
    }

    /// Calls an operation by its template; each `{}` is filled with the next of `parts`.
    pub async fn call(
        &self,
        method: Method,
        template: &str,
        parts: &[&str],
        body: Option<&Value>,
    ) -> Answer {
        self.call_as(method, template, parts, body, &self.pass).await
    }

    pub async fn call_as(
        &self,
        method: Method,
        template: &str,
        parts: &[&str],
        body: Option<&Value>,
        pass: &str,
    ) -> Answer {
        let (bare, query) = template.split_once('?').unwrap_or((template, ""));
        let mut parts = parts.iter();
        let filled: Vec<String> = bare
            .split('/')
            .map(|part| {
                if part.starts_with('{') { *parts.next().unwrap() } else { part }.to_owned()
            })
            .collect();
        let mut path = format!("/v2{}", filled.join("/"));
        if !query.is_empty() {
            path = format!("{path}?{query}");
        }
        let answer = self.try_send(method.clone(), &path, body, pass).await.unwrap();
        self.noted.lock().unwrap().push(json!({
            "method": method.as_str().to_lowercase(),
            "path": bare,
            "request": body,
            "status": answer.status.to_string(),
            "kind": answer.kind,
            "body": if answer.json.is_null() { json!(answer.text) } else { answer.json.clone() },
            "headers": answer.headers.iter().map(|(name, value)| {
                (name.to_string(), json!(value.to_str().unwrap_or_default()))
            }).collect::<serde_json::Map<_, _>>(),
        }));
        answer
    }

    pub async fn get(&self, template: &str, parts: &[&str]) -> Answer {
        self.call(Method::GET, template, parts, None).await
    }

    pub async fn post(&self, template: &str, parts: &[&str], body: &Value) -> Answer {
        self.call(Method::POST, template, parts, Some(body)).await
    }

    pub async fn close(&self, kind: &str, session: &str) -> Answer {
        let template = format!("/sessions/{kind}/{{referenceNumber}}/close");
        self.call(Method::POST, &template, &[session], None).await
    }

    /// KSeF's newest key of a usage.
    pub async fn key(&self, usage: &str) -> PublicKey {
        let keys = self.get("/security/public-key-certificates", &[]).await;
        let newest =
            keys.json.as_array().unwrap().iter().rev().find(|key| key["usage"][0] == usage);
        let der = decode(newest.unwrap()["certificate"].as_str().unwrap()).unwrap();
        PublicKey::from_certificate(&der).unwrap()
    }

    /// Begins a login with a token, the time beside it moved by `skew` milliseconds.
    pub async fn begin(&self, token: &str, nip: &str, skew: i64) -> Answer {
        let challenge = self.call(Method::POST, "/auth/challenge", &[], None).await;
        let millis = challenge.json["timestampMs"].as_i64().unwrap() + skew;
        let key = self.key("KsefTokenEncryption").await;
        let body = json!({"challenge": challenge.text("challenge"),
            "contextIdentifier": {"type": "Nip", "value": nip},
            "encryptedToken": key.wrap(format!("{token}|{millis}").as_bytes()).unwrap(),
            "publicKeyId": key.id()});
        self.post("/auth/ksef-token", &[], &body).await
    }

    /// The status of a login that `begin` answered for.
    pub async fn login_status(&self, begun: &Answer) -> Answer {
        let pass = begun.json["authenticationToken"]["token"].as_str().unwrap();
        let reference = begun.text("referenceNumber");
        self.call_as(Method::GET, "/auth/{referenceNumber}", &[&reference], None, pass).await
    }

    pub async fn redeem(&self, begun: &Answer) -> Answer {
        let pass = begun.json["authenticationToken"]["token"].as_str().unwrap();
        self.call_as(Method::POST, "/auth/token/redeem", &[], None, pass).await
    }

    pub async fn sign_in(&mut self) {
        let token = self.simulator.issue_token(&Nip::parse(SELLER).unwrap()).unwrap();
        let begun = self.begin(token.expose(), SELLER, 0).await;
        assert_eq!(self.login_status(&begun).await.json["status"]["code"], 200);
        let tokens = self.redeem(&begun).await;
        self.pass = tokens.json["accessToken"]["token"].as_str().unwrap().to_owned();
        self.refresh = tokens.json["refreshToken"]["token"].as_str().unwrap().to_owned();
    }

    pub async fn encryption(&self, key: &SymmetricKey) -> Value {
        let public = self.key("SymmetricKeyEncryption").await;
        json!({"encryptedSymmetricKey": public.wrap(key.key()).unwrap(),
            "initializationVector": encode(key.iv()), "publicKeyId": public.id()})
    }

    /// Opens an interactive session; its reference.
    pub async fn open(&self, key: &SymmetricKey) -> String {
        let body = json!({"formCode": fa3(), "encryption": self.encryption(key).await});
        let opened = self.post("/sessions/online", &[], &body).await;
        assert_eq!(opened.status, 201, "{opened:?}");
        opened.text("referenceNumber")
    }

    pub async fn send(&self, session: &str, body: &Value) -> Answer {
        self.post("/sessions/online/{referenceNumber}/invoices", &[session], body).await
    }

    /// Sends an invoice that is taken; its reference.
    pub async fn sent(&self, session: &str, key: &SymmetricKey, xml: &[u8]) -> String {
        let sent = self.send(session, &sending(key, xml)).await;
        assert_eq!(sent.status, 202, "{sent:?}");
        sent.text("referenceNumber")
    }

    pub async fn invoice(&self, session: &str, invoice: &str) -> Value {
        let template = "/sessions/{referenceNumber}/invoices/{invoiceReferenceNumber}";
        self.get(template, &[session, invoice]).await.json
    }

    pub async fn session(&self, session: &str) -> Value {
        self.get("/sessions/{referenceNumber}", &[session]).await.json
    }

    /// Fetches an address as it was given, with an Authorization header when `pass` is not empty.
    pub async fn fetch(&self, address: &str, pass: &str) -> Answer {
        let path = address.split_once("//").unwrap().1;
        let path = &path[path.find('/').unwrap()..];
        self.try_send(Method::GET, path, None, pass).await.unwrap()
    }

    /// Uploads a part as its request says.
    pub async fn upload(&self, request: &Value, bytes: Vec<u8>, pass: &str) -> u16 {
        let mut upload = self.http.request(
            request["method"].as_str().unwrap().parse().unwrap(),
            request["url"].as_str().unwrap(),
        );
        for (name, value) in request["headers"].as_object().unwrap() {
            upload = upload.header(name, value.as_str().unwrap());
        }
        if !pass.is_empty() {
            upload = upload.header(header::AUTHORIZATION, format!("Bearer {pass}"));
        }
        upload.body(bytes).send().await.unwrap().status().as_u16()
    }

    /// Posts a signed document.
    pub async fn xades(&self, signed: &[u8], query: &str) -> Answer {
        let address = format!("http://{}/v2/auth/xades-signature{query}", self.simulator.address());
        let request = self.http.post(address).header(header::CONTENT_TYPE, "application/xml");
        read(request.body(signed.to_vec()).send().await.unwrap()).await
    }
}

async fn read(response: reqwest::Response) -> Answer {
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let kind = headers.get(header::CONTENT_TYPE).map(|v| v.to_str().unwrap().to_owned());
    let bytes = response.bytes().await.unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let json = serde_json::from_str(&text).unwrap_or(Value::Null);
    Answer { status, kind: kind.unwrap_or_default(), text, json, headers }
}

pub fn fa3() -> Value {
    json!({"systemCode": "FA (3)", "schemaVersion": "1-0E", "value": "FA"})
}

/// What is sent for an invoice.
pub fn sending(key: &SymmetricKey, xml: &[u8]) -> Value {
    sealed(xml, &key.encrypt(xml))
}

/// The same with a ciphertext of the caller's.
pub fn sealed(xml: &[u8], ciphertext: &[u8]) -> Value {
    json!({"invoiceHash": sha256_base64(xml), "invoiceSize": xml.len(),
        "encryptedInvoiceHash": sha256_base64(ciphertext),
        "encryptedInvoiceSize": ciphertext.len(), "encryptedInvoiceContent": encode(ciphertext),
        "offlineMode": false})
}
