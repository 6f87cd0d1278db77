//! Limits and scripted faults.

use crate::caller::{Caller, sending};
use flowcontrol_ksef_simulator::official_rates;
use flowcontrol_ksef_testkit::invoices::invoice;
use flowcontrol_ksef_wire::crypto::SymmetricKey;
use reqwest::Method;
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn windows_slide_and_say_when_to_come_again() {
    let mut caller = Caller::with(|config| config.rates = official_rates()).await;
    caller.sign_in().await;
    for _ in 0..5 {
        assert_eq!(caller.get("/sessions?sessionType=Online", &[]).await.status, 200);
    }
    let legacy = caller.get("/sessions?sessionType=Online", &[]).await;
    assert_eq!((legacy.status, &legacy.headers["retry-after"]), (429, &"1".parse().unwrap()));
    assert_eq!(legacy.json["status"]["code"], 429);
    caller.problem = true;
    let problem = caller.get("/sessions?sessionType=Online", &[]).await;
    assert_eq!(
        (problem.kind.as_str(), &problem.json["status"]),
        ("application/problem+json", &json!(429))
    );
    caller.clock.advance(Duration::from_secs(1));
    assert_eq!(caller.get("/sessions?sessionType=Online", &[]).await.status, 200);
}

#[tokio::test]
async fn a_lost_answer_is_an_invoice_that_is_there() {
    let caller = Caller::signed_in().await;
    let key = SymmetricKey::generate();
    let session = caller.open(&key).await;
    let path = format!("/v2/sessions/online/{session}/invoices");
    let body = sending(&key, &invoice("FV/1"));
    for (fault, received) in [
        ("send:dropped", 0),
        ("send:status=504", 0),
        ("send:lost", 1),
        ("send:status-after=504", 2),
    ] {
        caller.simulator.faults().plan(fault.parse().unwrap());
        let answer = caller.try_send(Method::POST, &path, Some(&body), &caller.pass).await;
        match answer {
            None => assert!(fault.ends_with("lost") || fault.ends_with("dropped")),
            Some(answer) => assert_eq!(answer.status, 504),
        }
        assert_eq!(caller.simulator.received(), received, "{fault}");
    }
    let list = caller.get("/sessions/{referenceNumber}/invoices", &[&session]).await;
    assert_eq!(list.json["invoices"][0]["invoiceHash"], body["invoiceHash"]);
}

#[tokio::test]
async fn invoices_can_be_undecided_for_ever_or_decided_as_planned() {
    let caller = Caller::signed_in().await;
    let key = SymmetricKey::generate();
    let session = caller.open(&key).await;
    for fault in ["send:pending", "send:verdict=550"] {
        caller.simulator.faults().plan(fault.parse().unwrap());
    }
    let pending = caller.sent(&session, &key, &invoice("FV/1")).await;
    let refused = caller.sent(&session, &key, &invoice("FV/2")).await;
    caller.close("online", &session).await;
    caller.clock.advance(Duration::from_secs(600));
    assert_eq!(caller.invoice(&session, &refused).await["status"]["code"], 550);
    assert_eq!(caller.invoice(&session, &pending).await["status"]["code"], 150);
    assert_eq!(caller.session(&session).await["status"]["code"], 170);
}

#[tokio::test]
async fn answers_are_bent_as_planned() {
    let caller = Caller::signed_in().await;
    let plan = |fault: &str| caller.simulator.faults().plan(fault.parse().unwrap());
    let limits = async || caller.get("/limits/context", &[]).await;
    plan("context-limits:omit=batchSession");
    assert!(limits().await.json.get("batchSession").is_none());
    plan("context-limits:add=later");
    assert!(limits().await.json["later"].is_object());
    plan("context-limits:429=garbage");
    assert_eq!(limits().await.headers["retry-after"], "garbage");
    plan("context-limits:refuse=21184");
    assert_eq!(limits().await.code(), 21184);
    plan("context-limits:redirect=http://127.0.0.1:1/");
    assert_eq!(limits().await.status, 307);
    plan("context-limits:garbage");
    assert!(limits().await.json.is_null());
    assert_eq!(limits().await.status, 200);
}

#[tokio::test]
async fn the_controls_are_reached_over_http_too() {
    let caller = Caller::signed_in().await;
    let post = async |path: &str, body: serde_json::Value| {
        caller.try_send(Method::POST, path, Some(&body), "").await.unwrap()
    };
    let bad = post("/simulator/faults", json!({"fault": "send:losst"})).await;
    assert_eq!((bad.status, bad.code()), (400, 21405));
    assert!(bad.text.contains("unknown fault"));
    let planned = post("/simulator/faults", json!({"fault": "context-limits:status=500"})).await;
    assert_eq!(planned.json["faults"][0], "context-limits:status=500");
    assert_eq!(caller.get("/limits/context", &[]).await.status, 500);
    let moved = post("/simulator/clock", json!({"advance_seconds": 60})).await;
    assert_eq!(moved.json["now"], "2026-11-27T09:01:00.000000+00:00");
    assert_eq!(post("/simulator/tokens", json!({"nip": "5265877635"})).await.status, 201);
    assert_eq!(post("/simulator/tokens", json!({"nip": "5265877636"})).await.code(), 21405);
}
