//! The rollback drill, against a real Postgres and real second writers.

use crate::external::External;
use crate::support;
use flowcontrol_testkit::place::Ended;
use flowcontrol_testkit::running::eventually;
use serde_json::{Value, json};
use std::time::Duration;

/// A packet's check.
fn check(ended: &Ended, id: &str) -> Value {
    let packet = ended.json();
    packet["checks"].as_array().unwrap().iter().find(|c| c["id"] == id).unwrap().clone()
}

fn record(id: &str) -> String {
    let record = json!({"id": id, "kind": "risk", "actor": "user_md_anna",
        "occurred_at": "2026-03-01T06:30:00Z", "payload": {}});
    format!("{record}\n")
}

const DRILL: [&str; 7] =
    ["--format", "json", "rollback", "drill", "--target", "external", "--watch"];

fn drill(external: &External, seconds: &str) -> Ended {
    let line: Vec<&str> = DRILL.into_iter().chain([seconds]).collect();
    external.place.run(&line)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drill_restores_the_fallback_and_lets_writes_through_again() {
    let test = "a_drill_restores_the_fallback_and_lets_writes_through_again";
    if support::server_or_skip(test).is_none() {
        return;
    }
    let external = External::new("drill").await;
    let place = &external.place;
    place.seed(60, 2);
    let early = drill(&external, "1").expect(1);
    assert_eq!(check(&early, "freeze-window")["verdict"], "ready");
    assert_eq!(check(&early, "storage-fallback")["verdict"], "ready");
    let audit = check(&early, "audit-packet");
    assert_eq!(audit["verdict"], "next", "there is no dry run yet: {audit}");

    place.run(&["rehearse", "--target", "external"]).expect(0);
    let done = drill(&external, "1").expect(0);
    let packet = done.json();
    assert_eq!(packet["schema"], "ProductionRollbackDrill.v1");
    assert_eq!(packet["target"]["kind"], "external");
    let window = check(&done, "freeze-window");
    assert_eq!(window["figures"]["before"], window["figures"]["after"]);
    assert_eq!(check(&done, "storage-fallback")["figures"]["sha256"], packet["snapshot_sha256"]);
    // Writes go on, and no database of the drill is left.
    std::fs::write(place.work().join("new.jsonl"), record("after")).unwrap();
    place.run(&["scenario", "append", "new.jsonl", "--tenant", "bfg-control"]).expect(0);
    assert_eq!(external.databases().await, Vec::<String>::new());
    place.run(&["evidence", "verify"]).expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_writer_that_keeps_to_the_window_fails_the_drill() {
    let test = "a_second_writer_that_keeps_to_the_window_fails_the_drill";
    if support::server_or_skip(test).is_none() {
        return;
    }
    let external = External::new("drill_second").await;
    let place = &external.place;
    place.seed(60, 2);
    std::fs::write(place.work().join("new.jsonl"), record("second")).unwrap();
    let line: Vec<&str> = DRILL.into_iter().chain(["20"]).collect();
    let running = place.start(&line);
    eventually("the window is raised", || {
        let show = place.run(&["--format", "json", "scenario", "show"]);
        show.json().to_string().contains("rollback drill").then_some(())
    });
    let refused = place.run(&["scenario", "append", "new.jsonl", "--tenant", "bfg-control"]);
    assert_eq!(refused.code(), Some(1), "{refused}");
    assert!(refused.err.contains("rollback drill"), "{refused}");
    let ended = running.end().expect(1);
    let window = check(&ended, "freeze-window");
    assert_eq!(window["verdict"], "next");
    assert_eq!(window["figures"]["refused"], 1, "{window}");
    assert!(window["reason"].as_str().unwrap().contains("a second writer is live"), "{window}");
    // Nothing of it was lost or half-written: the same line goes through now.
    place.run(&["scenario", "append", "new.jsonl", "--tenant", "bfg-control"]).expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_writer_that_lifts_the_window_fails_the_drill() {
    let test = "a_second_writer_that_lifts_the_window_fails_the_drill";
    if support::server_or_skip(test).is_none() {
        return;
    }
    let external = External::new("drill_past").await;
    let place = &external.place;
    place.seed(60, 2);
    std::fs::write(place.work().join("new.jsonl"), record("past")).unwrap();
    let line: Vec<&str> = DRILL.into_iter().chain(["20"]).collect();
    let running = place.start(&line);
    eventually("the window is raised", || {
        let show = place.run(&["--format", "json", "scenario", "show"]);
        show.json().to_string().contains("rollback drill").then_some(())
    });
    place.run(&["scenario", "thaw"]).expect(0);
    place.run(&["scenario", "append", "new.jsonl", "--tenant", "bfg-control"]).expect(0);
    let window = check(&running.end().expect(1), "freeze-window");
    assert_eq!(window["verdict"], "next");
    assert!(window["reason"].as_str().unwrap().contains("ended before the drill did"), "{window}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drill_that_is_stopped_lifts_its_window_and_one_that_is_killed_names_the_way_out() {
    let test = "a_drill_that_is_stopped_lifts_its_window_and_one_that_is_killed_names_the_way_out";
    if support::server_or_skip(test).is_none() {
        return;
    }
    let external = External::new("drill_stop").await;
    let place = &external.place;
    place.seed(60, 2);
    let line: Vec<&str> = DRILL.into_iter().chain(["60"]).collect();
    let raised = || {
        eventually("the window is raised", || {
            let show = place.run(&["--format", "json", "scenario", "show"]);
            show.json().to_string().contains("rollback drill").then_some(())
        });
    };
    let running = place.start(&line);
    raised();
    std::thread::sleep(Duration::from_millis(200));
    running.interrupt();
    let ended = running.end().expect(130);
    assert!(ended.err.contains("interrupted"), "{ended}");
    let packet = place.packets().pop().unwrap();
    assert_eq!(packet["outcome"], "interrupted", "a drill that was stopped leaves a packet too");
    std::fs::write(place.work().join("new.jsonl"), record("stopped")).unwrap();
    place.run(&["scenario", "append", "new.jsonl", "--tenant", "bfg-control"]).expect(0);

    let running = place.start(&line);
    raised();
    running.kill();
    std::fs::write(place.work().join("more.jsonl"), record("killed")).unwrap();
    let refused = place.run(&["scenario", "append", "more.jsonl", "--tenant", "bfg-control"]);
    assert_eq!(refused.code(), Some(1), "{refused}");
    assert!(refused.err.contains("flowcontrol scenario thaw"), "{refused}");
    let again = drill(&external, "1").expect(1);
    assert!(again.err.contains("is frozen already"), "{again}");
    place.run(&["scenario", "thaw"]).expect(0);
    place.run(&["scenario", "append", "more.jsonl", "--tenant", "bfg-control"]).expect(0);
    // The killed one's copy of the scenario goes with the next drill.
    drill(&external, "1");
    let entries = std::fs::read_dir(place.state()).unwrap();
    let mut names = entries.map(|e| e.unwrap().file_name().into_string().unwrap());
    assert_eq!(names.find(|name| name.starts_with("drill-")), None);
}
