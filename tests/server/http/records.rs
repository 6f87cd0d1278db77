//! Records over HTTP: whose they are, who sees them, and that each is written once.

use super::site::{OURS, Site, THEIRS, answer, risks};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const PATH: &str = "/api/v1/records";
const MAREK: &str = "user_dispatcher_marek";
const ANNA: &str = "user_md_anna";
const DRIVER: &str = "driver_tarasenko";

#[tokio::test]
async fn an_append_is_read_back_and_the_same_again_writes_nothing() {
    let site = Site::new().await;
    let before = site.head(OURS).await;
    let body = risks(&["risk-a", "risk-b"]);
    let done = site.post(MAREK, PATH, &body).await.expect(201);
    assert_eq!(done.json(), json!({"first": before + 1, "last": before + 2, "replayed": false}));
    assert_eq!(done.header("etag"), format!("\"{}\"", before + 2));
    let again = site.post(MAREK, PATH, &body).await.expect(200).json();
    assert_eq!(again["replayed"], true);
    assert_eq!(site.head(OURS).await, before + 2);
    let one = site.get(ANNA, &format!("{PATH}/risk-a")).await.expect(200).json();
    assert_eq!(one["actor"], MAREK);
    assert_eq!(one["tenant"], OURS);
    assert_eq!(one["seq"], before + 1);
    assert_eq!(one["occurred_at"], "2026-03-01T06:30:00.000000Z");
}

#[tokio::test]
async fn another_tenants_record_is_not_there() {
    let site = Site::new().await;
    site.post(MAREK, PATH, &risks(&["risk-ours"])).await.expect(201);
    let path = format!("{PATH}/risk-ours");
    let missing = site.get("dispatcher_00001", &path).await.expect(404);
    let never = site.get("dispatcher_00001", &format!("{PATH}/risk-never")).await.expect(404);
    assert_eq!(missing.json()["detail"], never.json()["detail"]);
    // The same id is theirs to use.
    let before = site.head(THEIRS).await;
    site.post("dispatcher_00001", PATH, &risks(&["risk-ours"])).await.expect(201);
    assert_eq!(site.head(THEIRS).await, before + 1);
    // Nobody chooses their tenant.
    let chosen = answer(site.request(MAREK, "GET", &format!("{PATH}?tenant={THEIRS}"))).await;
    chosen.expect(400);
}

#[tokio::test]
async fn pages_follow_each_other_to_the_end_and_a_kind_is_chosen() {
    let site = Site::new().await;
    let head = site.head(OURS).await;
    let (mut after, mut seen) = (0, Vec::new());
    loop {
        let path = format!("{PATH}?after={after}&limit=7");
        let page = site.get(ANNA, &path).await.expect(200).json();
        assert_eq!(page["head"], head);
        let records = page["records"].as_array().unwrap();
        assert!(records.len() <= 7);
        seen.extend(records.iter().map(|r| r["seq"].as_u64().unwrap()));
        match page["next"].as_u64() {
            Some(next) => after = next,
            None => break,
        }
    }
    assert_eq!(seen, (1..=head).collect::<Vec<_>>());
    let beyond = site.get(ANNA, &format!("{PATH}?after={}", i64::MAX)).await.expect(200).json();
    assert_eq!(beyond["records"], json!([]));
    site.get(ANNA, &format!("{PATH}?after={}", 1u64 << 63)).await.expect(422);
    let orders = site.get(ANNA, &format!("{PATH}?kind=order&limit=500")).await.expect(200).json();
    let kinds: BTreeSet<_> = orders["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["kind"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(kinds, BTreeSet::from(["order".to_owned()]));
    let tag = format!("\"{head}\"");
    let same = site.request(ANNA, "GET", PATH).header("if-none-match", &tag);
    assert_eq!(answer(same).await.expect(304).text, "");
}

#[tokio::test]
async fn a_driver_reads_and_writes_their_own_work_alone() {
    let site = Site::new().await;
    let page = site.get(DRIVER, &format!("{PATH}?limit=500")).await.expect(200).json();
    let records = page["records"].as_array().unwrap();
    assert!(records.iter().all(|r| r["actor"] == DRIVER), "{page}");
    let all = site.get(ANNA, &format!("{PATH}?limit=500")).await.expect(200).json();
    let other = all["records"].as_array().unwrap().iter().find(|r| r["actor"] != DRIVER).unwrap();
    let path = format!("{PATH}/{}", other["id"].as_str().unwrap());
    site.get(ANNA, &path).await.expect(200);
    site.get(DRIVER, &path).await.expect(404);
    let payment = json!({"records": [{"id": "pay-1", "kind": "payment",
        "occurred_at": "2026-03-01T06:30:00Z", "payload": {"payment_no": "1", "invoice_no": "1",
        "method": "transfer", "paid": {"amount": "1.00", "currency": "EUR"}}}]});
    let refused = site.post(DRIVER, PATH, &payment).await.expect(403);
    assert!(refused.json()["detail"].as_str().unwrap().contains("record_payment"));
    site.post("user_accountant_olena", PATH, &payment).await.expect(201);
}

#[tokio::test]
async fn an_append_onto_another_head_is_refused_and_one_that_is_there_is_not() {
    let site = Site::new().await;
    let head = site.head(OURS).await;
    let on =
        |tag: String, body: &Value| answer(site.posting(MAREK, PATH, body).header("if-match", tag));
    let (a, b) = (risks(&["if-a"]), risks(&["if-b"]));
    on(format!("\"{head}\""), &a).await.expect(201);
    let late = on(format!("\"{head}\""), &b).await.expect(412).json();
    assert_eq!(late["head"], head + 1);
    // A retry of what was done is done, whatever its condition says.
    on(format!("\"{head}\""), &a).await.expect(200);
    on("*".to_owned(), &b).await.expect(201);
    on("nonsense".to_owned(), &b).await.expect(400);
    assert_eq!(site.head(OURS).await, head + 2);
}

#[tokio::test]
async fn the_same_request_many_times_at_once_writes_once() {
    let site = Site::new().await;
    let head = site.head(OURS).await;
    let body = risks(&["once-1", "once-2"]);
    let send = |_| answer(site.posting(MAREK, PATH, &body).header("idempotency-key", "key-1"));
    let answers = futures::future::join_all((0..16).map(send)).await;
    let expected = json!({"first": head + 1, "last": head + 2, "replayed": false});
    for one in answers {
        assert_eq!(one.expect(201).json(), expected);
    }
    assert_eq!(site.head(OURS).await, head + 2);
    let other = site.posting(MAREK, PATH, &risks(&["once-3"])).header("idempotency-key", "key-1");
    let reused = answer(other).await.expect(422);
    assert_eq!(reused.json()["type"], "urn:flowcontrol:problem:key-reused");
    // Somebody else's key of that name is another one.
    let theirs = site.posting("dispatcher_00001", PATH, &body).header("idempotency-key", "key-1");
    answer(theirs).await.expect(201);
    // Without a key, the ids of the records are what keeps them apart.
    let send = |_| answer(site.posting(MAREK, PATH, &body));
    for one in futures::future::join_all((0..8).map(send)).await {
        one.expect(200);
    }
    assert_eq!(site.head(OURS).await, head + 2);
}

#[tokio::test]
async fn a_key_whose_request_failed_stands_for_nothing() {
    let site = Site::new().await;
    let send =
        |body: Value| answer(site.posting(MAREK, PATH, &body).header("idempotency-key", "again"));
    send(risks(&["clash"])).await.expect(201);
    let clash = json!({"records": [{"id": "clash", "kind": "risk",
        "occurred_at": "2026-03-01T06:30:00Z", "payload": {"level": "high"}}]});
    let fresh =
        |body: Value| answer(site.posting(MAREK, PATH, &body).header("idempotency-key", "another"));
    fresh(clash).await.expect(409);
    fresh(risks(&["free"])).await.expect(201);
}

#[tokio::test]
async fn writers_at_once_take_turns_by_the_head() {
    let site = Site::new().await;
    let head = site.head(OURS).await;
    let tag = format!("\"{head}\"");
    let ids: Vec<_> = (0..8).map(|n| format!("turn-{n}")).collect();
    let send =
        |id: &String| answer(site.posting(MAREK, PATH, &risks(&[id])).header("if-match", &tag));
    let answers = futures::future::join_all(ids.iter().map(send)).await;
    let won = answers.iter().filter(|a| a.status == 201).count();
    assert_eq!((won, answers.iter().filter(|a| a.status == 412).count()), (1, 7), "{answers:?}");
    assert_eq!(site.head(OURS).await, head + 1);
}
