//! Case group 19, and the rest of 17: sessions that end here, and those that the provider ends.

use super::scene::{ANNA, Agent, CLIENT, MAREK, SESSION, Scene};
use crate::http::site::Answer;
use flowcontrol_testkit::forge::Signer;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_ends_the_session_here_and_leads_to_the_provider() {
    let test = "signing_out_ends_the_session_here_and_leads_to_the_provider";
    let Some(scene) = Scene::new(test).await else { return };
    let (mut agent, _) = scene.signed_in(MAREK).await;
    let (name, csrf) = (agent.cookies[SESSION].clone(), agent.csrf().await);
    let form = [("content-type", "application/x-www-form-urlencoded"), ("origin", &*scene.origin)];
    let foreign = [form[0], ("origin", "https://evil.example.org")];
    let body = format!("csrf_token={csrf}");
    agent.ask("GET", "/auth/logout", &form, &body).await.expect(405);
    agent.ask("POST", "/auth/logout", &form, "").await.expect(403);
    agent.ask("POST", "/auth/logout", &foreign, &body).await.expect(403);
    agent.session().await;
    let answer = agent.ask("POST", "/auth/logout", &form, &body).await.expect(303);
    let way_out = url::Url::parse(answer.header("location")).unwrap();
    let query: std::collections::BTreeMap<_, _> = way_out.query_pairs().into_owned().collect();
    assert!(way_out.path().ends_with("/end_session"), "{way_out}");
    assert_eq!(query["post_logout_redirect_uri"], format!("{}/", scene.origin));
    assert_eq!(query["client_id"], CLIENT.0);
    assert_eq!(query["id_token_hint"].split('.').count(), 3);
    assert!(!agent.cookies.contains_key(SESSION));
    agent.cookies.insert(SESSION.into(), name);
    agent.get("/auth/session").await.expect(401);
    agent.get("/api/v1/scenario").await.expect(401);
    // A script is told where to go: it cannot follow to another site.
    let (mut agent, _) = scene.signed_in(MAREK).await;
    let csrf = agent.csrf().await;
    let headers =
        [("accept", "application/json"), ("origin", &scene.origin), ("x-csrf-token", &csrf)];
    let told = agent.ask("POST", "/auth/logout", &headers, "").await.expect(200).json();
    assert!(told["location"].as_str().unwrap().contains("end_session"), "{told}");
    agent.get("/auth/session").await.expect(401);
}

async fn message(scene: &Scene, token: &str) -> Answer {
    let mut provider = scene.agent();
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    let body = format!("logout_token={token}");
    provider.ask("POST", "/auth/backchannel-logout", &kind, &body).await
}

/// The name of the session at the provider, and its user's.
fn ids(agent: &Value, visit: &flowcontrol_testkit::provider::Visit) -> (String, String) {
    let session = visit.cookies.split("PROVIDER_SID=").nth(1).unwrap().to_owned();
    (session, agent["actor"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_logout_token_ends_sessions_and_only_those_that_it_names() {
    let test = "only_a_logout_token_ends_sessions_and_only_those_that_it_names";
    let Some(scene) = Scene::new(test).await else { return };
    let (mut marek, visit) = scene.signed_in(MAREK).await;
    let (mut again, _) = scene.signed_in(MAREK).await;
    let (session, _) = ids(&marek.session().await, &visit);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let good = json!({"iss": scene.provider.issuer, "aud": CLIENT.0, "iat": now, "jti": "logout-1",
        "sid": session, "events": {EVENT: {}}});
    let header = json!({"alg": "RS256", "typ": "logout+jwt", "kid": "key-1"});
    let with = |member: &str, value: Value| {
        let mut claims = good.clone();
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(member)),
            value => claims[member] = value,
        }
        scene.signer.token(&header, &claims)
    };
    let access = json!({"alg": "RS256", "typ": "at+jwt", "kid": "key-1"});
    let mut wrong = vec![
        ("no token", String::new()),
        ("no JSON", "a.b.c".to_owned()),
        ("another key", Signer::rsa("key-1").token(&header, &good)),
        ("an access token's type", scene.signer.token(&access, &good)),
        ("an access token", scene.provider.login(MAREK).access),
        ("an ID token", scene.provider.login(MAREK).id),
    ];
    for (member, value) in [
        ("nonce", json!("n")),
        ("aud", json!("another")),
        ("aud", json!([CLIENT.0, "another"])),
        ("events", Value::Null),
        ("events", json!({"http://schemas.openid.net/event/another": {}})),
        ("iss", json!("https://evil.example.org")),
        ("jti", Value::Null),
        ("sid", Value::Null),
        ("iat", json!(now - 3600)),
        ("iat", json!(now + 3600)),
        ("exp", json!(now - 60)),
    ] {
        wrong.push((member, with(member, value)));
    }
    for (why, token) in wrong {
        let answer = message(&scene, &token).await;
        assert_eq!(answer.status, 400, "{why}: {answer:?}");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    let unknown = with("sid", json!("another-session"));
    message(&scene, &unknown).await.expect(200);
    let replayed = with("x", json!(1));
    message(&scene, &replayed).await.expect(400);
    marek.session().await;
    // A message of another name is another message.
    message(&scene, &with("jti", json!("logout-2"))).await.expect(200);
    message(&scene, &with("jti", json!("logout-2"))).await.expect(400);
    marek.get("/auth/session").await.expect(401);
    marek.get("/api/v1/scenario").await.expect(401);
    again.session().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_signs_out_at_the_provider_is_signed_out_here() {
    let test = "whoever_signs_out_at_the_provider_is_signed_out_here";
    let Some(scene) = Scene::new(test).await else { return };
    let (mut marek, visit) = scene.signed_in(MAREK).await;
    let (mut anna, _) = scene.signed_in(ANNA).await;
    marek.session().await;
    scene.provider.sign_out(&visit);
    assert!(ends(&mut marek).await, "the provider's message did not end the session");
    anna.session().await;
}

async fn ends(agent: &mut Agent<'_>) -> bool {
    for _ in 0..100 {
        if agent.get("/auth/session").await.status == 401 {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    false
}
