//! A real OpenID Provider of this test's own: glewlwyd from Debian, on a free port of loopback.
//!
//! It signs with keys that the test made, so that a test can forge tokens under them.

use crate::forge::{Signer, b64};
use crate::require;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The tables and the first administrator, as the package installs them.
const SCHEMA: &str = "/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3";

/// This service's name, which the provider puts into `aud`.
pub const AUDIENCE: &str = "https://api.bfg.example";

const CLIENT: (&str, &str) = ("portal", "portal-secret");
const CALLBACK: &str = "http://127.0.0.1/callback";

/// The provider while it runs.
pub struct Provider {
    /// Its address, the issuer of its tokens.
    pub issuer: String,
    port: u16,
    child: Child,
    folder: tempfile::TempDir,
    admin: String,
}

/// What a login gave.
#[derive(Debug)]
pub struct Tokens {
    /// The access token.
    pub access: String,
    /// The ID token.
    pub id: String,
}

/// A browser's way through the provider.
#[derive(Debug)]
pub struct Visit {
    /// Where it leads to.
    pub location: String,
    /// What the browser keeps for the provider.
    pub cookies: String,
}

/// An answer over HTTP.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|e| panic!("{e}: {} {}", self.status, self.body))
    }

    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }

    fn cookie(&self) -> String {
        self.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
    }
}

impl Provider {
    /// Whether a provider can be had here; says so aloud where it cannot.
    pub fn there_or_skip(test: &str) -> bool {
        let there = |program: &str| {
            let mut command = Command::new(program);
            command.arg("-version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
        };
        let there = ["glewlwyd", "sqlite3", "openssl"].into_iter().all(there);
        if !there || !Path::new(SCHEMA).exists() {
            require::skip(test, "oidc", "glewlwyd, sqlite3 or openssl is not on this machine");
            return false;
        }
        true
    }

    /// A provider that signs with `signer`.
    pub fn start(signer: &Signer) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let schema = std::fs::File::open(SCHEMA).unwrap();
        let database = folder.path().join("provider.sqlite3");
        let made = Command::new("sqlite3").arg(&database).stdin(schema).status().unwrap();
        assert!(made.success(), "sqlite3: {made}");
        let port =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let child = launch(folder.path(), port);
        let issuer = format!("http://127.0.0.1:{port}/api/oidc");
        let mut provider = Self { issuer, port, child, folder, admin: String::new() };
        provider.set_up(signer);
        provider
    }

    fn set_up(&mut self, signer: &Signer) {
        let login = json!({"username": "admin", "password": "password"});
        self.admin = self.send("POST", "/api/auth", "", &login).cookie();
        let mut users = self.ask("GET", "/api/mod/user/database", &Value::Null).json();
        for (name, multiple) in [("tenant", false), ("actor", false), ("roles", true)] {
            users["parameters"]["data-format"][name] = json!({"multiple": multiple, "read": true,
                "write": true, "profile-read": false, "profile-write": false});
        }
        self.ask("PUT", "/api/mod/user/database", &users);
        self.ask("PUT", "/api/mod/user/database/reset", &Value::Null);
        let claims: Vec<Value> = ["tenant", "actor", "roles"]
            .map(|name| {
                json!({"user-parameter": name, "token-parameter": name, "token": true,
                    "id-token": true, "value-type": "string"})
            })
            .into();
        let plugin = json!({"module": "oidc", "name": "oidc", "display_name": "oidc",
            "order_rank": 1, "parameters": {
                "iss": self.issuer, "jwks-private": keys(&[signer]), "default-kid": signer.kid,
                "jwks-show": true, "jwt-type": "rsa", "jwt-key-size": "256",
                "access-token-duration": 600, "refresh-token-duration": 86_400,
                "code-duration": 60, "refresh-token-rolling": true,
                "auth-type-code-enabled": true, "auth-type-refresh-enabled": true,
                "resource-allowed": true, "resource-scope": {"openid": [AUDIENCE]},
                "pkce-allowed": true, "subject-type": "public", "refresh-token-one-use": "always",
                "oauth-as-iss-id": true, "introspection-revocation-allowed": true,
                "introspection-revocation-allow-target-client": true,
                "session-management-allowed": true, "session-cookie-name": "PROVIDER_SID",
                "session-cookie-expiration": 86_400, "back-channel-logout-allowed": true,
                "front-channel-logout-allowed": false, "auth-type-device-enabled": true,
                "device-authorization-expiration": 120, "device-authorization-interval": 1,
                "additional-parameters": claims}});
        self.ask("POST", "/api/mod/plugin", &plugin);
        let client = json!({"client_id": CLIENT.0, "name": CLIENT.0, "confidential": true,
            "client_secret": CLIENT.1, "authorization_type": ["code", "refresh_token"],
            "redirect_uri": [CALLBACK], "scope": ["openid"], "enabled": true,
            "token_endpoint_auth_method": ["client_secret_basic"]});
        self.ask("POST", "/api/client?source=database", &client);
    }

    /// Adds a user; what is `null` of `tenant` and `roles` stays out of the tokens.
    pub fn user(&self, name: &str, tenant: &Value, roles: &Value) {
        let mut user = json!({"username": name, "name": name, "password": password(name),
            "email": format!("{name}@bfg.example"), "scope": ["openid"], "enabled": true,
            "actor": name});
        for (member, value) in [("tenant", tenant), ("roles", roles)] {
            if !value.is_null() {
                user[member] = value.clone();
            }
        }
        self.ask("POST", "/api/user?source=database", &user);
    }

    /// Makes a confidential client of a service at `origin`.
    pub fn service(&self, (id, secret): (&str, &str), origin: &str) {
        let mut clients = self.ask("GET", "/api/mod/client/database", &Value::Null).json();
        clients["parameters"]["data-format"]["post_logout_redirect_uris"] =
            json!({"multiple": true, "read": true, "write": true});
        self.ask("PUT", "/api/mod/client/database", &clients);
        self.ask("PUT", "/api/mod/client/database/reset", &Value::Null);
        let client = json!({"client_id": id, "name": id, "confidential": true,
            "client_secret": secret, "scope": ["openid"], "enabled": true,
            "authorization_type": ["code", "refresh_token"],
            "redirect_uri": [format!("{origin}/auth/callback")],
            "post_logout_redirect_uris": [format!("{origin}/")],
            "backchannel_logout_uri": format!("{origin}/auth/backchannel-logout"),
            "token_endpoint_auth_method": ["client_secret_basic"]});
        self.ask("POST", "/api/client?source=database", &client);
    }

    /// Makes a client for devices; public without a secret.
    pub fn device_client(&self, id: &str, secret: Option<&str>) {
        let mut client = json!({"client_id": id, "name": id, "confidential": secret.is_some(),
            "scope": ["openid"], "enabled": true, "token_endpoint_auth_method": ["none"],
            "authorization_type": ["refresh_token", "device_authorization"]});
        if let Some(secret) = secret {
            client["client_secret"] = json!(secret);
            client["token_endpoint_auth_method"] = json!(["client_secret_basic"]);
        }
        self.ask("POST", "/api/client?source=database", &client);
    }

    /// Changes a parameter of its plugin, such as `access-token-duration` in seconds.
    pub fn set(&self, parameter: &str, value: Value) {
        let mut plugin = self.ask("GET", "/api/mod/plugin/oidc", &Value::Null).json();
        plugin["parameters"][parameter] = value;
        self.ask("PUT", "/api/mod/plugin/oidc", &plugin);
        self.ask("PUT", "/api/mod/plugin/oidc/reset", &Value::Null);
    }

    /// Knows a client no more.
    pub fn forget(&self, client: &str) {
        self.ask("DELETE", &format!("/api/client/{client}?source=database"), &Value::Null);
    }

    /// The provider's cookie of a user who let `client` know of them.
    fn consent(&self, name: &str, client: &str) -> String {
        let login = json!({"username": name, "password": password(name)});
        let cookie = self.send("POST", "/api/auth", "", &login).cookie();
        let grant = json!({"scope": "openid"});
        let granted = self.send("PUT", &format!("/api/auth/grant/{client}"), &cookie, &grant);
        assert_eq!(granted.status, 200, "{}", granted.body);
        cookie
    }

    /// Goes to one of its addresses as a user who signs in and agrees, and gives what it leads to.
    pub fn visit(&self, name: &str, client: &str, address: &str) -> Visit {
        let cookie = self.consent(name, client);
        let address = url::Url::parse(address).unwrap();
        let path = format!("{}?{}&g_continue", address.path(), address.query().unwrap());
        let answer = self.send("GET", &path, &cookie, &Value::Null);
        let location = answer.header("location").unwrap_or_else(|| panic!("{}", answer.head));
        let session = answer.header("set-cookie").map(|_| answer.cookie()).unwrap_or_default();
        Visit { location: location.to_owned(), cookies: format!("{cookie}; {session}") }
    }

    /// Ends the session of a visit, of which the provider tells every service.
    pub fn sign_out(&self, visit: &Visit) {
        let session = visit.cookies.split("PROVIDER_SID=").nth(1).unwrap();
        let path = format!("/api/oidc/session/{session}/");
        let answer = self.send("DELETE", &path, &visit.cookies, &Value::Null);
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// Signs a user in as a browser would, and changes the code for tokens.
    pub fn login(&self, name: &str) -> Tokens {
        let cookie = self.consent(name, CLIENT.0);
        let query = encoded(&[
            ("response_type", "code"),
            ("client_id", CLIENT.0),
            ("redirect_uri", CALLBACK),
            ("scope", "openid"),
            ("state", "state"),
            ("nonce", "a-nonce-of-this-login"),
            ("resource", AUDIENCE),
        ]);
        let path = format!("/api/oidc/auth?{query}&g_continue");
        let answer = self.send("GET", &path, &cookie, &Value::Null);
        let location = answer.header("location").unwrap();
        let location = url::Url::parse(location).unwrap();
        let code = location.query_pairs().find(|(name, _)| name == "code");
        let code = code.unwrap_or_else(|| panic!("{location}")).1.into_owned();
        let form = encoded(&[
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", CALLBACK),
            ("resource", AUDIENCE),
        ]);
        let basic = base64_basic(CLIENT);
        let head = format!(
            "Authorization: Basic {basic}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        );
        let tokens = self.exchange("POST", "/api/oidc/token", &head, &form).json();
        let text =
            |name: &str| tokens[name].as_str().unwrap_or_else(|| panic!("{tokens}")).to_owned();
        Tokens { access: text("access_token"), id: text("id_token") }
    }

    /// Publishes these keys, and signs with the first from now on.
    pub fn rotate(&self, signers: &[&Signer]) {
        let mut plugin = self.ask("GET", "/api/mod/plugin/oidc", &Value::Null).json();
        plugin["parameters"]["jwks-private"] = json!(keys(signers));
        plugin["parameters"]["default-kid"] = json!(signers[0].kid);
        self.ask("PUT", "/api/mod/plugin/oidc", &plugin);
        self.ask("PUT", "/api/mod/plugin/oidc/reset", &Value::Null);
    }

    /// Ends it as a crash would.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again where it was.
    pub fn restart(&mut self) {
        self.child = launch(self.folder.path(), self.port);
    }

    /// Keeps its port open and answers nobody.
    pub fn hang(&self) {
        self.signal(rustix::process::Signal::STOP);
    }

    /// Answers again.
    pub fn go_on(&self) {
        self.signal(rustix::process::Signal::CONT);
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Answer {
        let answer = self.send(method, path, &self.admin, body);
        assert_eq!(answer.status, 200, "{method} {path}: {}", answer.body);
        answer
    }

    fn send(&self, method: &str, path: &str, cookie: &str, body: &Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut head = String::new();
        if !cookie.is_empty() {
            head = format!("Cookie: {cookie}\r\n");
        }
        self.exchange(method, path, &format!("{head}Content-Type: application/json\r\n"), &body)
    }

    fn exchange(&self, method: &str, path: &str, head: &str, body: &str) -> Answer {
        let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).unwrap();
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n{head}Content-Length: {length}\r\n\r\n{body}"
        );
        socket.write_all(request.as_bytes()).unwrap();
        let mut text = Vec::new();
        socket.read_to_end(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        // It may have been killed before.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A name that cannot be guessed is not needed on a machine of one's own.
pub fn password(user: &str) -> String {
    format!("{user}-password")
}

fn keys(signers: &[&Signer]) -> String {
    let keys: Vec<Value> = signers.iter().map(|signer| signer.private_jwk()).collect();
    json!({ "keys": keys }).to_string()
}

fn encoded(pairs: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

fn base64_basic((user, password): (&str, &str)) -> String {
    let text = b64(format!("{user}:{password}")).replace('-', "+").replace('_', "/");
    let padding = "=".repeat((4 - text.len() % 4) % 4);
    text + &padding
}

fn launch(folder: &Path, port: u16) -> Child {
    let config = folder.join("provider.conf");
    let modules = [
        ("user", "user"),
        ("client", "client"),
        ("user_auth_scheme", "scheme"),
        ("plugin", "plugin"),
    ]
    .map(|(name, at)| format!("{name}_module_path=\"/usr/lib/glewlwyd/{at}\"\n"))
    .concat();
    let text = format!(
        "port={port}\nbind_address=\"127.0.0.1\"\nexternal_url=\"http://127.0.0.1:{port}\"\n\
         api_prefix=\"api\"\nlogin_url=\"login.html\"\nlog_mode=\"console\"\nlog_level=\"ERROR\"\n\
         cookie_secure=0\nsession_expiration=3600\nsession_key=\"SESSION\"\n\
         admin_session_authentication=\"cookie\"\nprofile_session_authentication=\"cookie\"\n\
         login_api_enabled=true\nadmin_scope=\"g_admin\"\nprofile_scope=\"g_profile\"\n\
         hash_algorithm=\"SHA512\"\n{modules}\
         static_files_path=\"/usr/share/glewlwyd/webapp/\"\n\
         static_files_mime_types=({{extension=\".html\"; mime_type=\"text/html\"; compress=0;}})\n\
         database={{ type=\"sqlite3\"; path=\"{}\"; }};\n",
        folder.join("provider.sqlite3").display()
    );
    std::fs::write(&config, text).unwrap();
    let log = std::fs::File::create(folder.join("provider.log")).unwrap();
    let mut child = Command::new("glewlwyd")
        .arg(format!("--config-file={}", config.display()))
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    let began = Instant::now();
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        let said = || std::fs::read_to_string(folder.join("provider.log")).unwrap_or_default();
        assert!(child.try_wait().unwrap().is_none(), "it ended: {}", said());
        assert!(began.elapsed() < Duration::from_secs(30), "it does not listen: {}", said());
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}
