//! Gates over the evidence of a real rehearsal, fresh and stale.

use crate::external::External;
use crate::support;

#[tokio::test(flavor = "multi_thread")]
async fn a_rehearsal_turns_its_gates_and_a_new_record_turns_the_dry_run_back() {
    let test = "a_rehearsal_turns_its_gates_and_a_new_record_turns_the_dry_run_back";
    if support::server_or_skip(test).is_none() {
        return;
    }
    let external = External::new("gates").await;
    let place = &external.place;
    place.seed(60, 2);
    place.run(&["gates", "--require", "dry-run"]).expect(1);
    let report =
        place.run(&["--format", "json", "rehearse", "--target", "external"]).expect(0).json();
    for gate in ["connection", "dry-run"] {
        place.run(&["gates", "--require", gate]).expect(0);
    }
    place.run(&["gates", "--require", "release"]).expect(1);

    let record = r#"{"id":"new","kind":"risk","actor":"user_md_anna","occurred_at":"2026-03-01T06:30:00Z","payload":{}}"#;
    std::fs::write(place.work().join("new.jsonl"), format!("{record}\n")).unwrap();
    place.run(&["scenario", "append", "new.jsonl", "--tenant", "bfg-control"]).expect(0);
    let judged = place
        .run(&["--format", "json", "gates", "dry-run", "--require", "dry-run"])
        .expect(1)
        .json();
    let now = judged["snapshot"].as_str().unwrap();
    let then = report["snapshot"]["short"].as_str().unwrap();
    for check in judged["gates"][0]["checks"].as_array().unwrap() {
        let reason = check["reason"].as_str().unwrap();
        assert!(reason.contains(then) && reason.contains(&now[..8]), "{reason}");
        assert_eq!(check["command"], "flowcontrol rehearse --target external");
    }
    // It says nothing of records, so it stays what it was.
    place.run(&["gates", "--require", "connection"]).expect(0);
}
