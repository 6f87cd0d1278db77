//! A scenario in files beside a database that it can be cut over to, and what its gates say.

use crate::external::External;
use flowcontrol_database::TlsTrust;
use flowcontrol_servers::roles;
use flowcontrol_testkit::place::{Ended, Place};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection};

/// How many of the six ports' contracts an adapter of this program fulfils.
pub const CONTRACTS: &str = "3/6";
/// The kinds of production that are none of its adapters yet.
pub const NOT_BUILT: [&str; 3] = ["document-ai", "maps-eta", "background-sync"];

/// The checklist with its owners, and the drill's confirmation.
pub const WORDS: [(&str, &str); 7] = [
    ("checklist/contracts-frozen", "user_md_anna"),
    ("checklist/role-headers", "user_dispatcher_marek"),
    ("checklist/scenario-store", "user_dispatcher_marek"),
    ("checklist/db-schema", "user_accountant_olena"),
    ("checklist/secrets-and-auth", "user_accountant_olena"),
    ("checklist/migration-rollback", "user_md_anna"),
    ("rollback-drill/owner-confirmation", "user_md_anna"),
];

/// A configured database of its own beside a scenario in files.
pub struct Site {
    pub external: External,
    pub database: String,
}

impl Site {
    pub async fn new(word: &str) -> Self {
        let external = External::new(word).await;
        let database = format!("cut_{}", external.session);
        let owner = &external.names.owner;
        let mut conn = external.superuser("postgres").await;
        let sql =
            format!("create database {database} owner {owner} template template0 encoding 'UTF8'");
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut conn).await.unwrap();
        let grants = roles::provision_sql(&external.names, &database);
        let all = format!("select pg_advisory_xact_lock(20260301);\n{grants}");
        sqlx::raw_sql(AssertSqlSafe(all)).execute(&mut conn).await.unwrap();
        conn.close().await.unwrap();
        let (host, port) = (external.endpoint.host.clone(), external.endpoint.port);
        external.configure_at(&host, port, &database, "");
        Self { external, database }
    }

    pub fn place(&self) -> &Place {
        &self.external.place
    }

    pub fn run(&self, line: &str) -> Ended {
        self.place().run(&line.split_whitespace().collect::<Vec<_>>())
    }

    /// Everything that a cutover to staging rests on.
    pub fn made_ready(&self) {
        self.run("snapshot freeze --out frozen.jsonl.zst").expect(0);
        self.run("--profile staging rehearse --target external --snapshot frozen.jsonl.zst")
            .expect(0);
        for (check, actor) in WORDS {
            self.run(&format!("accept {check} --as {actor} --for staging")).expect(0);
        }
        self.run("rollback drill --target external --for staging --watch 1").expect(0);
        self.run("gates --for staging --require cutover").expect(0);
    }

    /// One number from the database.
    pub async fn count(&self, sql: &str) -> i64 {
        let mut conn = self.external.superuser(&self.database).await;
        let found = sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&mut conn).await;
        conn.close().await.unwrap();
        found.unwrap()
    }

    pub async fn records(&self) -> i64 {
        self.count("select count(*) from bfg_flowcontrol.records").await
    }

    /// Whether the schema is there.
    pub async fn migrated(&self) -> bool {
        self.count("select count(*) from pg_namespace where nspname = 'bfg_flowcontrol'").await == 1
    }

    pub fn append(&self, id: &str) -> Ended {
        let record = json!({"id": id, "kind": "risk", "actor": "user_md_anna",
            "occurred_at": "2026-03-01T06:30:00Z", "payload": {}});
        std::fs::write(self.place().work().join("new.jsonl"), format!("{record}\n")).unwrap();
        self.run("scenario append new.jsonl --tenant bfg-control")
    }

    /// The section of the adapter that writes to the configured database.
    pub fn adapter(&self) -> String {
        let ca = match &self.external.endpoint.tls {
            TlsTrust::VerifyFull { ca: Some(ca) } => ca.display().to_string(),
            other => panic!("{other:?}"),
        };
        format!(
            "\n[adapters.postgres-rls]\nhost = \"{}\"\nport = {}\ndatabase = \"{}\"\n\
             user = \"{}\"\npassword = {{ file = \"{}\" }}\ntls = {{ ca = \"{ca}\" }}\n\
             tenants = [\"bfg-control\", \"carrier-00001\"]\n",
            self.external.endpoint.host,
            self.external.endpoint.port,
            self.database,
            self.external.logins.application.user,
            self.place().secrets().join("application").display(),
        )
    }

    /// The text of `flowcontrol.toml`.
    pub fn configuration(&self) -> String {
        std::fs::read_to_string(self.place().work().join("flowcontrol.toml")).unwrap()
    }

    /// Changes `flowcontrol.toml`.
    ///
    /// # Panics
    /// When `change` changes nothing.
    pub fn amend(&self, change: impl FnOnce(&str) -> String) {
        let (before, file) = (self.configuration(), self.place().work().join("flowcontrol.toml"));
        let after = change(&before);
        assert_ne!(after, before);
        std::fs::write(file, after).unwrap();
    }

    /// An owner's word, and what may follow it on the line.
    pub fn accepts(&self, actor: &str, check: &str, rest: &str) {
        self.run(&format!("accept {check} --as {actor} {rest}")).expect(0);
    }

    /// Every gate as `options` ask.
    pub fn judged(&self, options: &str) -> Judged {
        Judged(self.run(&format!("--format json gates {options}")).json())
    }
}

/// What `gates` answered.
#[derive(Clone)]
pub struct Judged(pub Value);

impl Judged {
    fn gate(&self, id: &str) -> &Value {
        let gates = self.0["gates"].as_array().unwrap();
        gates.iter().find(|g| g["id"] == id).unwrap_or_else(|| panic!("no gate {id}"))
    }

    /// `passed/total` of one gate.
    pub fn figure(&self, id: &str) -> String {
        let gate = self.gate(id);
        format!("{}/{}", gate["passed"], gate["total"])
    }

    /// The same of every gate, in their order.
    pub fn figures(&self) -> String {
        let ids = self.0["gates"].as_array().unwrap().iter().map(|g| g["id"].as_str().unwrap());
        ids.map(|id| self.figure(id)).collect::<Vec<_>>().join(" ")
    }

    /// What a gate decides.
    pub fn decision(&self, id: &str) -> Option<&str> {
        self.gate(id)["decision"].as_str()
    }

    /// One check.
    pub fn check(&self, path: &str) -> &Value {
        let (gate, id) = path.split_once('/').unwrap();
        let checks = self.gate(gate)["checks"].as_array().unwrap();
        checks.iter().find(|c| c["id"] == id).unwrap_or_else(|| panic!("no check {path}"))
    }

    /// Why a check is what it is.
    pub fn reason(&self, path: &str) -> &str {
        self.check(path)["reason"].as_str().unwrap()
    }

    /// The gates that are not complete.
    pub fn open(&self) -> Vec<&str> {
        let open = |g: &&Value| g["passed"] != g["total"];
        let gates = self.0["gates"].as_array().unwrap();
        gates.iter().filter(open).map(|g| g["id"].as_str().unwrap()).collect()
    }

    /// How many checks of all gates are ready.
    pub fn ready(&self) -> u64 {
        self.0["gates"].as_array().unwrap().iter().map(|g| g["passed"].as_u64().unwrap()).sum()
    }
}

/// The newest packet of `schema`.
pub fn last_packet(site: &Site, schema: &str) -> Value {
    let packets = site.place().packets();
    packets.into_iter().rev().find(|p| p["schema"] == schema).unwrap()
}
