//! The log as one object a line, and what never stands in it.

use super::oidc::{issuers, marek};
use super::site::{OURS, headers_of, settled};
use flowcontrol_testkit::forge::Signer;
use flowcontrol_testkit::provider::Provider;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The program in `folder`, with its log in a file: a pipe that nobody reads would stop it.
fn started(folder: &Path, arguments: &[&str]) -> (Child, String) {
    let log = std::fs::File::create(folder.join("log")).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_flowcontrol"))
        .args(["serve", "--listen", "127.0.0.1:0"])
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let log = || std::fs::read_to_string(folder.join("log")).unwrap();
    let url = line.trim().strip_prefix("listening on ");
    (child, url.unwrap_or_else(|| panic!("{line}{}", log())).to_owned())
}

/// What it logged until it was asked to stop.
fn stopped(folder: &Path, mut child: Child) -> String {
    use nix::sys::signal::{Signal, kill};
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    kill(pid, Signal::SIGTERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    std::fs::read_to_string(folder.join("log")).unwrap()
}

fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// Every line as the object that it has to be.
fn objects(log: &str) -> Vec<Value> {
    let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    log.lines().map(parse).collect()
}

#[tokio::test]
async fn each_request_is_one_object_with_fields() {
    for (more, arguments) in [("", &["--log-format", "json"][..]), ("[serve]\nlog = \"json\"", &[])]
    {
        let (folder, _) = settled(more).await;
        let (child, url) = started(folder.path(), arguments);
        let client = client();
        for (path, id) in [("/api/v1/scenario", "good-1"), ("/api/v1/records/%22%0a%7D", "bad-1")] {
            let mut request = client.get(format!("{url}{path}")).header("x-request-id", id);
            for (name, value) in headers_of("user_md_anna") {
                request = request.header(name, value);
            }
            request.send().await.unwrap();
        }
        let log = stopped(folder.path(), child);
        let objects = objects(&log);
        let of = |id: &str| {
            let mut found = objects.iter().filter(|o| o["request_id"] == id);
            let (one, more) = (found.next(), found.next());
            assert!(more.is_none(), "{log}");
            one.unwrap_or_else(|| panic!("{log}")).clone()
        };
        let good = of("good-1");
        for (field, value) in [
            ("level", "INFO"),
            ("message", "request"),
            ("method", "GET"),
            ("route", "/api/v1/scenario"),
            ("tenant", OURS),
            ("actor", "user_md_anna"),
        ] {
            assert_eq!(good[field], value, "{log}");
        }
        assert_eq!(good["status"], 200, "{log}");
        assert!(good["micros"].as_u64().is_some() && good["timestamp"].is_string(), "{log}");
        // The route and not the path: what a caller sent is no label.
        let bad = of("bad-1");
        assert_eq!((&bad["route"], &bad["status"]), (&"/api/v1/records/{id}".into(), &404.into()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_stands_in_the_log_however_much_is_logged() {
    if !Provider::there_or_skip("no_token_stands_in_the_log_however_much_is_logged") {
        return;
    }
    let signer = Signer::rsa("key-1");
    let provider = Provider::start(&signer);
    let mut config: toml::Table = flowcontrol::config::TEMPLATE.parse().unwrap();
    config["profiles"]["local-demo"]["auth"] = toml::Value::from("oidc-rbac");
    let adapter = toml::Value::try_from(issuers(&provider.issuer)).unwrap();
    config["adapters"].as_table_mut().unwrap().insert("oidc-rbac".into(), adapter);
    let (folder, _) = settled("").await;
    std::fs::write(folder.path().join("flowcontrol.toml"), config.to_string()).unwrap();
    let (child, url) = started(folder.path(), &["--log-format", "json", "-vv"]);

    let claims = marek(&provider.issuer, OURS);
    let good = signer.token(&signer.header(), &claims);
    let stranger = Signer::rsa("key-1").token(&signer.header(), &claims);
    let unknown = Signer::rsa("key-2");
    let unknown = unknown.token(&unknown.header(), &claims);
    let client = client();
    let mut statuses = Vec::new();
    for token in [&good, &stranger, &unknown, &"opaque-token-of-nobody".to_owned()] {
        let request = client.get(format!("{url}/api/v1/scenario")).bearer_auth(token);
        statuses.push(request.send().await.unwrap().status().as_u16());
        let query = client.get(format!("{url}/api/v1/records?access_token={token}"));
        assert_eq!(query.send().await.unwrap().status(), 401);
    }
    assert_eq!(statuses, [200, 401, 401, 401]);
    let log = stopped(folder.path(), child);
    assert!(objects(&log).iter().filter(|o| o["message"] == "request").count() >= 8, "{log}");
    for token in [&good, &stranger, &unknown] {
        for part in token.split('.') {
            assert!(!log.contains(part), "a part of a token: {part}\n{log}");
        }
    }
    assert!(!log.contains("opaque-token-of-nobody"), "{log}");
    assert!(!log.to_lowercase().contains("bearer ey"), "{log}");
}
