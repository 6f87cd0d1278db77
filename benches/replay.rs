//! Replay against `psql \copy`, and peak memory at two sizes.
//!
//! `cargo bench --bench replay` starts one throw-away server and prints, for the same rows on the
//! same server: seconds of `psql \copy` into the same tables without row-level security, seconds
//! of replay as a role subject to it, with and without verification, and the ratios.
//! `-- --records N --large N --rounds N` changes the sizes.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::panic,
    reason = "a benchmark prints, and stops when it cannot go on"
)]

mod support;

use flowcontrol_database::{Endpoint, Login, RoleNames, TlsTrust, Workspace};
use flowcontrol_demo::Size;
use flowcontrol_runbook as runbook;
use flowcontrol_runbook::{Layout, MigrationLimits, Site};
use flowcontrol_servers::{Target, TargetChoice, TargetSettings};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::{argument, flowcontrol, median, megabytes};

const TABLES: [&str; 10] = [
    "tenants",
    "organisations",
    "users",
    "permissions",
    "records",
    "orders",
    "documents",
    "invoices",
    "payments",
    "replay_chunks",
];

fn main() {
    let records: u64 = argument("--records", 200_000);
    let large: u64 = argument("--large", 2_000_000);
    let rounds: u64 = argument("--rounds", 3);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let settings = TargetSettings::from_variables(|name| std::env::var(name).ok());
        let target =
            Target::start(TargetChoice::Local, &settings, &|_| {}).await.expect("a server");
        println!(
            "server: PostgreSQL {} on this machine, fsync off, TLS on",
            target.identity.server_version
        );
        let scratch = tempfile::tempdir().expect("a folder");
        measure(&target, scratch.path(), records, large, rounds).await;
        target.dispose().await.expect("the server is removed");
    });
}

async fn measure(target: &Target, folder: &Path, records: u64, large: u64, rounds: u64) {
    let names = RoleNames::default();
    let workspace = target.workspace(&names, "bench").await.expect("roles");
    let config = configuration(target, &workspace, &names, folder);
    let (small, big) = (frozen(folder, records), frozen(folder, large));

    // Memory first: the children's peak is the largest so far, so sizes ascend.
    rehearse(&config, &small);
    let at_small = support::children_peak_bytes();
    let rows = copy_out(target, &small, folder).await;
    let (mut copies, mut replays, mut verifies) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        copies.push(copy_in(target, &names, folder).await);
        let report = rehearse(&config, &small);
        replays.push(report["replay"]["seconds"].as_f64().expect("seconds"));
        let steps = report["steps"].as_array().expect("steps");
        let verify = steps.iter().find(|s| s["id"] == "verify").expect("a verify step");
        verifies.push(verify["seconds"].as_f64().expect("seconds"));
    }
    let (copy, replay) = (median(&copies), median(&replays));
    let both = replay + median(&verifies);
    println!("{records} records, {rows} rows in all tables; medians of {rounds} rounds");
    println!("  psql \\copy without row-level security   {copy:8.2} s");
    println!(
        "  replay under row-level security         {replay:8.2} s   ratio {:.2} (at least 0.60)",
        copy / replay
    );
    println!(
        "  replay and verification                 {both:8.2} s   ratio {:.2} (at least 0.40)",
        copy / both
    );
    let report = rehearse(&config, &big);
    let at_big = support::children_peak_bytes();
    println!("peak resident memory of the whole rehearsal");
    println!("  at {records:>9} records   {:6.1} MiB", megabytes(at_small));
    println!(
        "  at {large:>9} records   {:6.1} MiB   ratio {:.2} (at most 1.10, and under 96 MiB)",
        megabytes(at_big),
        at_big as f64 / at_small as f64
    );
    println!(
        "  replayed {} records in {:.1} s",
        report["replay"]["records"],
        report["replay"]["seconds"].as_f64().expect("seconds")
    );
}

/// A configuration whose external target is the bench's server.
fn configuration(
    target: &Target,
    workspace: &Workspace,
    names: &RoleNames,
    folder: &Path,
) -> PathBuf {
    let TlsTrust::VerifyFull { ca: Some(ca) } = &target.endpoint.tls else {
        panic!("no certificate")
    };
    let login = |login: &Login| {
        let file = folder.join(format!("{}.password", login.user));
        std::fs::write(&file, login.password.as_ref().expect("a password").expose())
            .expect("written");
        format!("{{ user = \"{}\", password = {{ file = \"{}\" }} }}", login.user, file.display())
    };
    let logins = &workspace.logins;
    let Endpoint { host, port, database, .. } = &target.endpoint;
    let text = format!(
        "{}\n[target.external]\nhost = \"{host}\"\nport = {port}\ndatabase = \"{database}\"\n\
         tls = {{ ca = \"{}\" }}\nadmin = {}\nowner = {}\napplication = {}\nreplayer = {}\n\
         auditor = {}\nverifier = {}\n",
        flowcontrol::config::TEMPLATE,
        ca.display(),
        login(&target.admin),
        login(&logins.owner),
        login(&logins.application),
        login(&logins.replayer),
        login(&logins.auditor),
        login(logins.verifier.as_ref().expect("a verifier")),
    );
    assert_eq!(names.owner, logins.owner.user);
    let path = folder.join("flowcontrol.toml");
    std::fs::write(&path, text).expect("written");
    path
}

fn frozen(folder: &Path, records: u64) -> PathBuf {
    let path = folder.join(format!("{records}.jsonl"));
    support::demo_snapshot(&path, Size { records, tenants: 3, seed: 1 });
    path
}

fn rehearse(config: &Path, snapshot: &Path) -> Value {
    let out = flowcontrol()
        .args(["rehearse", "--target", "external", "--format", "json", "--config"])
        .arg(config)
        .arg("--snapshot")
        .arg(snapshot)
        .output()
        .expect("it runs");
    let report: Value = serde_json::from_slice(&out.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&out.stderr)));
    assert_eq!(report["decision"], "GO", "{report:#}");
    report
}

/// Fills a database by replay and copies its rows out, for the baseline to copy in.
async fn copy_out(target: &Target, snapshot: &Path, folder: &Path) -> u64 {
    let workspace = migrated(target, &RoleNames::default()).await;
    support::replay(&workspace, snapshot).await;
    let mut rows = 0;
    for table in TABLES {
        let file = folder.join(format!("{table}.copy"));
        let out = psql(
            target,
            &workspace,
            &[format!("\\copy bfg_flowcontrol.{table} to '{}'", file.display())],
        );
        rows += out.trim().trim_start_matches("COPY ").parse::<u64>().expect("a count");
    }
    target.drop_workspace(&workspace).await.expect("dropped");
    rows
}

/// Copies the rows into the same tables without row-level security; seconds of psql alone.
async fn copy_in(target: &Target, names: &RoleNames, folder: &Path) -> f64 {
    let workspace = migrated(target, names).await;
    let off: Vec<String> = TABLES
        .iter()
        .map(|t| format!("alter table bfg_flowcontrol.{t} disable row level security"))
        .collect();
    psql(target, &workspace, &off);
    let copies: Vec<String> = TABLES
        .iter()
        .map(|t| {
            format!(
                "\\copy bfg_flowcontrol.{t} from '{}'",
                folder.join(format!("{t}.copy")).display()
            )
        })
        .collect();
    let began = std::time::Instant::now();
    psql(target, &workspace, &copies);
    let seconds = began.elapsed().as_secs_f64();
    target.drop_workspace(&workspace).await.expect("dropped");
    seconds
}

async fn migrated(target: &Target, names: &RoleNames) -> Workspace {
    let workspace = target.workspace(names, "bench").await.expect("a database");
    let (layout, limits) = (Layout::default(), MigrationLimits::default());
    let site = Site {
        endpoint: &workspace.endpoint,
        login: &workspace.logins.owner,
        layout: &layout,
        limits: &limits,
    };
    runbook::up(site, &runbook::embedded().expect("migrations"), None).await.expect("migrated");
    workspace
}

fn psql(target: &Target, workspace: &Workspace, commands: &[String]) -> String {
    let TlsTrust::VerifyFull { ca: Some(ca) } = &target.endpoint.tls else {
        panic!("no certificate")
    };
    let mut command = Command::new("psql");
    command.args(["-X", "-v", "ON_ERROR_STOP=1", "-d"]).arg(format!(
        "host={} port={} dbname={} user={} sslmode=verify-full sslrootcert={}",
        workspace.endpoint.host,
        workspace.endpoint.port,
        workspace.endpoint.database,
        target.admin.user,
        ca.display()
    ));
    if let Some(password) = &target.admin.password {
        command.env("PGPASSWORD", password.expose());
    }
    for text in commands {
        command.arg("-c").arg(text);
    }
    let out = command.output().expect("psql runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).into_owned()
}
