//! Several processes on one folder: killed writers, writers that compete, readers beside them.

#![allow(clippy::unwrap_used, reason = "what fails here is a failed test")]

mod support;

use flowcontrol_contract::store::Expected;
use flowcontrol_contract::{ActorId, CallCx, ErrorKind, ScenarioStore};
use flowcontrol_store_file::FileStore;
use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};
use support::{all, append, batch, cx, drain, new, store_with, tenant};

/// This test binary again, as a writer that follows an order and prints what was acknowledged.
struct Writer {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Writer {
    fn start(order: &str, name: &str, dir: &Path) -> Self {
        Self::start_with_input(order, name, dir).0
    }

    /// The same, with its standard input still open.
    fn start_with_input(order: &str, name: &str, dir: &Path) -> (Self, ChildStdin) {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "--nocapture", "child"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        writeln!(input, "{order}\n{name}\n{}", dir.display()).unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        (Self { child, lines }, input)
    }

    /// What it says next; the test harness's own words are passed over.
    fn next(&mut self) -> Option<String> {
        loop {
            let line = self.lines.next()?.ok()?;
            // The harness writes "test child ... " in front of the first line.
            if let Some(at) = line.find("said ") {
                return Some(line[at + 5..].to_owned());
            }
        }
    }

    fn kill(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        let rest = std::iter::from_fn(|| self.next()).collect();
        self.child.wait().unwrap();
        rest
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn say(what: impl std::fmt::Display) {
    // One write for a line, so that a kill cannot cut it in two.
    let line = format!("said {what}\n");
    std::io::stdout().write_all(line.as_bytes()).unwrap();
}

#[test]
#[ignore = "the part of the other process; it takes its orders from standard input"]
fn child() {
    let mut orders = std::io::stdin().lines().map(Result::unwrap);
    let (Some(order), Some(name), Some(dir)) = (orders.next(), orders.next(), orders.next()) else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = FileStore::open(&dir).unwrap();
        match order.as_str() {
            "append" => {
                for i in 0u64.. {
                    // Batches of 1, 2 and 40 records, the last with some kilobytes each.
                    let count = [1, 2, 40][(i % 3) as usize];
                    let pad = if count == 40 { 3000 } else { 1 };
                    let payload = format!("{{\"pad\":\"{}\"}}", "x".repeat(pad));
                    let records: Vec<_> = (0..count)
                        .map(|n| support::new_with(&format!("{name}-{i}-{n}"), &payload))
                        .collect();
                    let done = store.append(&cx("bfg"), Expected::Any, &records).await.unwrap();
                    for (record, seq) in records.iter().zip(done.first..) {
                        say(format_args!("{} {seq}", record.id));
                    }
                }
            }
            "two tenants" => {
                for i in 0u64.. {
                    for id in ["a", "b"] {
                        append(&store, id, [i]).await;
                    }
                    say(i);
                }
            }
            "enroll" => {
                let mut roster = support::roster("bfg");
                for i in 0u64.. {
                    let mut actor = roster.actors[0].clone();
                    actor.id = ActorId::new(format!("actor-{i}")).unwrap();
                    let mut record = new(&format!("by-{i}"));
                    record.actor = actor.id.clone();
                    if roster.actors.len() < 200 {
                        roster.actors.push(actor);
                        store.enroll(&cx("bfg"), &roster).await.unwrap();
                        store.append(&cx("bfg"), Expected::Any, &[record]).await.unwrap();
                    }
                    say(i);
                }
            }
            "hold" => {
                let file = std::fs::File::open(Path::new(&dir).join("write.lock")).unwrap();
                file.lock().unwrap();
                say("held");
                orders.next();
            }
            other => panic!("unknown order {other:?}"),
        }
    });
}

#[tokio::test]
async fn every_acknowledged_append_survives_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    store_with(dir.path(), &["bfg"]).await;
    let mut acknowledged = Vec::new();
    let mut torn = 0;
    for round in 0u32..12 {
        let mut writer = Writer::start("append", &format!("round{round}"), dir.path());
        // Killed after a number of acknowledgements that differs from round to round, at
        // whatever it is doing then.
        for _ in 0..(1 + round * 37 % 101) {
            acknowledged.push(writer.next().expect("the writer failed"));
        }
        acknowledged.extend(writer.kill());
        let store = FileStore::open(dir.path()).unwrap();
        let records = all(&store, "bfg").await.unwrap();
        torn += store.recovered().len();
        let stored: HashSet<String> =
            records.iter().map(|r| format!("{} {}", r.id, r.seq)).collect();
        for said in &acknowledged {
            assert!(stored.contains(said), "round {round}: {said} is lost");
        }
        assert_eq!(stored.len() as u64, records.last().unwrap().seq);
        // Batches are whole: no record of a batch of 40 without the 39 others.
        let forties = records.iter().filter(|r| r.payload.as_str().len() > 1000).count();
        assert_eq!(forties % 40, 0, "round {round}: a batch is there in part");
    }
    println!("{} acknowledged, {torn} torn ends", acknowledged.len());
}

#[tokio::test]
async fn two_processes_take_turns_and_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_with(dir.path(), &["bfg"]).await;
    let mut writers = ["one", "two"].map(|name| Writer::start("append", name, dir.path()));
    let mut acknowledged = HashSet::new();
    let mut own = 0;
    while writers.iter().any(|_| acknowledged.len() < 600) {
        for writer in &mut writers {
            acknowledged.insert(writer.next().expect("a writer failed"));
        }
        // This process is the third writer.
        own += 1;
        append(&store, "bfg", [own]).await;
    }
    for writer in writers {
        acknowledged.extend(writer.kill());
    }
    let records = all(&FileStore::open(dir.path()).unwrap(), "bfg").await.unwrap();
    assert_eq!(
        records.iter().map(|r| r.seq).collect::<Vec<_>>(),
        (1..=records.len() as u64).collect::<Vec<_>>()
    );
    let stored: HashSet<_> = records.iter().map(|r| format!("{} {}", r.id, r.seq)).collect();
    assert!(acknowledged.is_subset(&stored));
    assert_eq!(records.iter().filter(|r| r.id.as_str().starts_with('r')).count() as u64, own);
    let ids: HashSet<_> = records.iter().map(|r| &r.id).collect();
    assert_eq!(ids.len(), records.len(), "a record is there twice");
}

#[tokio::test]
async fn a_writer_that_holds_on_keeps_others_out_until_it_dies() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_with(dir.path(), &["bfg"]).await;
    append(&store, "bfg", 1..=2).await;
    // The order's input stays open, so it holds the lock until it is killed.
    let (mut holder, _input) = Writer::start_with_input("hold", "holder", dir.path());
    assert_eq!(holder.next().as_deref(), Some("held"));
    let soon = CallCx { deadline: Some(Instant::now() + Duration::from_millis(50)), ..cx("bfg") };
    let error = store.append(&soon, Expected::Any, &batch([3])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.message().contains("write.lock"), "{error}");
    // Readers do not mind.
    assert_eq!(all(&FileStore::open(dir.path()).unwrap(), "bfg").await.unwrap().len(), 2);
    holder.kill();
    assert_eq!(append(&store, "bfg", [3]).await, 3);
}

#[tokio::test]
async fn an_export_is_of_one_moment_while_another_process_writes() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_with(dir.path(), &["a", "b"]).await;
    let mut writer = Writer::start("two tenants", "w", dir.path());
    let mut seen = HashSet::new();
    // A writer that ran ahead may stand still for a while where others need the machine.
    while seen.len() <= 30 {
        writer.next().expect("the writer failed");
        let export = store.export(&[tenant("a"), tenant("b")]).await.unwrap();
        // The writer goes on before the streams are read.
        writer.next().expect("the writer failed");
        let records = drain(export.batches).await.unwrap();
        let count = |id| records.iter().filter(|r| r.tenant == tenant(id)).count();
        let (a, b) = (count("a"), count("b"));
        // Every record of b follows its record of a, so only these two can be a moment.
        assert!(a == b || a == b + 1, "{a} of a, {b} of b");
        seen.insert((a, b));
        // A fresh process sees the same kind of moment in everything it reads back.
        let fresh = FileStore::open(dir.path()).unwrap();
        let counts = fresh.read_back(&[]).await.unwrap().counts().await.unwrap();
        let rows = |id: &str| {
            let of = |c: &&flowcontrol_contract::store::TableCount| {
                c.table == "records" && c.tenant == id
            };
            counts.iter().find(of).map_or(0, |c| c.rows)
        };
        assert!(rows("a") == rows("b") || rows("a") == rows("b") + 1, "{counts:?}");
    }
}

#[tokio::test]
async fn an_export_never_has_a_record_without_its_actor() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_with(dir.path(), &["bfg"]).await;
    let mut writer = Writer::start("enroll", "w", dir.path());
    for _ in 0..60 {
        writer.next().expect("the writer failed");
        let export = store.export(&[tenant("bfg")]).await.unwrap();
        let actors = export.rosters[0].actors.len();
        let records = drain(export.batches).await.unwrap();
        assert!(records.iter().all(|r| export.rosters[0].has(&r.actor)));
        // Two actors were there before; each of the others is enrolled right before its record.
        let others = actors - 2;
        assert!(others == records.len() || others == records.len() + 1, "{others} actors");
    }
}

#[tokio::test]
async fn a_reader_beside_a_writer_sees_whole_batches_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_with(dir.path(), &["bfg"]).await;
    let mut writer = Writer::start("append", "w", dir.path());
    let mut last = 0;
    for _ in 0..40 {
        writer.next().expect("the writer failed");
        let records = all(&store, "bfg").await.unwrap();
        assert!(records.iter().map(|r| r.seq).eq(1..=records.len() as u64));
        assert_eq!(records.iter().filter(|r| r.payload.as_str().len() > 1000).count() % 40, 0);
        assert!(records.len() >= last);
        last = records.len();
    }
    assert!(store.recovered().is_empty(), "a batch in writing is no torn end");
}
