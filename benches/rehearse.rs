//! A whole rehearsal against `initdb`, start and `psql -f` of the same migrations by hand.
//!
//! `cargo bench --bench rehearse`; `-- --rounds N` changes how often.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::panic,
    reason = "a benchmark prints, and stops when it cannot go on"
)]

mod support;

use flowcontrol_servers::{TargetSettings, binaries};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;
use support::{argument, flowcontrol, median};

fn main() {
    let rounds: u64 = argument("--rounds", 5);
    let settings = TargetSettings::from_variables(|name| std::env::var(name).ok());
    let found = binaries::find(&settings).expect("PostgreSQL binaries");
    let (mut ours, mut by_hand) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let folder = tempfile::tempdir().expect("a folder");
        let began = Instant::now();
        let out = flowcontrol()
            .args(["rehearse", "--target", "local"])
            .current_dir(folder.path())
            .output()
            .expect("it runs");
        ours.push(began.elapsed().as_secs_f64());
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stdout));
        by_hand.push(hand(&found.usable.first().expect("PostgreSQL binaries").folder));
    }
    let (ours, by_hand) = (median(&ours), median(&by_hand));
    println!("medians of {rounds} rounds in turn, demo scenario of 2,000 records");
    println!("  initdb, start, psql -f by hand   {by_hand:6.2} s");
    println!(
        "  rehearse --target local          {ours:6.2} s   ratio {:.2} (at most 2.00)",
        ours / by_hand
    );
}

/// What a person would type; seconds until the migrations are applied.
fn hand(bin: &Path) -> f64 {
    let migrations = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let roles = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/roles.sql");
    let script = format!(
        "set -e; cd \"$1\"; export PATH={bin}:$PATH
         initdb -D data -U postgres -A trust -E UTF8 --locale=C >/dev/null
         pg_ctl -D data -o \"-k $1 -c listen_addresses=''\" -l log -w start >/dev/null
         psql -qX -h \"$1\" -U postgres -v ON_ERROR_STOP=1 -f {roles} postgres
         for f in {migrations}/*.up.sql; do psql -qX -h \"$1\" -U postgres -v ON_ERROR_STOP=1 -1 -f $f postgres; done",
        bin = bin.display(),
        roles = roles.display(),
        migrations = migrations.display(),
    );
    let folder = tempfile::tempdir().expect("a folder");
    let root = rustix::process::geteuid().is_root();
    let mut command = if root {
        let given = Command::new("chown").arg("postgres").arg(folder.path()).status();
        assert!(given.expect("chown runs").success());
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]);
        command.arg("bash");
        command
    } else {
        Command::new("bash")
    };
    command
        .arg("-c")
        .arg(&script)
        .arg("by-hand")
        .arg(folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let began = Instant::now();
    let status = command.status().expect("it runs");
    let seconds = began.elapsed().as_secs_f64();
    assert!(status.success(), "by hand failed");
    let mut stop = if root {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(bin.join("pg_ctl"));
        command
    } else {
        Command::new(bin.join("pg_ctl"))
    };
    let stopped = stop
        .args(["-m", "immediate", "stop", "-D"])
        .arg(folder.path().join("data"))
        .stdout(Stdio::null())
        .status();
    assert!(stopped.expect("pg_ctl runs").success());
    seconds
}
