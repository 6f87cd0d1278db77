//! Case group 16: whose answer it is, and to what.

use super::scene::{ATTEMPT, CLIENT, MAREK, SESSION, Scene};
use std::collections::BTreeMap;
use url::Url;

fn query(address: &str) -> BTreeMap<String, String> {
    Url::parse(address).unwrap().query_pairs().into_owned().collect()
}

/// The address with one parameter set; taken out for `None`.
fn with(address: &str, name: &str, value: Option<&str>) -> String {
    let mut url = Url::parse(address).unwrap();
    let kept: Vec<(String, String)> =
        url.query_pairs().into_owned().filter(|(n, _)| n != name).collect();
    url.query_pairs_mut().clear().extend_pairs(kept);
    if let Some(value) = value {
        url.query_pairs_mut().append_pair(name, value);
    }
    url.into()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_attempt_has_a_challenge_a_state_and_a_nonce_of_its_own() {
    let test = "each_attempt_has_a_challenge_a_state_and_a_nonce_of_its_own";
    let Some(scene) = Scene::new(test).await else { return };
    let (one, two) =
        (scene.agent().begin("/auth/login").await, scene.agent().begin("/auth/login").await);
    let (one, two) = (query(&one), query(&two));
    for (name, value) in [
        ("response_type", "code"),
        ("code_challenge_method", "S256"),
        ("client_id", CLIENT.0),
        ("redirect_uri", &format!("{}/auth/callback", scene.origin)),
        ("scope", "openid"),
    ] {
        assert_eq!(one[name], value);
    }
    for name in ["state", "nonce", "code_challenge"] {
        assert!(one[name].len() >= 20, "{name}: {}", one[name]);
        assert_ne!(one[name], two[name]);
    }
    assert!(!one.contains_key("code_verifier"));
}

/// A code counts once at the provider, so one that still counts was not redeemed.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_nothing_is_refused_and_the_provider_is_not_asked() {
    let test = "an_answer_to_nothing_is_refused_and_the_provider_is_not_asked";
    let Some(scene) = Scene::new(test).await else { return };
    let mut agent = scene.agent();
    let address = agent.begin("/auth/login?return_to=/openapi.json").await;
    let callback = scene.provider.visit(MAREK, CLIENT.0, &address).location;
    let mut stranger = scene.agent();
    let mut other = scene.agent();
    let others = query(&other.begin("/auth/login").await)["state"].clone();
    let absent = with(&callback, "state", None);
    let foreign = with(&callback, "state", Some(&others));
    let twice = format!("{callback}&state={others}");
    for (who, answer) in [
        ("no attempt", stranger.get(scene.path_of(&callback)).await),
        ("another's attempt", other.get(scene.path_of(&callback)).await),
        ("no state", agent.get(scene.path_of(&absent)).await),
        ("another's state", agent.get(scene.path_of(&foreign)).await),
        ("two states", agent.get(scene.path_of(&twice)).await),
    ] {
        assert_eq!(answer.status, 400, "{who}: {answer:?}");
        assert!(answer.header("set-cookie").is_empty(), "{who}");
    }
    let answer = agent.get(scene.path_of(&callback)).await.expect(303);
    assert_eq!(answer.header("location"), "/openapi.json");
    assert!(!agent.cookies.contains_key(ATTEMPT));
    agent.session().await;
    // Once more it is an answer to nothing.
    agent.get(scene.path_of(&callback)).await.expect(400);
    agent.session().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_another_issuer_or_to_another_nonce_signs_nobody_in() {
    let test = "an_answer_of_another_issuer_or_to_another_nonce_signs_nobody_in";
    let Some(scene) = Scene::new(test).await else { return };
    for issuer in ["https://evil.example.org", "", &format!("{}/", scene.provider.issuer)] {
        let mut agent = scene.agent();
        let address = agent.begin("/auth/login").await;
        let callback = scene.provider.visit(MAREK, CLIENT.0, &address).location;
        let callback = with(&callback, "iss", Some(issuer));
        agent.get(scene.path_of(&callback)).await.expect(400);
        assert!(!agent.cookies.contains_key(SESSION), "{issuer}");
    }
    let mut agent = scene.agent();
    let address = with(&agent.begin("/auth/login").await, "nonce", Some("another-nonce"));
    let callback = scene.provider.visit(MAREK, CLIENT.0, &address).location;
    agent.get(scene.path_of(&callback)).await.expect(400);
    assert!(!agent.cookies.contains_key(SESSION));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_code_is_worth_nothing_in_another_browser() {
    let test = "a_stolen_code_is_worth_nothing_in_another_browser";
    let Some(scene) = Scene::new(test).await else { return };
    let mut victim = scene.agent();
    let address = victim.begin("/auth/login").await;
    let stolen = query(&scene.provider.visit(MAREK, CLIENT.0, &address).location)["code"].clone();
    let mut thief = scene.agent();
    let own = thief.begin("/auth/login").await;
    let own = scene.provider.visit("user_md_anna", CLIENT.0, &own).location;
    let forged = with(&own, "code", Some(&stolen));
    let answer = thief.get(scene.path_of(&forged)).await.expect(400);
    assert!(!answer.text.contains(&stolen));
    assert!(!thief.cookies.contains_key(SESSION));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_the_provider_does_not_let_in_or_we_do_not_know_is_refused() {
    let test = "whoever_the_provider_does_not_let_in_or_we_do_not_know_is_refused";
    let Some(mut scene) = Scene::new(test).await else { return };
    scene.provider.user("nobody", &serde_json::json!("bfg-control"), &serde_json::json!(["guest"]));
    let mut agent = scene.agent();
    let address = agent.begin("/auth/login").await;
    let callback = scene.provider.visit("nobody", CLIENT.0, &address).location;
    agent.get(scene.path_of(&callback)).await.expect(403);
    let state = query(&agent.begin("/auth/login").await)["state"].clone();
    let issuer = &scene.provider.issuer;
    let refused = format!("/auth/callback?error=access_denied&state={state}&iss={issuer}");
    agent.get(&refused).await.expect(403);
    assert!(!agent.cookies.contains_key(SESSION));
    // A provider that is gone is no fault of the browser's.
    let address = agent.begin("/auth/login").await;
    let callback = scene.provider.visit(MAREK, CLIENT.0, &address).location;
    let (cookies, path) = (agent.cookies.clone(), scene.path_of(&callback).to_owned());
    scene.provider.kill();
    let mut agent = scene.agent();
    agent.cookies = cookies;
    agent.get(&path).await.expect(503);
}
