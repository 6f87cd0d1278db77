//! Signing in, KSeF's keys, and clocks that differ.

use crate::scene::{OneToken, Scene, Shared, cx, number};
use flowcontrol_contract::error::ErrorKind;
use flowcontrol_contract::registry::BuildCx;
use flowcontrol_contract::{KsefProvider, Timestamp};
use flowcontrol_ksef::Ksef;
use flowcontrol_ksef_simulator::SimulatorClock;
use flowcontrol_ksef_testkit::invoices::invoice;
use std::sync::Arc;
use std::time::Duration;

#[tokio::test]
async fn a_withdrawn_key_is_replaced_exactly_once() {
    let scene = Scene::new().await;
    scene.plan("open:refuse=21470");
    scene.plan("ksef-token:refuse=21470");
    let client = scene.client();
    scene.submit(&client, &invoice("FV/1")).await.unwrap();
    let other = Scene::new().await;
    other.plan("open:refuse=21470*3");
    let error = other.submit(&other.client(), &invoice("FV/1")).await.unwrap_err();
    assert_eq!(error.reported().unwrap().code, 21470);
    assert_eq!(other.faults_left(), 1);
}

#[tokio::test]
async fn a_login_that_is_turned_away_says_why_and_redeems_nothing() {
    for (code, kind) in [(450, ErrorKind::Unauthenticated), (415, ErrorKind::Denied)] {
        let scene = Scene::new().await;
        scene.plan(&format!("ksef-token:verdict={code}"));
        // A redeem would spend this.
        scene.plan("redeem:status=500");
        let error = scene.submit(&scene.client(), &invoice("FV/1")).await.unwrap_err();
        assert_eq!((error.kind(), error.reported().unwrap().code), (kind, code));
        assert_eq!(scene.faults_left(), 1);
    }
    let scene = Scene::new().await;
    scene.plan("redeem:refuse=21301*9");
    let error = scene.submit(&scene.client(), &invoice("FV/1")).await.unwrap_err();
    assert_eq!(error.reported().unwrap().code, 21301);
    assert_eq!(scene.faults_left(), 1);
    assert_eq!(scene.received(), 0);
}

#[tokio::test]
async fn one_refresh_serves_all_who_wait_for_it() {
    let scene = Scene::new().await;
    let client = scene.client();
    client.limits(&cx()).await.unwrap();
    scene.clock.advance(Duration::from_secs(16 * 60));
    // A second refresh, or a login, would fail.
    scene.plan("refresh:status=401@2*forever");
    scene.plan("challenge:status=401*forever");
    let many = futures::future::join_all((0..12).map(|_| client.probe())).await;
    assert!(many.iter().all(Result::is_ok), "{many:?}");
    scene.submit(&client, &invoice("FV/1")).await.unwrap();
    assert_eq!(scene.received(), 1);
}

#[tokio::test]
async fn a_clock_that_is_an_hour_off_is_named_before_anything_is_sent() {
    let scene = Scene::new().await;
    let theirs = scene.clock.clone();
    let ahead = SimulatorClock::stopped_at(
        Timestamp::from_micros(theirs.now().micros() + 3_600_000_000).unwrap(),
    );
    let secrets = OneToken(scene.token.clone());
    let cx_of = BuildCx { secrets: &secrets, base: scene.folder.path() };
    let clock = Arc::new(Shared(ahead));
    let client = Ksef::new(scene.config(), cx_of, clock).unwrap();
    let error = scene.submit(&client, &invoice("FV/1")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.message().contains("60 minutes ahead of KSeF's"), "{error}");
    assert_eq!(scene.received(), 0);
}

#[tokio::test]
async fn unknown_fields_are_tolerated() {
    let scene = Scene::new().await;
    for operation in ["keys", "challenge", "redeem", "open", "send", "invoice", "context-limits"] {
        scene.plan(&format!("{operation}:add=later*forever"));
    }
    let client = scene.client();
    let xml = invoice("FV/1");
    scene.submit(&client, &xml).await.unwrap();
    number(&scene.status(&client, &xml).await.unwrap());
    client.limits(&cx()).await.unwrap();
}
