//! The scenario, its actors and its snapshot.

use super::site::{OURS, Site, THEIRS, answer};
use flowcontrol_snapshot as snapshot;
use serde_json::{Value, json};

const PATH: &str = "/api/v1/scenario";

#[tokio::test]
async fn the_scenario_is_the_callers_tenant_with_its_head() {
    let site = Site::new().await;
    let ours = site.get("user_md_anna", PATH).await.expect(200);
    let shown = ours.json();
    assert_eq!(shown["tenant"], OURS);
    assert_eq!(shown["session"], "grant-demo-local");
    assert_eq!(shown["frozen"], Value::Null);
    assert_eq!(shown["head"], site.head(OURS).await);
    assert_eq!(ours.header("etag"), format!("\"{}\"", shown["head"]));
    assert_eq!(ours.header("cache-control"), "no-store");
    let theirs = site.get("dispatcher_00001", PATH).await.expect(200);
    assert_eq!(theirs.json()["tenant"], THEIRS);
}

#[tokio::test]
async fn a_freeze_is_shown_and_refuses_writes_by_name() {
    let site = Site::new().await;
    let store = flowcontrol::registry::open_store(&site.settings).await.unwrap();
    let tenants = store.tenants().await.unwrap();
    let now = flowcontrol_base::clock::now();
    let end = flowcontrol_contract::Timestamp::from_micros(now.micros() + 60_000_000).unwrap();
    let window = flowcontrol_contract::Window::new("drill", "rollback drill", now, end).unwrap();
    store.fence().raise(&tenants, &window).await.unwrap();
    let body = super::site::risks(&["risk-frozen"]);
    let refused = site.post("user_dispatcher_marek", "/api/v1/records", &body).await.expect(423);
    assert!(refused.json()["detail"].as_str().unwrap().contains("rollback drill"), "{refused:?}");
    let shown = site.get("user_md_anna", PATH).await.expect(200).json();
    assert_eq!(shown["frozen"]["id"], "drill");
    assert_eq!(shown["frozen"]["refused"], 1);
}

#[tokio::test]
async fn everybody_is_known_to_who_may_see_them_and_a_driver_knows_themselves() {
    let site = Site::new().await;
    let all = site.get("user_md_anna", "/api/v1/actors").await.expect(200).json();
    assert_eq!(all["actors"].as_array().unwrap().len(), 5);
    let own = site.get("driver_tarasenko", "/api/v1/actors").await.expect(200).json();
    assert_eq!(own["tenant"], OURS);
    assert_eq!(
        own["actors"],
        json!([{"id": "driver_tarasenko", "display_name": "Petro Tarasenko",
            "organisation": "BFG Driver", "role": "driver",
            "permissions": ["report_event", "upload_document", "view_own_trips"]}])
    );
}

#[tokio::test]
async fn a_snapshot_is_the_callers_tenant_and_verifies() {
    let site = Site::new().await;
    let taken = site.get("user_md_anna", "/api/v1/snapshot").await.expect(200);
    let file = site.folder.path().join("taken.jsonl");
    std::fs::write(&file, &taken.text).unwrap();
    let summary = snapshot::verify(&file, |_| {}).unwrap();
    assert_eq!(taken.header("bfg-snapshot-sha256"), summary.sha256.to_string());
    assert_eq!(taken.header("bfg-snapshot-records"), summary.records.to_string());
    assert_eq!(taken.header("content-length"), taken.text.len().to_string());
    assert_eq!(summary.header.tenants.len(), 1);
    assert_eq!(summary.header.tenants[0].tenant.as_str(), OURS);
    assert_eq!(summary.records, site.head(OURS).await);
    // Nothing stays behind, also when the reader goes away in the middle.
    let broken = site.request("user_accountant_olena", "GET", "/api/v1/snapshot").send().await;
    drop(broken.unwrap());
    let state = std::fs::read_dir(site.settings.state()).unwrap();
    let left: Vec<_> = state.map(|e| e.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with("snapshot-")), "{left:?}");
    let refused = answer(site.request("driver_tarasenko", "GET", "/api/v1/snapshot")).await;
    refused.expect(403);
}
