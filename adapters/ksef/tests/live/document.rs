//! Every request of the live client, and every answer to it, against the official API document.

use super::certificate::{client_of, pair};
use crate::relay::Relay;
use crate::scene::{Scene, cx};
use flowcontrol_contract::ksef::Submission;
use flowcontrol_contract::{Digest, KsefProvider};
use flowcontrol_ksef_testkit::invoices::{SELLER, another_of, invoice};
use flowcontrol_ksef_testkit::judges::{official, openapi, python, said};
use rcgen::KeyUsagePurpose;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// What the client may call, by the document's names.
const CALLS: [&str; 19] = [
    "get /auth/{referenceNumber}",
    "get /limits/context",
    "get /rate-limits",
    "get /security/public-key-certificates",
    "get /sessions",
    "get /sessions/{referenceNumber}",
    "get /sessions/{referenceNumber}/invoices",
    "get /sessions/{referenceNumber}/invoices/ksef/{ksefNumber}/upo",
    "get /sessions/{referenceNumber}/invoices/{invoiceReferenceNumber}",
    "post /auth/challenge",
    "post /auth/ksef-token",
    "post /auth/token/redeem",
    "post /auth/token/refresh",
    "post /auth/xades-signature",
    "post /sessions/batch",
    "post /sessions/batch/{referenceNumber}/close",
    "post /sessions/online",
    "post /sessions/online/{referenceNumber}/close",
    "post /sessions/online/{referenceNumber}/invoices",
];

/// Everything that a client does, with what goes wrong on the way.
async fn everything(scene: &Scene, relay: &Relay) {
    let mut config = scene.config();
    config["base_url"] = json!(relay.base_url);
    let client = scene.client_of(config.clone(), &scene.token).unwrap();
    client.probe().await.unwrap();
    client.limits(&cx()).await.unwrap();
    let first = invoice("FV/1");
    for fault in ["open:refuse=21470", "send:lost", "close:status=504", "context-limits:429=30"] {
        scene.plan(fault);
    }
    scene.submit(&client, &first).await.unwrap();
    scene.status(&client, &first).await.unwrap();
    client.limits(&cx()).await.unwrap();
    // The pre-signed address fails, so that the API gives the receipt.
    scene.plan("stored-upo:status=500*9");
    client.upo(&cx(), &Digest::of(&first)).await.unwrap();
    scene.submit(&client, &another_of("FV/1")).await.unwrap();
    scene.status(&client, &another_of("FV/1")).await.unwrap();
    let late = invoice("FV/2");
    let offline = Submission { invoice: &late, offline: true, corrects: None };
    client.submit(&cx(), &offline).await.unwrap();
    // One that is never decided: its session is asked for too.
    scene.plan("send:pending");
    scene.submit(&client, &invoice("FV/3")).await.unwrap();
    scene.status(&client, &invoice("FV/3")).await.unwrap();
    client.close(&cx()).await.unwrap();
    client.find(&cx(), &Digest::of(&late)).await.unwrap();
    scene.clock.advance(Duration::from_secs(16 * 60));
    let many: Vec<Vec<u8>> = (10..14).map(|n| invoice(&format!("FV/{n}"))).collect();
    client.submit_batch(&cx(), &mut many.iter().cloned().map(Ok), false).await.unwrap();
    scene.received_all(8).await;
    scene.status(&client, &many[0]).await.unwrap();
    let pair = pair(SELLER, KeyUsagePurpose::DigitalSignature, 2027, false);
    client_of(scene, config, &pair).unwrap().probe().await.unwrap();
}

#[tokio::test]
async fn every_request_is_one_of_the_official_document() {
    let test = "every_request_is_one_of_the_official_document";
    let Some(folder) = official(test) else { return };
    let Some(python) = python(test, "jsonschema") else { return };
    let document = folder.join("openapi/ksef-openapi-2.9.0-te-20261020.json");
    let read: Value = serde_json::from_slice(&std::fs::read(&document).unwrap()).unwrap();
    let templates = read["paths"].as_object().unwrap().keys().cloned().collect();
    let scene = Scene::new().await;
    let relay = Relay::before(scene.simulator.address(), templates).await;
    everything(&scene, &relay).await;
    let exchanges = relay.noted();
    let out = openapi(&python, &document, &exchanges);
    assert!(out.status.success(), "{}", said(&out));
    let called: BTreeSet<String> = exchanges
        .iter()
        .map(|e| format!("{} {}", e["method"].as_str().unwrap(), e["path"].as_str().unwrap()))
        .collect();
    assert_eq!(called.iter().map(String::as_str).collect::<Vec<_>>(), CALLS);

    // A request that was refused is judged as one that was not.
    let refused =
        exchanges.iter().find(|e| e["path"] == "/sessions/online" && e["status"] == "400");
    let mut bent = refused.unwrap().clone();
    bent["request"]["encryption"]["initializationvector"] = json!("x");
    let out = openapi(&python, &document, &[bent]);
    assert_eq!(out.status.code(), Some(1), "{}", said(&out));
}
