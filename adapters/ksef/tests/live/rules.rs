//! Corrections, dates, receipts, and what is refused before any request.

use crate::scene::{Scene, cx, number};
use flowcontrol_contract::error::ErrorKind;
use flowcontrol_contract::ksef::{InvoiceState, Submission};
use flowcontrol_contract::{Digest, KsefProvider, Timestamp};
use flowcontrol_ksef_simulator::Tempo;
use flowcontrol_ksef_testkit::invoices::{correction, invoice, invoice_of};

#[tokio::test]
async fn a_correction_waits_for_its_originals_number() {
    let scene = Scene::new().await;
    let client = scene.client();
    scene.plan("send:pending");
    let original = invoice("FV/1");
    scene.submit(&client, &original).await.unwrap();
    let early = scene.submit(&client, &correction("KOR/1", "FV/1", None)).await.unwrap_err();
    assert_eq!(early.kind(), ErrorKind::Conflict);
    assert!(early.message().contains("waits for the original's KSeF number"), "{early}");
    // An original that never was in KSeF, and one that has a number of KSeF 1.0, are no obstacle.
    scene.submit(&client, &correction("KOR/2", "FV/OLD", None)).await.unwrap();
    let old = "5265877635-20231231-0123AB-CDEF01-7F";
    let told = correction("KOR/3", "FV/OLDER", Some(old));
    scene.submit(&client, &told).await.unwrap();
    number(&scene.status(&client, &told).await.unwrap());
    assert_eq!(scene.received(), 3);
}

#[tokio::test]
async fn an_invoice_of_yesterday_is_offline_and_one_of_tomorrow_is_not_sent() {
    // 00:00:01 on the 28th in Warsaw, and still the 27th in UTC.
    let night = Timestamp::parse("2026-11-27T23:00:01Z").unwrap();
    let scene = Scene::with(Tempo::INSTANT, night).await;
    let client = scene.client();
    for (number, day, offline) in [("FV/1", "2026-11-27", true), ("FV/2", "2026-11-28", false)] {
        let xml = invoice_of(number, day);
        scene.submit(&client, &xml).await.unwrap();
        let told = scene.status(&client, &xml).await.unwrap();
        assert!(
            matches!(&told.state, InvoiceState::Accepted { offline: shown, .. } if *shown == offline),
            "{day}: {told:?}"
        );
    }
    let tomorrow = scene.submit(&client, &invoice_of("FV/3", "2026-11-29")).await.unwrap_err();
    assert_eq!(tomorrow.kind(), ErrorKind::InvalidInput);
    assert_eq!(scene.received(), 2);
}

#[tokio::test]
async fn a_declared_offline_invoice_and_its_technical_correction() {
    let scene = Scene::new().await;
    let client = scene.client();
    let xml = invoice("FV/1");
    let offline = Submission { invoice: &xml, offline: true, corrects: None };
    client.submit(&cx(), &offline).await.unwrap();
    let told = scene.status(&client, &xml).await.unwrap();
    assert!(matches!(told.state, InvoiceState::Accepted { offline: true, .. }), "{told:?}");
    let other = invoice("FV/2");
    let wrong = Submission { invoice: &other, offline: false, corrects: Some(Digest::of(&xml)) };
    let error = client.submit(&cx(), &wrong).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn a_receipt_that_is_not_this_invoices_is_set_aside() {
    let scene = Scene::new().await;
    let client = scene.client();
    let xml = invoice("FV/1");
    scene.submit(&client, &xml).await.unwrap();
    scene.status(&client, &xml).await.unwrap();
    scene.plan("stored-upo:garbage");
    scene.plan("upo-by-number:garbage");
    let error = client.upo(&cx(), &Digest::of(&xml)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error:?}");
    assert!(error.hint_text().unwrap().contains("quarantine"));
    assert_eq!(client.upo(&cx(), &Digest::of(&xml)).await.unwrap().invoice, Digest::of(&xml));
}

#[tokio::test]
async fn what_is_in_no_file_of_ours_is_refused_before_any_request() {
    let scene = Scene::new().await;
    let client = scene.client();
    scene.plan("challenge:status=500");
    let good = invoice("FV/1");
    let large = {
        let filler = "x".repeat(1_000_001 - good.len());
        let text = String::from_utf8(good.clone()).unwrap();
        text.replace("</Faktura>\n", &format!("<!--{filler}--></Faktura>\n")).into_bytes()
    };
    for (what, xml) in [
        ("BOM", [&b"\xef\xbb\xbf"[..], &good].concat()),
        ("too large", large),
        (
            "U+0080",
            String::from_utf8(good.clone()).unwrap().replace("Transport", "Tra\u{80}").into_bytes(),
        ),
        (
            "comma",
            String::from_utf8(good.clone()).unwrap().replace("123.00", "123,00").into_bytes(),
        ),
    ] {
        let error = scene.submit(&client, &xml).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{what}: {error:?}");
    }
    assert_eq!(scene.faults_left(), 1);
}
