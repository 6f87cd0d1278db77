//! Interactive sessions: what is taken, refused, numbered and receipted.

use crate::caller::{Caller, sealed, sending};
use flowcontrol_ksef_invoice::number::KsefNumber;
use flowcontrol_ksef_simulator::Tempo;
use flowcontrol_ksef_testkit::invoices::{another_of, invoice, invoice_of};
use flowcontrol_ksef_wire::crypto::{SymmetricKey, sha256_base64};
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test]
async fn an_invoice_gets_a_number_and_a_receipt() {
    let caller = Caller::signed_in().await;
    let key = SymmetricKey::generate();
    let session = caller.open(&key).await;
    let xml = invoice("FV/1");
    let reference = caller.sent(&session, &key, &xml).await;
    let told = caller.invoice(&session, &reference).await;
    assert_eq!(told["status"]["code"], 200);
    assert_eq!(
        (&told["invoiceNumber"], &told["invoicingMode"]),
        (&json!("FV/1"), &json!("Online"))
    );
    let number = told["ksefNumber"].as_str().unwrap();
    assert_eq!(KsefNumber::parse(number).unwrap().as_str(), number);
    assert!(number.starts_with("5265877635-20261127-"));

    let template = "/sessions/{referenceNumber}/invoices/{invoiceReferenceNumber}/upo";
    let upo = caller.get(template, &[&session, &reference]).await;
    assert_eq!(upo.headers["x-ms-meta-hash"], sha256_base64(&upo.text).as_str());
    for part in [number, &sha256_base64(&xml), session.as_str(), "FV/1"] {
        assert!(upo.text.contains(part), "{part}");
    }
    let stored = caller.fetch(told["upoDownloadUrl"].as_str().unwrap(), "").await;
    assert_eq!((stored.status, &stored.text), (200, &upo.text));
    // A pass has no business at a pre-signed address, and an address ends.
    assert_eq!(
        caller.fetch(told["upoDownloadUrl"].as_str().unwrap(), &caller.pass).await.status,
        403
    );
    caller.clock.advance(Duration::from_secs(3 * 24 * 3600));
    assert_eq!(caller.fetch(told["upoDownloadUrl"].as_str().unwrap(), "").await.status, 403);
}

#[tokio::test]
async fn a_session_is_closed_and_has_a_receipt_of_its_own() {
    let caller = Caller::signed_in().await;
    let key = SymmetricKey::generate();
    let session = caller.open(&key).await;
    for n in 1..=3 {
        caller.sent(&session, &key, &invoice(&format!("FV/{n}"))).await;
    }
    assert_eq!(caller.close("online", &session).await.status, 204);
    let again = caller.close("online", &session).await;
    assert_eq!((again.status, again.code()), (400, 21180));
    let refused = caller.send(&session, &sending(&key, &invoice("FV/4"))).await;
    assert_eq!(refused.code(), 21180);
    let told = caller.session(&session).await;
    assert_eq!(
        (&told["status"]["code"], &told["successfulInvoiceCount"]),
        (&json!(200), &json!(3))
    );
    let page = &told["upo"]["pages"][0];
    let upo = caller.fetch(page["downloadUrl"].as_str().unwrap(), "").await;
    assert_eq!(upo.text.matches("<Dokument>").count(), 3);
    let template = "/sessions/{referenceNumber}/upo/{upoReferenceNumber}";
    let same = caller.get(template, &[&session, page["referenceNumber"].as_str().unwrap()]).await;
    assert_eq!(same.text, upo.text);
}

#[tokio::test]
async fn decisions_take_their_time() {
    let tempo = Tempo {
        queue: Duration::from_secs(1),
        decision: Duration::from_secs(2),
        storage: Duration::from_secs(4),
        close: Duration::from_secs(1),
        ..Tempo::INSTANT
    };
    let mut caller = Caller::with(|config| config.tempo = tempo).await;
    caller.sign_in().await;
    let key = SymmetricKey::generate();
    let session = caller.open(&key).await;
    let reference = caller.sent(&session, &key, &invoice("FV/1")).await;
    caller.close("online", &session).await;
    let mut seen = Vec::new();
    for _ in 0..8 {
        let told = caller.invoice(&session, &reference).await;
        let state = caller.session(&session).await["status"]["code"].clone();
        seen.push((
            told["status"]["code"].clone(),
            state,
            told["permanentStorageDate"].is_string(),
        ));
        caller.clock.advance(Duration::from_secs(1));
    }
    let expected = [
        (100, 170, false),
        (150, 170, false),
        (150, 170, false),
        (200, 200, false),
        (200, 200, false),
        (200, 200, false),
        (200, 200, false),
        (200, 200, true),
    ];
    let expected: Vec<_> = expected.map(|(a, b, c)| (json!(a), json!(b), c)).into();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_wrong_key_and_a_prefixed_iv_are_not_the_invoices_fault() {
    let caller = Caller::signed_in().await;
    let key = SymmetricKey::generate();
    let session = caller.open(&key).await;
    let xml = invoice("FV/1");
    let mut prefixed = key.iv().to_vec();
    prefixed.extend(key.encrypt(&xml));
    let foreign = SymmetricKey::generate().encrypt(&xml);
    for ciphertext in [prefixed, foreign] {
        let sent = caller.send(&session, &sealed(&xml, &ciphertext)).await;
        let told = caller.invoice(&session, &sent.text("referenceNumber")).await;
        assert_eq!(told["status"]["code"], 435);
    }
    // A wrapped key of 31 bytes is no key: 201, and then a dead session.
    let public = caller.key("SymmetricKeyEncryption").await;
    let mut encryption = caller.encryption(&key).await;
    encryption["encryptedSymmetricKey"] = json!(public.wrap(&[1; 31]).unwrap());
    let body = json!({"formCode": crate::caller::fa3(), "encryption": encryption});
    let dead = caller.post("/sessions/online", &[], &body).await.text("referenceNumber");
    assert_eq!(caller.session(&dead).await["status"]["code"], 415);
    let refused = caller.send(&dead, &sending(&key, &xml)).await;
    assert_eq!(refused.code(), 21180);
    assert!(refused.text.contains("415"));
}

#[tokio::test]
async fn sizes_and_hashes_are_compared_with_what_was_told() {
    let caller = Caller::signed_in().await;
    let key = SymmetricKey::generate();
    let session = caller.open(&key).await;
    let good = sending(&key, &invoice("FV/1"));
    let changed = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body
    };
    let other = json!(sha256_base64("other"));
    for (body, code) in [
        (changed("encryptedInvoiceSize", json!(16)), 21402),
        (changed("encryptedInvoiceHash", other.clone()), 21403),
        (changed("invoiceHash", json!("short")), 21405),
        (changed("invoiceSize", json!(3_000_001)), 21405),
        (changed("invoicehash", json!("x")), 21001),
        (changed("hashOfCorrectedInvoice", other.clone()), 21405),
    ] {
        let refused = caller.send(&session, &body).await;
        assert_eq!((refused.status, refused.code()), (400, code), "{refused:?}");
    }
    for (body, code) in
        [(changed("invoiceSize", json!(9)), 430), (changed("invoiceHash", other), 430)]
    {
        let sent = caller.send(&session, &body).await;
        let told = caller.invoice(&session, &sent.text("referenceNumber")).await;
        assert_eq!(told["status"]["code"], code);
    }
    assert_eq!(caller.close("online", &session).await.status, 204);
    assert_eq!(caller.session(&session).await["status"]["code"], 445);
}

#[tokio::test]
async fn a_number_is_taken_once_whatever_the_bytes() {
    let caller = Caller::signed_in().await;
    let key = SymmetricKey::generate();
    let (first, second) = (caller.open(&key).await, caller.open(&key).await);
    let reference = caller.sent(&first, &key, &invoice("FV/1")).await;
    let original = caller.invoice(&first, &reference).await["ksefNumber"].clone();
    for xml in [invoice("FV/1"), another_of("FV/1")] {
        let reference = caller.sent(&second, &key, &xml).await;
        let told = caller.invoice(&second, &reference).await;
        assert_eq!(told["status"]["code"], 440);
        let extensions = &told["status"]["extensions"];
        assert_eq!(extensions["originalKsefNumber"], original);
        assert_eq!(extensions["originalSessionReferenceNumber"], first.as_str());
    }
}

#[tokio::test]
async fn the_file_and_its_dates_are_judged() {
    let caller = Caller::signed_in().await;
    let key = SymmetricKey::generate();
    let session = caller.open(&key).await;
    let good = String::from_utf8(invoice("FV/1")).unwrap();
    let mut bom = b"\xEF\xBB\xBF".to_vec();
    bom.extend(good.as_bytes());
    let padded = |length: usize| {
        let comment = length - good.len() - "<!---->".len();
        good.replace("</Faktura>", &format!("<!--{}--></Faktura>", "x".repeat(comment)))
            .into_bytes()
    };
    for (xml, code) in [
        (bom, 450),
        (good.replace("<P_2>", "<P_2 x=\"1\">").into_bytes(), 450),
        (good.replace(">5265877635<", ">1111111111<").into_bytes(), 410),
        (invoice_of("FV/2", "2026-11-28"), 450),
        (padded(1_000_001), 430),
        (padded(1_000_000), 200),
    ] {
        let reference = caller.sent(&session, &key, &xml).await;
        let told = caller.invoice(&session, &reference).await;
        assert_eq!(told["status"]["code"], code, "{told}");
    }
    // KSeF does not add up.
    let sums = good.replace("FV/1", "FV/3").replace("<P_15>123.00", "<P_15>999.00");
    let reference = caller.sent(&session, &key, sums.as_bytes()).await;
    assert_eq!(caller.invoice(&session, &reference).await["status"]["code"], 200);
}

#[tokio::test]
async fn yesterdays_invoice_is_offline_when_warsaw_has_turned_the_day() {
    let caller = Caller::signed_in().await;
    let key = SymmetricKey::generate();
    let session = caller.open(&key).await;
    let mode = async |number: &str, day: &str| {
        let reference = caller.sent(&session, &key, &invoice_of(number, day)).await;
        caller.invoice(&session, &reference).await["invoicingMode"].clone()
    };
    let at = |text: &str| flowcontrol_contract::Timestamp::parse(text).unwrap();
    caller.clock.advance_to(at("2026-11-27T09:01:00Z"));
    assert_eq!(mode("A", "2026-11-27").await, "Online");
    assert_eq!(mode("B", "2026-11-26").await, "Offline");
    let mut declared = sending(&key, &invoice_of("C", "2026-11-27"));
    declared["offlineMode"] = json!(true);
    let reference = caller.send(&session, &declared).await.text("referenceNumber");
    assert_eq!(caller.invoice(&session, &reference).await["invoicingMode"], "Offline");
}

#[tokio::test]
async fn a_technical_correction_replaces_a_refused_invoice_once() {
    let caller = Caller::signed_in().await;
    let key = SymmetricKey::generate();
    let session = caller.open(&key).await;
    let broken = String::from_utf8(invoice("FV/1")).unwrap().replace("<P_2>", "<P_2 x=\"1\">");
    let correcting = |xml: &[u8], of: &[u8]| {
        let mut body = sending(&key, xml);
        body["offlineMode"] = json!(true);
        body["hashOfCorrectedInvoice"] = json!(sha256_base64(of));
        body
    };
    caller.sent(&session, &key, broken.as_bytes()).await;
    let fixed = invoice("FV/1");
    let sent = caller.send(&session, &correcting(&fixed, broken.as_bytes())).await;
    assert_eq!(sent.status, 202);
    let again = caller.send(&session, &correcting(&invoice("FV/2"), broken.as_bytes())).await;
    assert_eq!(again.code(), 21166);
    let accepted = caller.send(&session, &correcting(&invoice("FV/2"), &fixed)).await;
    assert_eq!(accepted.code(), 21167);
}
