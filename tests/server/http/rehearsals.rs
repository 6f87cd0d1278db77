//! Rehearsals over HTTP, on a real throw-away server.

use super::site::{Answer, Site, answer, read};
use crate::support;
use futures::StreamExt;
use serde_json::{Value, json};
use std::time::Duration;

const PATH: &str = "/api/v1/rehearsals";
const ANNA: &str = "user_md_anna";

fn possible(test: &str) -> bool {
    support::server_or_skip(test).is_some()
}

/// Every event of the stream: its name and what it holds.
async fn heard(site: &Site, path: &str) -> Vec<(String, Value)> {
    let response = site.request(ANNA, "GET", &format!("{path}/events")).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut bytes = response.bytes_stream();
    let mut text = String::new();
    while let Some(piece) = bytes.next().await {
        text.push_str(std::str::from_utf8(&piece.unwrap()).unwrap());
    }
    let event = |block: &str| {
        let field = |name: &str| block.lines().find_map(|l| l.strip_prefix(name)).map(str::trim);
        Some((field("event:")?.to_owned(), serde_json::from_str(field("data:")?).unwrap()))
    };
    text.split("\n\n").filter_map(event).collect()
}

async fn started(site: &Site) -> Answer {
    site.post(ANNA, PATH, &json!({"target": "local"})).await.expect(202)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rehearsal_is_watched_to_its_end() {
    if !possible("a_rehearsal_is_watched_to_its_end") {
        return;
    }
    let site = Site::new().await;
    let begun = started(&site).await;
    let path = begun.header("location").to_owned();
    let busy = site.post(ANNA, PATH, &json!({"target": "local"})).await.expect(409).json();
    assert_eq!(busy["rehearsal"], begun.json()["id"]);
    let events = heard(&site, &path).await;
    let (last, before) = events.split_last().unwrap();
    assert!(before.iter().all(|(name, _)| name == "progress") && !before.is_empty());
    assert_eq!(last.0, "end");
    let ended = &last.1;
    assert_eq!(ended["state"], "passed", "{ended}");
    assert_eq!(ended["by"], ANNA);
    assert_eq!(ended["result"]["decision"], "GO");
    assert_eq!(ended["result"]["steps"].as_array().unwrap().len(), 8);
    let work = ended["work"].as_array().unwrap();
    assert!(work.iter().all(|w| w["well"] == true), "{work:?}");
    // Who comes late hears how it ended, and that is all.
    let late = heard(&site, &path).await;
    assert_eq!(late.len(), 1);
    assert_eq!(late[0].1, *ended);
    let chain = site.get(ANNA, "/api/v1/evidence").await.expect(200).json();
    let sealed: Vec<_> =
        chain["packets"].as_array().unwrap().iter().map(|p| p["sha256"].clone()).collect();
    assert_eq!(ended["result"]["packets"], Value::from(sealed));
    let first = site.get(ANNA, "/api/v1/evidence/1").await.json();
    let ran = first["ran"].as_str().unwrap();
    assert!(ran.starts_with("rehearse --target local, by user_md_anna in request "), "{ran}");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rehearsal_is_stopped_and_so_is_one_that_the_services_end_meets() {
    if !possible("a_rehearsal_is_stopped_and_so_is_one_that_the_services_end_meets") {
        return;
    }
    let site = Site::new().await;
    let path = started(&site).await.header("location").to_owned();
    let stopping = answer(site.request(ANNA, "DELETE", &path)).await.expect(202).json();
    assert!(["running", "stopping"].contains(&stopping["state"].as_str().unwrap()), "{stopping}");
    let events = heard(&site, &path).await;
    assert_eq!(events.last().unwrap().1["state"], "interrupted", "{events:?}");
    answer(site.request(ANNA, "DELETE", &path)).await.expect(202);
    // Another one may follow; the service's end stops it and waits for what it takes down.
    started(&site).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let settings = site.settings.clone();
    let _folder = site.stop().await;
    let chain = flowcontrol_evidence::EvidenceStore::at(&settings.state());
    assert!(chain.verify(None).unwrap().passed());
    let last = chain.list().unwrap().packets.pop().unwrap().read.unwrap();
    assert_eq!(last.packet().outcome, flowcontrol_evidence::Outcome::Interrupted);
}

#[tokio::test]
async fn what_is_no_rehearsal_is_not_there() {
    let site = Site::new().await;
    for path in [format!("{PATH}/0123456789abcdef"), format!("{PATH}/x/events")] {
        site.get(ANNA, &path).await.expect(404);
        site.get("user_dispatcher_marek", &path).await.expect(403);
    }
    let gone = site.request(ANNA, "DELETE", &format!("{PATH}/x")).send().await.unwrap();
    read(gone).await.expect(404);
    let unknown = site.post(ANNA, PATH, &json!({"target": "cloud"})).await.expect(422).json();
    assert_eq!(unknown["pointer"], "/target");
    let path = site.post(ANNA, PATH, &json!({"target": "local", "snapshot": "/etc/passwd"})).await;
    path.expect(422);
}
