//! What the benchmarks share.
#![allow(dead_code, reason = "each benchmark uses its part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a benchmark that cannot go on stops"
)]

use flowcontrol::config::HeldSecrets;
use flowcontrol::registry;
use flowcontrol_contract::SessionId;
use flowcontrol_contract::registry::BuildCx;
use flowcontrol_database::{TlsTrust, Workspace};
use flowcontrol_demo::{Size, Story, rosters};
use flowcontrol_snapshot::{Header, Writer, import, verify};
use std::path::Path;
use std::process::Command;

/// The number after `name` on the command line.
pub fn argument(name: &str, default: u64) -> u64 {
    let mut arguments = std::env::args().skip_while(|a| a != name);
    arguments.nth(1).map_or(default, |text| text.parse().expect("a number"))
}

pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

pub fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / (1024.0 * 1024.0)
}

/// The program, built as the benchmarks are.
pub fn flowcontrol() -> Command {
    Command::new(env!("CARGO_BIN_EXE_flowcontrol"))
}

/// Peak resident memory of the largest child that has ended.
pub fn children_peak_bytes() -> u64 {
    let usage = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_CHILDREN);
    // Linux counts in KiB.
    u64::try_from(usage.expect("usage").max_rss()).expect("not negative") * 1024
}

/// Writes the demo scenario of this size as a snapshot.
pub fn demo_snapshot(path: &Path, size: Size) -> u64 {
    let all = rosters(size).expect("rosters");
    let session = SessionId::new("bench").expect("a session");
    let mut writer =
        Writer::create(path, Header::new(session, all.clone()).expect("a header")).expect("a file");
    let each = size.records / u64::from(size.tenants);
    for (index, roster) in (0..).zip(&all) {
        let extra = if index == 0 { size.records - each * u64::from(size.tenants) } else { 0 };
        for (seq, record) in (1..=each + extra).zip(Story::new(roster, size.seed, index)) {
            writer
                .push(&record.expect("a record").placed(roster.tenant.clone(), seq))
                .expect("written");
        }
    }
    writer.finish().expect("finished").bytes
}

/// Replays a snapshot into a migrated workspace.
pub async fn replay(workspace: &Workspace, snapshot: &Path) {
    let summary = verify(snapshot, |_| {}).expect("a snapshot");
    let login = &workspace.logins.replayer;
    let mut secrets = HeldSecrets::default();
    secrets.0.insert("replayer".into(), login.password.clone().expect("a password"));
    let TlsTrust::VerifyFull { ca } = &workspace.endpoint.tls else { panic!("no certificate") };
    let config = serde_json::json!({
        "host": workspace.endpoint.host, "port": workspace.endpoint.port,
        "database": workspace.endpoint.database, "user": login.user,
        "password": {"held": "replayer"}, "tls": {"mode": "verify-full", "ca": ca},
        "tenants": summary.header.tenant_ids(),
    });
    let cx = BuildCx { secrets: &secrets, base: Path::new("") };
    let store =
        registry::built_in().build_store(registry::POSTGRES, config, cx).await.expect("a store");
    import(snapshot, summary.sha256, &*store, |_| {}).await.expect("replayed");
}
