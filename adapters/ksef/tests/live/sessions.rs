//! Sessions that end, close and are too busy.

use crate::scene::{Scene, cx, number};
use flowcontrol_contract::KsefProvider;
use flowcontrol_contract::error::ErrorKind;
use flowcontrol_contract::ksef::InvoiceState;
use flowcontrol_ksef_testkit::invoices::invoice;
use std::time::Duration;

#[tokio::test]
async fn a_session_of_no_use_is_replaced_and_its_invoices_are_followed() {
    for code in [21180, 21184, 21155] {
        let scene = Scene::new().await;
        let client = scene.client();
        let (one, two) = (invoice("FV/1"), invoice("FV/2"));
        let first = scene.submit(&client, &one).await.unwrap();
        scene.plan(&format!("send:refuse={code}"));
        let second = scene.submit(&client, &two).await.unwrap();
        assert_ne!(first.session, second.session, "{code}");
        number(&scene.status(&client, &one).await.unwrap());
        number(&scene.status(&client, &two).await.unwrap());
        assert_eq!(scene.received(), 2);
    }
}

#[tokio::test]
async fn an_invoice_that_ksef_cannot_decrypt_is_not_to_blame() {
    let scene = Scene::new().await;
    scene.plan("send:verdict=435");
    let client = scene.client();
    let xml = invoice("FV/1");
    let first = scene.submit(&client, &xml).await.unwrap();
    assert_eq!(scene.status(&client, &xml).await.unwrap().state, InvoiceState::Kept);
    let second = scene.submit(&client, &xml).await.unwrap();
    assert_ne!(first.session, second.session);
    number(&scene.status(&client, &xml).await.unwrap());
    // Twice is for a person.
    scene.plan("send:verdict=435*2");
    let other = invoice("FV/2");
    scene.submit(&client, &other).await.unwrap();
    assert_eq!(scene.status(&client, &other).await.unwrap().state, InvoiceState::Kept);
    scene.submit(&client, &other).await.unwrap();
    let error = scene.status(&client, &other).await.unwrap_err();
    assert_eq!(error.reported().unwrap().code, 435);
}

#[tokio::test]
async fn a_close_is_repeated_and_confirmed_by_the_sessions_status() {
    for fault in ["close:status=504", "close:status-after=504", "close:lost"] {
        let scene = Scene::new().await;
        let client = scene.client();
        scene.submit(&client, &invoice("FV/1")).await.unwrap();
        scene.plan(fault);
        client.close(&cx()).await.unwrap_or_else(|e| panic!("{fault}: {e:?}"));
        client.close(&cx()).await.unwrap();
        number(&scene.status(&client, &invoice("FV/1")).await.unwrap());
    }
}

#[tokio::test]
async fn after_429_nothing_is_asked_until_the_pause_is_over() {
    let scene = Scene::new().await;
    let client = scene.client();
    scene.submit(&client, &invoice("FV/1")).await.unwrap();
    scene.plan("send:429=30");
    let before = scene.clock.now();
    scene.submit(&client, &invoice("FV/2")).await.unwrap();
    let waited = scene.clock.now().micros() - before.micros();
    assert!(waited >= 30_000_000, "{waited}");
    // Longer than anybody's patience: said at once, nothing asked.
    scene.plan("send:429=86400");
    let before = scene.clock.now();
    let error = scene.submit(&client, &invoice("FV/3")).await.unwrap_err();
    assert_eq!(error.reported().unwrap().retry_after, Some(3600));
    assert!(scene.clock.now().micros() - before.micros() < 1_000_000);
    let error = scene.submit(&client, &invoice("FV/3")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exhausted, "{error:?}");
    assert_eq!(scene.received(), 2);
    scene.clock.advance(Duration::from_secs(3600));
    scene.submit(&client, &invoice("FV/3")).await.unwrap();
}
