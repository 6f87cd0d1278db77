//! `--resume` beside rehearsals that are still running: only what was interrupted is resumed.

use crate::external::External;
use crate::support;
use flowcontrol_testkit::running::Running;
use std::path::PathBuf;

const REHEARSE: [&str; 6] = ["-v", "--format", "json", "rehearse", "--target", "external"];

fn resume() -> Vec<&'static str> {
    [&REHEARSE[..], &["--resume"]].concat()
}

/// Folders of runs with a journal, oldest first.
fn unfinished(external: &External) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(external.place.state().join("rehearsals"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|folder| folder.join("unfinished.json").exists())
        .collect();
    found.sort();
    found
}

/// A run that has its database and its journal, and stands still.
fn halted(external: &External, arguments: &[&str]) -> Running {
    let mut running = external.place.start(arguments);
    assert!(running.says("migrate: begun"));
    running.halt();
    running
}

/// Refused with the names of what is at work, and nothing changed.
async fn refused(external: &External, at_work: &Running) {
    let before = (unfinished(external), external.databases().await);
    let said = external.place.run(&resume()).expect(2);
    let name = before.0.last().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
    for named in [name, format!("process {}", at_work.id()), "still running".to_owned()] {
        assert!(said.err.contains(&named), "{named}: {said}");
    }
    assert!(said.err.contains("wait for it"), "the way out: {said}");
    assert_eq!((unfinished(external), external.databases().await), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rehearsal_at_work_is_not_resumed_and_one_that_was_cut_off_is() {
    let test = "a_rehearsal_at_work_is_not_resumed_and_one_that_was_cut_off_is";
    if support::server_or_skip(test).is_none() {
        return;
    }
    let external = External::new("atwork").await;
    external.place.seed(600, 2);

    // The only one there is: refused while it lives.
    let alone = halted(&external, &REHEARSE);
    refused(&external, &alone).await;
    alone.kill();

    // Killed: it is resumed, although a newer one is at work.
    let newer = halted(&external, &REHEARSE);
    let [_, at_work] = <[PathBuf; 2]>::try_from(unfinished(&external)).unwrap();
    let report = external.place.run(&resume()).expect(0).json();
    assert_eq!(report["decision"], "GO");
    assert_eq!(unfinished(&external), [at_work]);
    assert_eq!(external.databases().await.len(), 1, "the newer one's database is untouched");

    // And the newer one comes to its end as if nothing had been.
    refused(&external, &newer).await;
    newer.go_on();
    assert_eq!(newer.end().expect(0).json()["decision"], "GO");
    assert_eq!(unfinished(&external), Vec::<PathBuf>::new());
    assert_eq!(external.databases().await, Vec::<String>::new());
    let locks = std::fs::read_dir(external.place.state().join("rehearsals")).unwrap();
    let left = locks.filter(|run| run.as_ref().unwrap().path().join("running.lock").exists());
    assert_eq!(left.count(), 0, "a run that ended leaves no lock file");
    external.place.evidence_verifies();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_being_resumed_is_not_resumed_again() {
    if support::server_or_skip("what_is_being_resumed_is_not_resumed_again").is_none() {
        return;
    }
    let external = External::new("twice").await;
    external.place.seed(600, 2);
    halted(&external, &REHEARSE).kill();
    // Before it has a journal of its own it holds the other's lock.
    let mut resuming = external.place.start(&resume());
    assert!(resuming.says("verify the snapshot: begun"));
    resuming.halt();
    refused(&external, &resuming).await;
    resuming.go_on();
    // Afterwards both tries stand there for one database, and neither is free.
    assert!(resuming.says("migrate: begun"));
    resuming.halt();
    assert_eq!(unfinished(&external).len(), 2);
    refused(&external, &resuming).await;
    resuming.go_on();
    assert_eq!(resuming.end().expect(0).json()["decision"], "GO");
    assert_eq!(unfinished(&external), Vec::<PathBuf>::new());
    assert_eq!(external.databases().await, Vec::<String>::new());
}
