//! `snapshot verify` against `sha256sum` on the same file, in turn.
//!
//! `cargo bench --bench snapshot`; `-- --megabytes N --rounds N` changes the size.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::panic,
    reason = "a benchmark prints, and stops when it cannot go on"
)]

mod support;

use flowcontrol_demo::Size;
use std::process::{Command, Stdio};
use std::time::Instant;
use support::{argument, flowcontrol, median};

fn timed(command: &mut Command) -> f64 {
    let began = Instant::now();
    let status = command.stdout(Stdio::null()).status().expect("it runs");
    assert!(status.success(), "{command:?}");
    began.elapsed().as_secs_f64()
}

fn main() {
    let size: u64 = argument("--megabytes", 500);
    let rounds: u64 = argument("--rounds", 5);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("snapshot.jsonl");
    // About 325 bytes a record.
    let records = size * 1_000_000 / 325;
    let bytes = support::demo_snapshot(&path, Size { records, tenants: 3, seed: 1 });
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        ours.push(timed(flowcontrol().args(["snapshot", "verify"]).arg(&path)));
        theirs.push(timed(Command::new("sha256sum").arg(&path)));
    }
    let (ours, theirs) = (median(&ours), median(&theirs));
    println!("{:.0} MB, {records} records; medians of {rounds} rounds in turn", bytes as f64 / 1e6);
    println!("  sha256sum         {theirs:6.2} s");
    println!("  snapshot verify   {ours:6.2} s   ratio {:.2} (at least 0.30)", theirs / ours);
}
