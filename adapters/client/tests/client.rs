//! A client against a stand-in that does everything wrong that a service can.

#![allow(clippy::unwrap_used, reason = "the functions beside the tests are tests too")]

use flowcontrol_client::{
    Client, Group, Limit, Named, NoAnswer, Options, Request, Service, SystemClock, Target,
    Transport,
};
use flowcontrol_contract::error::{Error, ErrorKind, Reported, Retry};
use flowcontrol_contract::{Clock, Effect, Secret, Timestamp};
use flowcontrol_standin::{
    Answer, Canned, Certificate, Listener, Script, Scripted, Server, by_path,
};
use futures::FutureExt as _;
use futures::future::{BoxFuture, ready};
use http::Method;
use serde_json::json;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use url::Url;

/// A clock that moves only when somebody waits.
#[derive(Debug, Default)]
struct Leaping(Mutex<u64>);

impl Leaping {
    fn waited(&self) -> u64 {
        *self.0.lock().unwrap() / 1000
    }
}

/// Limits on an attempt are longer than any pause here.
const LIMIT: Duration = Duration::from_secs(120);

impl Clock for Leaping {
    fn now(&self) -> Timestamp {
        let millis = *self.0.lock().unwrap();
        Timestamp::from_micros(1_764_000_000_000_000 + millis as i64 * 1000).unwrap()
    }

    fn sleep(&self, pause: Duration) -> BoxFuture<'static, ()> {
        if pause > LIMIT {
            return futures::future::pending().boxed();
        }
        *self.0.lock().unwrap() += pause.as_millis() as u64;
        ready(()).boxed()
    }
}

struct Scene {
    server: Server,
    canned: Canned,
    script: Script<String>,
    clock: Arc<Leaping>,
}

const SECRET: &str = "TOPSECRET";

impl Scene {
    async fn new() -> Self {
        let (canned, script) = (Canned::default(), Script::default());
        canned.put("/v1/ask", Answer::json(&json!({"token": SECRET})));
        let listener = Listener::free().await.unwrap().noting();
        let server = listener.serve(Scripted::new(canned.clone(), script.clone(), by_path));
        Self { server, canned, script, clock: Arc::default() }
    }

    fn options(&self) -> Options {
        Options {
            base_url: Some(format!("{}/v1/", self.server.origin())),
            timeout_ms: 500,
            ..Options::default()
        }
    }

    fn client<G: Group>(&self) -> Client<G> {
        Client::new("sample", Named("Sample"), &self.options(), self.clock.clone()).unwrap()
    }

    async fn failure(&self, fault: &str, request: &Request) -> Error {
        self.script.clear();
        self.script.plan(format!("/v1/ask:{fault}").parse().unwrap());
        let error = self.client().call(request).await.unwrap_err();
        assert!(!format!("{error:?} {}", error.chain()).contains(SECRET), "{error:?}");
        error
    }
}

fn once() -> Request {
    let path = format!("/ask?key={SECRET}");
    Request::post("send", path).bearer(&Secret::new(SECRET)).unwrap()
}

#[tokio::test]
async fn what_fails_is_permanent_temporary_or_ambiguous() {
    let scene = Scene::new().await;
    let read = Request::get("ask", format!("/ask?key={SECRET}"));
    use {ErrorKind as Kind, Retry::*};
    for (fault, kind, of_once, of_read) in [
        ("lost*forever", Kind::Unavailable, Ambiguous, Temporary),
        ("dropped*forever", Kind::Unavailable, Ambiguous, Temporary),
        ("hang*forever", Kind::Timeout, Ambiguous, Temporary),
        ("slow=200*forever", Kind::Timeout, Ambiguous, Temporary),
        ("truncated*forever", Kind::Unavailable, Ambiguous, Temporary),
        ("oversized=20000000*forever", Kind::Unexpected, Ambiguous, Permanent),
        ("status=400", Kind::InvalidInput, Permanent, Permanent),
        ("status=401", Kind::Unauthenticated, Permanent, Permanent),
        ("status=403", Kind::Denied, Permanent, Permanent),
        ("status=404", Kind::NotFound, Permanent, Permanent),
        ("status=408*forever", Kind::Timeout, Temporary, Temporary),
        ("status=409", Kind::Conflict, Permanent, Permanent),
        ("429=1*forever", Kind::Unavailable, Temporary, Temporary),
        ("status=500*forever", Kind::Unavailable, Ambiguous, Temporary),
        ("503=1*forever", Kind::Unavailable, Ambiguous, Temporary),
        ("redirect=http://127.0.0.1:1/", Kind::Unexpected, Permanent, Permanent),
    ] {
        let error = scene.failure(fault, &once()).await;
        assert_eq!((error.kind(), error.retryable()), (kind, of_once), "{fault}: {error}");
        let error = scene.failure(fault, &read).await;
        assert_eq!((error.kind(), error.retryable()), (kind, of_read), "{fault}: {error}");
        assert!(error.to_string().starts_with("sample ask: ask"), "{error}");
    }
    for seen in scene.server.seen() {
        assert_eq!((seen.path.as_str(), seen.query.as_deref()), ("/v1/ask", Some("key=TOPSECRET")));
    }
}

#[tokio::test]
async fn what_may_be_tried_again_is_until_it_succeeds() {
    let scene = Scene::new().await;
    for (fault, request, attempts, waited) in [
        ("lost*2", Request::get("ask", "/ask"), 3, 1 + 2),
        ("lost", once().repeatable(), 2, 1),
        ("429=30*2", once(), 3, 60),
        ("503=7", Request::get("ask", "/ask"), 2, 7),
    ] {
        let (before, start) = (scene.server.seen().len(), scene.clock.waited());
        scene.script.plan(format!("/v1/ask:{fault}").parse().unwrap());
        let answer = scene.client().call(&request).await.unwrap();
        assert_eq!(answer.json::<serde_json::Value>().unwrap()["token"], SECRET);
        assert!(!format!("{answer:?} {request:?}").contains(SECRET));
        assert_eq!(scene.server.seen().len() - before, attempts, "{fault}");
        assert_eq!(scene.clock.waited() - start, waited, "{fault}");
    }
    // A longer pause than there is patience for fails at once, and says so.
    scene.script.plan("/v1/ask:429=600".parse().unwrap());
    let client = scene.client();
    let error = client.call(&once()).await.unwrap_err();
    assert_eq!(error.reported().and_then(|r| r.retry_after), Some(600));
    // Nothing of any kind is asked meanwhile.
    let (seen, error) = (scene.server.seen().len(), client.call(&once()).await.unwrap_err());
    assert_eq!((error.kind(), scene.server.seen().len()), (ErrorKind::Exhausted, seen), "{error}");
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Two;

impl Group for Two {
    fn documented(self) -> Vec<Limit> {
        vec![Limit { requests: 2, per: Duration::from_secs(60) }]
    }
}

#[tokio::test]
async fn limits_are_kept_by_waiting_and_never_beyond_the_patience() {
    let scene = Scene::new().await;
    let client = scene.client();
    let target = || Target::Path("/ask".into());
    let ask = Request::new("ask", Method::GET, target(), Effect::Repeatable, Two);
    for waited in [0, 0, 60, 60, 120] {
        client.call(&ask).await.unwrap();
        assert_eq!(scene.clock.waited(), waited);
    }
    client.allow(Two, [Limit { requests: 1, per: Duration::from_secs(3600) }]);
    let error = client.call(&ask).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exhausted, "{error}");
    assert!(error.message().contains("Sample's limits allow the next"), "{error}");
}

#[tokio::test]
async fn another_origin_is_asked_without_our_credentials() {
    let (ours, other) = (Scene::new().await, Scene::new().await);
    let address = Url::parse(&format!("{}/v1/ask?sig={SECRET}", other.server.origin())).unwrap();
    let upload = Request::new("upload", Method::PUT, Target::Address(address), Effect::Once, ())
        .bearer(&Secret::new(SECRET))
        .unwrap()
        .secret("x-api-key".parse().unwrap(), &Secret::new(SECRET))
        .unwrap()
        .header("x-part", "1")
        .unwrap()
        .bytes("part");
    ours.client().call(&upload).await.unwrap();
    let seen = &other.server.seen()[0];
    assert_eq!((seen.header("authorization"), seen.header("x-part")), (None, Some("1")));
    assert_eq!(seen.header("x-api-key"), None);
    assert_eq!((&seen.method, &*seen.body), (&Method::PUT, &b"part"[..]));
    ours.client().call(&once().json(&json!({"a": 1})).unwrap()).await.unwrap();
    let seen = &ours.server.seen()[0];
    assert_eq!(seen.header("authorization"), Some("Bearer TOPSECRET"));
    assert_eq!(seen.header("content-type"), Some("application/json"));
    // No path leads away from the base.
    for path in ["@127.0.0.1:1/", ".example/", ":1/"] {
        let client =
            Client::<()>::new("sample", Named("Sample"), &ours.options(), ours.clock.clone());
        let mut request = Request::get("ask", path);
        request = request.bearer(&Secret::new(SECRET)).unwrap();
        drop(client.unwrap().call(&request).await);
    }
    assert!(ours.server.seen().iter().all(|seen| seen.path.starts_with("/v1")));
    assert!(Request::<()>::get("ask", "/").bearer(&Secret::new("a\nb")).is_err());
}

/// A service with errors of its own.
#[derive(Debug)]
struct Coded;

impl Service for Coded {
    fn name(&self) -> &str {
        "Coded"
    }

    fn reported(&self, refusal: &flowcontrol_client::Response) -> Option<Reported> {
        let code = refusal.json::<serde_json::Value>().ok()?["code"].as_i64()?;
        Some(Reported { code, description: "nobody signed in".into(), ..Reported::default() })
    }

    fn kind(&self, reported: &Reported) -> ErrorKind {
        if reported.code == 21301 { ErrorKind::Unauthenticated } else { ErrorKind::Unexpected }
    }
}

#[tokio::test]
async fn a_service_says_what_its_errors_mean() {
    let scene = Scene::new().await;
    let body = json!({"code": 21301}).to_string();
    scene.canned.put("/v1/ask", Answer::new(400, "application/json", body));
    let clock = scene.clock.clone();
    let client = Client::<()>::new("sample", Coded, &scene.options(), clock).unwrap();
    let error = client.call(&Request::get("ask", "/ask")).await.unwrap_err();
    assert_eq!(error.to_string(), "sample ask: ask was answered with 400/21301 nobody signed in");
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    scene.canned.put("/v1/ask", Answer::new(200, "text/html", format!("<p>{SECRET}")));
    let answer = client.call(&Request::post("redeem", "/ask")).await.unwrap();
    let error = answer.json::<serde_json::Value>().unwrap_err();
    assert_eq!((error.kind(), error.retryable()), (ErrorKind::Unexpected, Retry::Ambiguous));
    assert!(!error.message().contains(SECRET), "{error}");
}

#[tokio::test]
async fn a_certificate_must_be_trusted_and_name_the_service() {
    let certificate = Certificate::localhost().unwrap();
    let canned = Canned::default();
    canned.put("/", Answer::json(&json!(1)));
    let server = Listener::free().await.unwrap().tls(&certificate).serve(canned);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ca.pem"), certificate.pem()).unwrap();
    let ask = async |host: &str, ca: Option<&str>| {
        let options = Options { ca: ca.map(Into::into), attempts: 1, ..Options::default() };
        let base = Url::parse(&format!("https://{host}:{}/", server.address().port())).unwrap();
        let clock = Arc::new(SystemClock);
        let at = folder.path();
        let client =
            Client::<()>::at("sample", Named("Sample"), base, &options, at, clock).unwrap();
        client.call(&Request::get("ask", "/")).await
    };
    ask("localhost", Some("ca.pem")).await.unwrap();
    for (host, ca) in [("localhost", None), ("127.0.0.1", Some("ca.pem"))] {
        let error = ask(host, ca).await.unwrap_err();
        assert_eq!((error.kind(), error.retryable()), (ErrorKind::Unavailable, Retry::Temporary));
        assert!(error.message().contains("its certificate is not accepted"), "{error}");
        assert!(error.hint_text().unwrap().contains("`ca`"), "{error:?}");
    }
}

#[tokio::test]
async fn a_transport_answers_whatever_the_status_and_reads_no_more_than_it_may() {
    let scene = Scene::new().await;
    let options = Options { max_body_bytes: 2048, timeout_ms: 500, ..Options::default() };
    let transport = Transport::new(&options, Path::new("")).unwrap();
    let url = format!("{}/v1/ask?key={SECRET}", scene.server.origin());
    let get = |url: &str| http::Request::get(url).body(Default::default()).unwrap();
    let answer = transport.send(get(&url)).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.body().is_empty()), (200, false));
    scene.canned.put("/v1/ask", Answer::new(500, "text/plain", vec![b'x'; 5000]));
    let answer = transport.send(get(&url)).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.body().len()), (500, 2048));
    scene.canned.put("/v1/ask", Answer::new(200, "text/plain", vec![b'x'; 5000]));
    let why = transport.send(get(&url)).await.unwrap_err();
    assert_eq!(why, NoAnswer::TooLong(2048));
    scene.script.plan("/v1/ask:hang".parse().unwrap());
    let why = transport.send(get(&url)).await.unwrap_err();
    assert_eq!(
        (why.to_string().as_str(), why.may_have_happened()),
        ("did not answer in time", true)
    );
    let nobody = transport.send(get("http://127.0.0.1:9/")).await.unwrap_err();
    assert_eq!((nobody.clone(), nobody.may_have_happened()), (NoAnswer::NotReached(None), false));
    let plain = transport.send(get("http://192.0.2.1/?key=TOPSECRET")).await.unwrap_err();
    assert_eq!(plain.to_string(), "cannot be asked: it would leave this machine without TLS");
}
