//! Case groups 17 and 18: whose session it is, and what its writes must show.

use super::scene::{ANNA, ATTEMPT, MAREK, SESSION, Scene};
use crate::http::site::OURS;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn whoever_signs_in_gets_a_session_of_a_new_name() {
    let test = "whoever_signs_in_gets_a_session_of_a_new_name";
    let Some(scene) = Scene::new(test).await else { return };
    let chosen = "a".repeat(64);
    let mut agent = scene.agent();
    agent.cookies.insert(SESSION.into(), chosen.clone());
    agent.cookies.insert(ATTEMPT.into(), chosen.clone());
    agent.sign_in(MAREK, "/").await;
    let first = agent.cookies[SESSION].clone();
    assert_ne!(first, chosen);
    assert_eq!(first.len(), 64);
    let who = agent.session().await;
    assert_eq!((&who["tenant"], &who["actor"]), (&json!(OURS), &json!(MAREK)));
    assert_eq!(who["roles"], json!(["dispatcher"]));
    assert!(who.to_string().find("eyJ").is_none(), "no token is told: {who}");
    // The same browser signs in as somebody else.
    agent.sign_in(ANNA, "/").await;
    assert_ne!(agent.cookies[SESSION], first);
    assert_eq!(agent.session().await["actor"], ANNA);
    for dead in [chosen, first] {
        let mut other = scene.agent();
        other.cookies.insert(SESSION.into(), dead);
        other.get("/auth/session").await.expect(401);
        other.get("/api/v1/scenario").await.expect(401);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_is_led_nowhere_else_after_it_signed_in() {
    let test = "a_browser_is_led_nowhere_else_after_it_signed_in";
    let Some(scene) = Scene::new(test).await else { return };
    for (wanted, led) in [
        ("/gates?for=staging", "/gates?for=staging"),
        ("//evil", "/"),
        ("/\\evil", "/"),
        ("https:evil", "/"),
        ("https://evil.example.org/", "/"),
        ("/\r\nset-cookie: a=b", "/"),
        ("/%0d%0aset-cookie:a=b", "/"),
    ] {
        let mut agent = scene.agent();
        let encoded: String = url::form_urlencoded::byte_serialize(wanted.as_bytes()).collect();
        let address = agent.begin(&format!("/auth/login?return_to={encoded}")).await;
        let visit = scene.provider.visit(MAREK, super::scene::CLIENT.0, &address);
        let answer = agent.get(scene.path_of(&visit.location)).await.expect(303);
        assert_eq!(answer.header("location"), led, "{wanted:?}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cookies_keep_every_rule_and_nothing_is_stored() {
    let test = "the_cookies_keep_every_rule_and_nothing_is_stored";
    let Some(scene) = Scene::new(test).await else { return };
    let (mut agent, _) = scene.signed_in(MAREK).await;
    assert_eq!(agent.set.len(), 3, "{:?}", agent.set);
    for text in &agent.set {
        let attributes: Vec<&str> = text.split("; ").skip(1).collect();
        for needed in ["Path=/", "Secure", "HttpOnly", "SameSite=Lax"] {
            assert!(attributes.contains(&needed), "{needed}: {text}");
        }
        assert!(text.starts_with("__Host-"), "{text}");
        assert!(!text.to_lowercase().contains("domain"), "{text}");
    }
    for path in ["/auth/session", "/api/v1/scenario", "/auth/callback"] {
        assert_eq!(agent.get(path).await.header("cache-control"), "no-store", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browsers_write_needs_our_origin_and_the_token_and_a_bearers_needs_neither() {
    let test = "a_browsers_write_needs_our_origin_and_the_token_and_a_bearers_needs_neither";
    let Some(scene) = Scene::new(test).await else { return };
    let (mut agent, _) = scene.signed_in(MAREK).await;
    let (csrf, ours) = (agent.csrf().await, scene.origin.clone());
    let (mut another, _) = scene.signed_in(ANNA).await;
    let theirs = another.csrf().await;
    let issuer = url::Url::parse(&scene.provider.issuer).unwrap().origin().ascii_serialization();
    for (origin, token) in [
        (Some(ours.as_str()), None),
        (Some(&ours), Some("")),
        (Some(&ours), Some(theirs.as_str())),
        (None, Some(csrf.as_str())),
        (Some("null"), Some(&csrf)),
        (Some(&issuer), Some(&csrf)),
        (Some("http://localhost"), Some(&csrf)),
    ] {
        let answer = agent.append("no", origin, token).await;
        assert_eq!(answer.status, 403, "{origin:?} {token:?}: {answer:?}");
    }
    agent.get("/api/v1/records/no").await.expect(404);
    agent.append("by-browser", Some(&ours), Some(&csrf)).await.expect(201);
    let record = agent.get("/api/v1/records/by-browser").await.expect(200).json();
    assert_eq!((&record["actor"], &record["tenant"]), (&json!(MAREK), &json!(OURS)));

    // A token is its own proof, also beside a cookie.
    let token = scene.provider.login(MAREK).access;
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    for (mut agent, id) in [(scene.agent(), "by-token"), (another, "by-token-beside")] {
        let body = crate::http::site::risks(&[id]).to_string();
        agent.ask("POST", "/api/v1/records", &headers, &body).await.expect(201);
        let path = format!("/api/v1/records/{id}");
        let record = agent.ask("GET", &path, &headers[..1], "").await.expect(200).json();
        assert_eq!(record["actor"], MAREK);
    }
}
