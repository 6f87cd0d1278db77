//! One record over HTTP, with a bearer token and row-level security, against `pgbench` running the
//! same transaction on the same server.
//!
//! `cargo bench --bench http` starts one throw-away server and the service as a program of its own.
//! In turn it lets pgbench run the transaction (begin, set the tenant, select, commit; prepared) as
//! the service's login, and asks the service for records over as many kept-alive connections. It
//! prints both rates, their ratio and the service's 99th percentile.
//! `-- --connections N --seconds N --rounds N --records N` changes the sizes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::panic,
    missing_docs,
    reason = "a benchmark prints, and stops when it cannot go on"
)]

#[path = "../adapters/auth/tests/support/mod.rs"]
mod provider;
mod support;

use axum::http::{Request, header};
use flowcontrol::config::HeldSecrets;
use flowcontrol::registry;
use flowcontrol_contract::registry::BuildCx;
use flowcontrol_contract::store::Expected;
use flowcontrol_contract::{CallCx, NewRecord};
use flowcontrol_database::{RoleNames, TlsTrust, Workspace};
use flowcontrol_demo as demo;
use flowcontrol_runbook as runbook;
use flowcontrol_runbook::{Layout, MigrationLimits, Site};
use flowcontrol_servers::{Target, TargetChoice, TargetSettings};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use provider::Stub;
use provider::forge::Signer;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use support::{argument, flowcontrol, median};

const TENANT: &str = "bfg-control";

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let settings = TargetSettings::from_variables(|name| std::env::var(name).ok());
        let target =
            Target::start(TargetChoice::Local, &settings, &|_| {}).await.expect("a server");
        let version = &target.identity.server_version;
        println!("server: PostgreSQL {version} on this machine, fsync off, TLS on");
        let folder = tempfile::tempdir().expect("a folder");
        measure(&target, folder.path()).await;
        target.dispose().await.expect("the server is removed");
    });
}

async fn measure(target: &Target, folder: &Path) {
    let (connections, seconds) = (argument("--connections", 16), argument("--seconds", 10));
    let (rounds, records) = (argument("--rounds", 3), argument("--records", 20_000));
    let workspace = target.workspace(&RoleNames::default(), "bench").await.expect("roles");
    let (layout, limits) = (Layout::default(), MigrationLimits::default());
    let site = Site {
        endpoint: &workspace.endpoint,
        login: &workspace.logins.owner,
        layout: &layout,
        limits: &limits,
    };
    runbook::up(site, &runbook::embedded().expect("migrations"), None).await.expect("migrated");
    fill(&workspace, records).await;

    let signer = Signer::rsa("k1");
    let stub = Stub::new(&[&signer]).await;
    let token = signer.token(&signer.header(), &claims(&stub));
    let mut service = Service::start(folder, &workspace, &stub.issuer, connections);
    let script = script(folder, records);
    let load = Load { address: service.address.clone(), token, records, connections };
    // Every cache is warm, every connection open.
    load.run(Duration::from_secs(2)).await;

    let (mut baseline, mut rates, mut tails) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let shell = pgbench(&workspace, &script, connections, seconds);
        baseline.push(tokio::task::spawn_blocking(shell).await.expect("pgbench"));
        let (rate, p99) = load.run(Duration::from_secs(seconds)).await;
        rates.push(rate);
        tails.push(p99);
    }
    let (baseline, rate) = (median(&baseline), median(&rates));
    println!("one of {records} records, {connections} connections; medians of {rounds} rounds");
    println!("  pgbench, prepared            {baseline:8.0} transactions/s");
    println!(
        "  GET over HTTP, OIDC and RLS  {rate:8.0} requests/s   ratio {:.2} (at least 0.50)",
        rate / baseline
    );
    println!("  99th percentile              {:8.2} ms", median(&tails));
    service.stop();
}

/// The demo's first tenant with its actors, and `row-1` to `row-N`.
async fn fill(workspace: &Workspace, records: u64) {
    let mut secrets = HeldSecrets::default();
    let login = &workspace.logins.application;
    secrets.0.insert("application".into(), login.password.clone().expect("a password"));
    let mut config = store(workspace);
    config["password"] = json!({"held": "application"});
    let cx = BuildCx { secrets: &secrets, base: Path::new("") };
    let adapters = registry::built_in();
    let store = adapters.build_store(registry::POSTGRES, config, cx).await.expect("a store");
    let size = demo::Size { records: 1, tenants: 1, seed: 1 };
    let roster = demo::rosters(size).expect("rosters").remove(0);
    let cx = CallCx::tenant(roster.tenant.clone());
    store.enroll(&cx, &roster).await.expect("enrolled");
    let record = |n: u64| {
        NewRecord::from_json(&format!(
            r#"{{"id":"row-{n}","kind":"risk","actor":"user_dispatcher_marek",
                "occurred_at":"2026-03-01T06:30:00Z",
                "payload":{{"level":"low","note":"border queue at Korczowa","n":{n}}}}}"#
        ))
    };
    let all: Vec<_> = (1..=records).map(|n| record(n).expect("a record")).collect();
    for batch in all.chunks(5_000) {
        store.append(&cx, Expected::Any, batch).await.expect("appended");
    }
}

/// The store's configuration without its password.
fn store(workspace: &Workspace) -> Value {
    let endpoint = &workspace.endpoint;
    let TlsTrust::VerifyFull { ca } = &endpoint.tls else { panic!("no certificate") };
    json!({"host": endpoint.host, "port": endpoint.port, "database": endpoint.database,
        "user": workspace.logins.application.user, "tls": {"mode": "verify-full", "ca": ca},
        "tenants": [TENANT]})
}

fn claims(stub: &Stub) -> Value {
    let now = provider::now();
    json!({"iss": stub.issuer, "aud": "https://api.bfg.example", "sub": "user_dispatcher_marek",
        "iat": now, "exp": now + 3600, "tenant": TENANT, "roles": ["dispatcher"]})
}

/// The service as a program of its own.
struct Service {
    child: Child,
    address: String,
}

impl Service {
    fn start(folder: &Path, workspace: &Workspace, issuer: &str, connections: u64) -> Self {
        let password = folder.join("password");
        let login = &workspace.logins.application;
        std::fs::write(&password, login.password.as_ref().expect("a password").expose())
            .expect("written");
        let mut config: toml::Table = flowcontrol::config::TEMPLATE.parse().expect("TOML");
        let mut adapter = store(workspace);
        adapter["password"] = json!({"file": password});
        adapter["pool_size"] = json!(connections);
        let issuers = json!({
            "issuers": [{"issuer": issuer, "audiences": ["https://api.bfg.example"],
                "tenants": [TENANT], "claims": {"tenant": "/tenant", "actor": "/sub",
                    "roles": {"at": "/roles", "form": "array"}}}],
            "roles": {"dispatcher": ["view_operations", "create_order"]},
        });
        let set = |table: &mut toml::Table, name: &str, value: Value| {
            table.insert(name.into(), toml::Value::try_from(value).expect("TOML"));
        };
        let adapters = config["adapters"].as_table_mut().expect("adapters");
        set(adapters, "postgres-rls", adapter);
        set(adapters, "oidc-rbac", issuers);
        set(&mut config, "profile", json!("staging"));
        set(&mut config, "serve", json!({"requests_a_second": 1_000_000, "burst": 1_000_000}));
        std::fs::write(folder.join("flowcontrol.toml"), config.to_string()).expect("written");
        let log = std::fs::File::create(folder.join("log")).expect("a file");
        let mut child = flowcontrol()
            .args(["serve", "--listen", "127.0.0.1:0", "--log-format", "json"])
            .current_dir(folder)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("it starts");
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().expect("piped"));
        out.read_line(&mut line).expect("a line");
        let address = line.trim().strip_prefix("listening on http://").map(str::to_owned);
        let said = || std::fs::read_to_string(folder.join("log")).unwrap_or_default();
        Self { address: address.unwrap_or_else(|| panic!("{line}{}", said())), child }
    }

    fn stop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What the service's store does for one record, statement for statement.
fn script(folder: &Path, records: u64) -> std::path::PathBuf {
    let file = folder.join("get.sql");
    let text = format!(
        "\\set n random(1, {records})\n\
         begin isolation level repeatable read read only;\n\
         with before as materialized (select coalesce(current_setting('bfg.tenant_id', true), '') \
           as tenant, current_setting('synchronous_commit') as sync) \
           select tenant, set_config('bfg.tenant_id', '{TENANT}', true), \
           set_config('statement_timeout', '60000', true), set_config('lock_timeout', '10000', true), \
           set_config('search_path', 'pg_catalog, pg_temp', true), \
           set_config('enable_bitmapscan', 'off', true), set_config('jit', 'off', true), \
           set_config('synchronous_commit', case sync when 'off' then 'on' else sync end, true) \
           from before;\n\
         select seq, record_id, kind, actor_id, occurred_at, payload::text \
           from bfg_flowcontrol.records where tenant_id = '{TENANT}' \
           and record_id = any(array['row-' || :n]) order by seq;\n\
         commit;\n"
    );
    std::fs::write(&file, text).expect("written");
    file
}

/// Transactions a second, without the time that connecting takes.
fn pgbench(
    workspace: &Workspace,
    script: &Path,
    connections: u64,
    seconds: u64,
) -> impl FnOnce() -> f64 + Send + 'static {
    let endpoint = &workspace.endpoint;
    let TlsTrust::VerifyFull { ca: Some(ca) } = &endpoint.tls else { panic!("no certificate") };
    let login = &workspace.logins.application;
    let mut command = Command::new("pgbench");
    command.args(["-n", "-M", "prepared", "-j", "2"]);
    command.args(["-c", &connections.to_string(), "-T", &seconds.to_string()]);
    command.arg("-f").arg(script);
    command.env("PGPASSWORD", login.password.as_ref().expect("a password").expose());
    command.arg(format!(
        "host={} port={} dbname={} user={} sslmode=verify-full sslrootcert={}",
        endpoint.host,
        endpoint.port,
        endpoint.database,
        login.user,
        ca.display()
    ));
    move || {
        let out = command.output().expect("pgbench runs");
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        let line = text.lines().find_map(|line| line.strip_prefix("tps = "));
        let rate = line.and_then(|line| line.split(' ').next()).and_then(|n| n.parse().ok());
        rate.unwrap_or_else(|| panic!("{text}{}", String::from_utf8_lossy(&out.stderr)))
    }
}

struct Load {
    address: String,
    token: String,
    records: u64,
    connections: u64,
}

impl Load {
    /// Requests a second, and the 99th percentile of an answer's time in milliseconds.
    async fn run(&self, time: Duration) -> (f64, f64) {
        let began = Instant::now();
        let callers = (0..self.connections).map(|n| self.caller(n, began + time));
        let times: Vec<Vec<u32>> = futures::future::join_all(callers).await;
        let seconds = began.elapsed().as_secs_f64();
        let mut times = times.concat();
        times.sort_unstable();
        let p99 = times[times.len() * 99 / 100];
        (times.len() as f64 / seconds, f64::from(p99) / 1000.0)
    }

    /// One connection's answers, each with its time in microseconds.
    fn caller(&self, n: u64, until: Instant) -> impl Future<Output = Vec<u32>> {
        let (address, records) = (self.address.clone(), self.records);
        let authorization = format!("Bearer {}", self.token);
        let work = async move {
            let socket = tokio::net::TcpStream::connect(&address).await.expect("connected");
            socket.set_nodelay(true).expect("set");
            let (mut sender, connection) =
                hyper::client::conn::http1::handshake(TokioIo::new(socket)).await.expect("HTTP");
            tokio::spawn(connection);
            let (mut times, mut at) = (Vec::new(), n * 7919);
            while Instant::now() < until {
                // Steps of a prime visit the records in no order.
                at = (at + 104_729) % records;
                let request = Request::get(format!("/api/v1/records/row-{}", at + 1))
                    .header(header::HOST, &address)
                    .header(header::AUTHORIZATION, &authorization)
                    .body(Empty::<bytes::Bytes>::new())
                    .expect("a request");
                let began = Instant::now();
                let answer = sender.send_request(request).await.expect("an answer");
                let status = answer.status();
                let body = answer.into_body().collect().await.expect("a body").to_bytes();
                assert_eq!(status, 200, "{body:?}");
                times.push(u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX));
            }
            times
        };
        async { tokio::spawn(work).await.expect("a caller") }
    }
}
