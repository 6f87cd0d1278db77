//! What is lost, refused, slow or there already.

use crate::scene::{Scene, cx, number};
use flowcontrol_contract::error::{ErrorKind, Retry};
use flowcontrol_contract::ksef::InvoiceState;
use flowcontrol_contract::{Digest, KsefProvider};
use flowcontrol_ksef_testkit::invoices::{another_of, invoice};
use std::time::Duration;

#[tokio::test]
async fn an_invoice_gets_its_number_and_its_receipt() {
    let scene = Scene::new().await;
    let client = scene.client();
    let xml = invoice("FV/1");
    let told = scene.submit(&client, &xml).await.unwrap();
    assert_eq!(told.state, InvoiceState::Pending { code: 100 });
    let told = scene.status(&client, &xml).await.unwrap();
    client.close(&cx()).await.unwrap();
    let upo = client.upo(&cx(), &Digest::of(&xml)).await.unwrap();
    assert_eq!(upo.number.to_string(), number(&told));
    let text = String::from_utf8(upo.xml.clone()).unwrap();
    assert!(text.contains(&flowcontrol_ksef_wire::crypto::sha256_base64(&xml)), "{text}");
    // Kept byte for byte, and told without asking again.
    scene.plan("stored-upo:status=500*forever");
    scene.plan("upo-by-number:status=500*forever");
    assert_eq!(scene.client().upo(&cx(), &Digest::of(&xml)).await.unwrap(), upo);
}

#[tokio::test]
async fn a_lost_answer_is_looked_up_and_nothing_is_sent_twice() {
    for fault in ["send:lost", "send:status-after=504", "send:garbage"] {
        let scene = Scene::new().await;
        scene.plan(fault);
        let xml = invoice("FV/1");
        let told = scene.submit(&scene.client(), &xml).await.unwrap();
        assert!(told.reference.is_some(), "{fault}: {told:?}");
        assert_eq!((scene.received(), scene.faults_left()), (1, 0), "{fault}");
        number(&scene.status(&scene.client(), &xml).await.unwrap());
    }
}

#[tokio::test]
async fn what_was_not_taken_is_sent_after_it_was_looked_for() {
    for fault in ["send:dropped", "send:status=504"] {
        let scene = Scene::new().await;
        scene.plan(fault);
        let xml = invoice("FV/1");
        scene.submit(&scene.client(), &xml).await.unwrap();
        assert_eq!(scene.received(), 1, "{fault}");
        number(&scene.status(&scene.client(), &xml).await.unwrap());
    }
}

#[tokio::test]
async fn when_the_look_up_fails_too_nobody_guesses() {
    let scene = Scene::new().await;
    scene.plan("send:lost");
    scene.plan("invoices:status=504*4");
    let xml = invoice("FV/1");
    let error = scene.submit(&scene.client(), &xml).await.unwrap_err();
    assert_eq!(error.retryable(), Retry::Ambiguous, "{error:?}");
    // A new process with the same state looks first.
    let told = scene.submit(&scene.client(), &xml).await.unwrap();
    number(&told);
    assert_eq!(scene.received(), 1);
}

#[tokio::test]
async fn the_same_bytes_sent_before_by_another_are_accepted_under_their_number() {
    let scene = Scene::new().await;
    let xml = invoice("FV/1");
    let first = scene.client();
    scene.submit(&first, &xml).await.unwrap();
    let original = scene.status(&first, &xml).await.unwrap();
    // Another machine of the same company, which knows nothing of the first.
    let mut config = scene.config();
    config["state"] = "elsewhere".into();
    let second = scene.client_of(config, &scene.token).unwrap();
    scene.submit(&second, &xml).await.unwrap();
    let told = scene.status(&second, &xml).await.unwrap();
    assert_eq!(number(&told), number(&original));
    let InvoiceState::Accepted { earlier, .. } = &told.state else { unreachable!() };
    assert_eq!(earlier, &original.session);
    assert_eq!(scene.received(), 2);
    assert_eq!(second.upo(&cx(), &Digest::of(&xml)).await.unwrap().invoice, Digest::of(&xml));
}

#[tokio::test]
async fn another_invoice_of_the_same_number_is_for_a_person() {
    let scene = Scene::new().await;
    let client = scene.client();
    let (one, two) = (invoice("FV/1"), another_of("FV/1"));
    scene.submit(&client, &one).await.unwrap();
    let original = number(&scene.status(&client, &one).await.unwrap());
    scene.submit(&client, &two).await.unwrap();
    let told = scene.status(&client, &two).await.unwrap();
    assert!(
        matches!(&told.state, InvoiceState::NumberTaken { by, .. } if by.to_string() == original),
        "{told:?}"
    );
    let error = client.upo(&cx(), &Digest::of(&two)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(scene.submit(&client, &two).await.unwrap(), told);
}

#[tokio::test]
async fn a_refusal_keeps_its_code_and_its_details() {
    let scene = Scene::new().await;
    scene.plan("send:verdict=450");
    let client = scene.client();
    let xml = invoice("FV/1");
    scene.submit(&client, &xml).await.unwrap();
    let told = scene.status(&client, &xml).await.unwrap();
    let InvoiceState::Refused { because } = &told.state else { panic!("{told:?}") };
    assert!(because.code == 450 && !because.details.is_empty(), "{because:?}");
    for code in [21402, 21403] {
        scene.plan(&format!("send:refuse={code}"));
        let error = scene.submit(&client, &invoice(&format!("FV/{code}"))).await.unwrap_err();
        let told = (error.kind(), error.reported().unwrap().code);
        assert_eq!(told, (ErrorKind::InvalidInput, code));
    }
}

#[tokio::test]
async fn an_endless_150_is_pending_over_restarts_and_never_sent_again() {
    let scene = Scene::new().await;
    scene.plan("send:pending");
    let xml = invoice("FV/1");
    scene.submit(&scene.client(), &xml).await.unwrap();
    for _ in 0..3 {
        scene.clock.advance(Duration::from_secs(3600));
        let client = scene.client();
        assert!(matches!(
            scene.status(&client, &xml).await.unwrap().state,
            InvoiceState::Pending { .. }
        ));
        scene.submit(&client, &xml).await.unwrap();
    }
    assert_eq!(scene.received(), 1);
}
