//! Case group 20: tokens that end while the session goes on, and sessions that end with them.

use super::scene::{CLIENT, MAREK, SESSION, Scene};
use serde_json::json;
use std::time::Duration;

async fn wait(seconds: f64) {
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
}

/// The provider takes a refresh token once: a second renewal with it would end the session.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_renewed_once_whoever_asks_and_a_refusal_ends_the_session() {
    let test = "tokens_are_renewed_once_whoever_asks_and_a_refusal_ends_the_session";
    let Some(scene) = Scene::new(test).await else { return };
    scene.provider.set("access-token-duration", json!(4));
    let (mut agent, _) = scene.signed_in(MAREK).await;
    let mut last = agent.session().await["expires_at"].clone();
    for _ in 0..2 {
        wait(3.2).await;
        let asked = (0..20).map(|_| {
            let mut other = scene.agent();
            other.cookies = agent.cookies.clone();
            async move { other.get("/api/v1/scenario").await.status }
        });
        let statuses = futures::future::join_all(asked).await;
        assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
        let now = agent.session().await["expires_at"].clone();
        assert!(now.as_str() > last.as_str(), "{now} {last}");
        last = now;
    }
    scene.provider.forget(CLIENT.0);
    wait(3.2).await;
    agent.get("/api/v1/scenario").await.expect(401);
    agent.get("/auth/session").await.expect(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_gone_ends_no_session_and_lets_nobody_in_without_a_token() {
    let test = "a_provider_that_is_gone_ends_no_session_and_lets_nobody_in_without_a_token";
    let Some(mut scene) = Scene::new(test).await else { return };
    scene.provider.set("access-token-duration", json!(8));
    let name = scene.signed_in(MAREK).await.0.cookies[SESSION].clone();
    scene.provider.kill();
    let status = async |scene: &Scene| {
        let mut agent = scene.agent();
        agent.cookies.insert(SESSION.into(), name.clone());
        agent.get("/api/v1/scenario").await.status
    };
    // It is due for renewal, and still counts.
    wait(6.5).await;
    assert_eq!(status(&scene).await, 200);
    wait(2.0).await;
    assert_eq!(status(&scene).await, 503);
    scene.provider.restart();
    for _ in 0..150 {
        if status(&scene).await == 200 {
            return;
        }
        wait(0.2).await;
    }
    panic!("the session was not renewed once the provider was back: {}", status(&scene).await);
}
