//! Evidence over HTTP: the packets' very bytes, and nothing beside them.

use super::site::Site;
use serde_json::json;

#[tokio::test]
async fn packets_are_listed_and_shown_byte_for_byte() {
    let site = Site::new().await;
    let olena = "user_accountant_olena";
    let empty = site.get(olena, "/api/v1/evidence").await.expect(200).json();
    assert_eq!(empty, json!({"packets": [], "partial": [], "strays": []}));
    let word = json!({"check": "checklist/db-schema"});
    site.post(olena, "/api/v1/acceptances", &word).await.expect(201);
    let listed = site.get(olena, "/api/v1/evidence").await.expect(200).json();
    let packet = &listed["packets"][0];
    let shown = site.get(olena, "/api/v1/evidence/1").await.expect(200);
    let file = site.settings.state().join("evidence").join(packet["file"].as_str().unwrap());
    assert_eq!(format!("{}\n", shown.text), std::fs::read_to_string(file).unwrap());
    assert_eq!(shown.header("etag"), format!("\"{}\"", packet["sha256"].as_str().unwrap()));
}

#[tokio::test]
async fn what_names_no_packet_is_not_there() {
    let site = Site::new().await;
    for name in ["1", "0", "x", "-1", "123456", "..%2fHEAD", "HEAD", "1.json", "%00"] {
        site.get("user_md_anna", &format!("/api/v1/evidence/{name}")).await.expect(404);
    }
    site.get("user_dispatcher_marek", "/api/v1/evidence").await.expect(403);
    site.get("accountant_00001", "/api/v1/evidence").await.expect(403);
}

#[tokio::test]
async fn a_damaged_chain_is_no_reason_to_tell_of_this_machine() {
    let site = Site::new().await;
    let marek = "user_dispatcher_marek";
    let word = json!({"check": "checklist/role-headers"});
    site.post(marek, "/api/v1/acceptances", &word).await.expect(201);
    std::fs::write(site.settings.state().join("evidence/HEAD"), "edited\n").unwrap();
    for answer in [
        site.get(marek, "/api/v1/gates").await.expect(503),
        site.post(marek, "/api/v1/acceptances", &word).await.expect(503),
    ] {
        let folder = site.folder.path().display().to_string();
        assert!(!answer.text.contains(&folder), "{answer:?}");
    }
}
