//! Keys that come, go and cannot be had: case groups 7, 8 and 9.

use super::scene::{Scene, bear, built, config};
use flowcontrol_contract::error::ErrorKind;
use flowcontrol_testkit::forge::Signer;
use serde_json::json;
use std::time::{Duration, Instant};

const REFUSED: Option<ErrorKind> = Some(ErrorKind::Unauthenticated);
const UNAVAILABLE: Option<ErrorKind> = Some(ErrorKind::Unavailable);

async fn wait(seconds: f64) {
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_key_is_found_by_its_first_token_and_a_retired_one_ends() {
    let Some(scene) =
        Scene::new("a_rotated_key_is_found_by_its_first_token_and_a_retired_one_ends").await
    else {
        return;
    };
    let old = scene.provider.login("user_dispatcher_marek").access;
    assert_eq!(scene.verdict(&old).await, None);
    wait(1.1).await;
    let next = Signer::rsa("key-2");
    scene.provider.rotate(&[&next, &scene.signer]);
    let new = scene.provider.login("user_dispatcher_marek").access;
    assert_eq!(scene.verdict(&new).await, None, "the first token of the new key");
    assert_eq!(scene.verdict(&old).await, None, "the old key is still published");
    scene.provider.rotate(&[&next]);
    wait(1.1).await;
    // A call that finds its key begins the fetch that ends it, and does not wait for it.
    let before = scene.until(&old, REFUSED).await;
    assert!(before.iter().all(Option::is_none), "{before:?}");
    assert_eq!(scene.verdict(&new).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_keys_at_once_do_not_disturb_a_known_one() {
    let Some(scene) = Scene::new("unknown_keys_at_once_do_not_disturb_a_known_one").await else {
        return;
    };
    let good = scene.forge(&scene.claims());
    assert_eq!(scene.verdict(&good).await, None);
    let unknown: Vec<String> = (0..100)
        .map(|n| {
            let mut header = scene.signer.header();
            header["kid"] = json!(format!("unknown-{n}"));
            scene.signer.token(&header, &scene.claims())
        })
        .collect();
    let all = futures::future::join_all(unknown.iter().map(|token| scene.verdict(token)));
    let known = futures::future::join_all((0..100).map(|_| scene.verdict(&good)));
    let (all, known) = tokio::join!(all, known);
    assert!(all.iter().all(|k| *k == REFUSED), "{all:?}");
    assert!(known.iter().all(Option::is_none), "{known:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_gone_is_outlived_as_long_as_stated_and_found_again() {
    let Some(mut scene) =
        Scene::new("a_provider_that_is_gone_is_outlived_as_long_as_stated_and_found_again").await
    else {
        return;
    };
    let token = scene.forge(&scene.claims());
    assert_eq!(scene.verdict(&token).await, None);
    scene.provider.kill();
    let until = Instant::now() + Duration::from_secs(3);
    while Instant::now() < until {
        assert_eq!(scene.verdict(&token).await, None);
        wait(0.2).await;
    }
    // max_stale is 6 s.
    let before = scene.until(&token, UNAVAILABLE).await;
    assert!(before.iter().all(Option::is_none), "{before:?}");
    assert!(scene.auth.ready().await.is_err());
    let cold = built(config(&scene.provider.issuer)).await;
    assert_eq!(bear(&*cold, &token).await.err().map(|e| e.kind()), UNAVAILABLE);
    scene.provider.restart();
    let before = scene.until(&token, None).await;
    assert!(before.iter().all(|came| *came == UNAVAILABLE), "{before:?}");
    assert!(scene.auth.ready().await.is_ok());
    wait(1.1).await;
    assert!(bear(&*cold, &token).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_hangs_does_not_hold_up_a_known_key() {
    let Some(scene) = Scene::new("a_provider_that_hangs_does_not_hold_up_a_known_key").await else {
        return;
    };
    let token = scene.forge(&scene.claims());
    assert_eq!(scene.verdict(&token).await, None);
    scene.provider.hang();
    wait(1.1).await;
    let mut slowest = Duration::ZERO;
    for _ in 0..50 {
        let began = Instant::now();
        assert_eq!(scene.verdict(&token).await, None);
        slowest = slowest.max(began.elapsed());
    }
    // One fetch takes 10 s until it is given up.
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");
    let mut header = scene.signer.header();
    header["kid"] = json!("key-2");
    let unknown = scene.signer.token(&header, &scene.claims());
    let came = tokio::time::timeout(Duration::from_secs(45), scene.verdict(&unknown)).await;
    assert_eq!(came.unwrap(), UNAVAILABLE);
    scene.provider.go_on();
    scene.until(&unknown, REFUSED).await;
}
