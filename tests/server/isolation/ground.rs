//! A database with roles of its own for one test, removed when the test ends, however it ends.

use crate::support;
use flowcontrol_base::clock;
use flowcontrol_contract::{Secret, TenantId};
use flowcontrol_database::{Endpoint, Login, Logins, RoleNames, Workspace};
use flowcontrol_isolation::{Attack, IsolationReport, ProbeSettings, ProbeVerdict, run};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use std::future::Future;

pub struct Ground {
    pub admin: (Endpoint, Login),
    pub names: RoleNames,
    pub logins: Logins,
    pub database: String,
}

pub async fn sql(endpoint: &Endpoint, login: &Login, text: &str) {
    let mut conn = endpoint.connect(login).await.expect("connect");
    if let Err(e) = sqlx::raw_sql(AssertSqlSafe(text.to_owned())).execute(&mut conn).await {
        panic!("{e}\n{text}");
    }
    conn.close().await.expect("close");
}

/// Runs `test` on a fresh database and removes database and roles afterwards, also on a panic.
pub async fn on_ground<F, Fut>(prepare: fn(&RoleNames) -> Vec<(bool, String)>, test: F)
where
    F: FnOnce(Ground) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let tag = format!("fciso_{}", clock::random_hex(5));
    let admin = support::server();
    let name = |role: &str| format!("{tag}_{role}");
    let names = RoleNames {
        owner: name("owner"),
        application: name("application"),
        replayer: name("replayer"),
        auditor: name("auditor"),
        verifier: name("verifier"),
    };
    let password = clock::random_hex(12);
    let login =
        |user: &str| Login { user: user.to_owned(), password: Some(Secret::new(password.clone())) };
    let logins = Logins {
        owner: login(&names.owner),
        application: login(&names.application),
        replayer: login(&names.replayer),
        auditor: login(&names.auditor),
        verifier: Some(login(&names.verifier)),
    };
    let roles = [&names.owner, &names.application, &names.replayer, &names.auditor];
    let mut setup: Vec<String> =
        roles.iter().map(|r| format!("create role {r} login password '{password}'")).collect();
    setup.push(format!("create role {} login bypassrls password '{password}'", names.verifier));
    for statement in setup {
        sql(&admin.0, &admin.1, &statement).await;
    }
    sql(
        &admin.0,
        &admin.1,
        &format!("create database {tag} template template0 encoding 'UTF8' owner {}", names.owner),
    )
    .await;
    let ground =
        Ground { admin: admin.clone(), names: names.clone(), logins, database: tag.clone() };
    let inside = admin.0.database(&tag);
    for (as_owner, text) in prepare(&names) {
        let login = if as_owner { &ground.logins.owner } else { &admin.1 };
        sql(&inside, login, &text).await;
    }

    let outcome = tokio::spawn(test(ground)).await;

    let mut conn = admin.0.connect(&admin.1).await.expect("connect");
    let databases: Vec<String> = sqlx::query_scalar(
        "select datname from pg_database where datname = $1 or datname like $1 || '\\_m%'",
    )
    .bind(&tag)
    .fetch_all(&mut conn)
    .await
    .expect("databases");
    let mut cleanup: Vec<String> =
        databases.iter().map(|d| format!("drop database {d} with (force)")).collect();
    cleanup.extend(roles.iter().map(|r| format!("drop role {r}")));
    cleanup.push(format!("drop role {}", names.verifier));
    for statement in cleanup {
        clean(&mut conn, statement).await;
    }
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic.into_panic());
    }
}

async fn clean(conn: &mut PgConnection, statement: String) {
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(conn).await.expect("clean up");
}

impl Ground {
    /// Runs SQL as the superuser in the ground's database.
    pub async fn admin(&self, text: &str) {
        sql(&self.admin.0.database(&self.database), &self.admin.1, &self.fill(text)).await;
    }

    /// Attacks the ground's own database.
    pub async fn attack(&self, settings: &ProbeSettings, tenants: (&str, &str)) -> IsolationReport {
        self.attack_in(&self.database, settings, tenants).await
    }

    async fn attack_in(
        &self,
        database: &str,
        settings: &ProbeSettings,
        tenants: (&str, &str),
    ) -> IsolationReport {
        let workspace =
            Workspace { endpoint: self.admin.0.database(database), logins: self.logins.clone() };
        let attack = Attack {
            workspace: &workspace,
            settings,
            roles: &self.names,
            tenants: (TenantId::new(tenants.0).expect("id"), TenantId::new(tenants.1).expect("id")),
        };
        run(&attack, &|_| {}).await.unwrap_or_else(|e| panic!("{e}"))
    }

    /// Copies the database, applies `mutation` to the copy as the superuser and attacks it.
    pub async fn mutated(
        &self,
        mutation: &str,
        settings: &ProbeSettings,
        tenants: (&str, &str),
    ) -> IsolationReport {
        let copy = format!("{}_m", self.database);
        let (endpoint, admin) = &self.admin;
        let create =
            format!("create database {copy} template {} owner {}", self.database, self.names.owner);
        sql(endpoint, admin, &create).await;
        sql(&endpoint.database(&copy), admin, &self.fill(mutation)).await;
        let report = self.attack_in(&copy, settings, tenants).await;
        sql(endpoint, admin, &format!("drop database {copy} with (force)")).await;
        report
    }

    /// Puts this ground's role names into `text`.
    pub fn fill(&self, text: &str) -> String {
        text.replace("{owner}", &self.names.owner)
            .replace("{application}", &self.names.application)
            .replace("{replayer}", &self.names.replayer)
            .replace("{auditor}", &self.names.auditor)
            .replace("{verifier}", &self.names.verifier)
    }
}

/// Objects of leaks, sorted and each named once.
pub fn leaking_objects(report: &IsolationReport) -> Vec<String> {
    let mut objects: Vec<String> = report.leaks().map(|p| p.object.clone()).collect();
    objects.sort();
    objects.dedup();
    objects
}

/// Panics unless each of `expected`, as `login id`, is a leak.
pub fn assert_leaks(report: &IsolationReport, expected: &[&str]) {
    let found: Vec<String> = report.leaks().map(|p| format!("{} {}", p.login, p.id)).collect();
    let missing: Vec<&&str> = expected.iter().filter(|e| !found.iter().any(|f| f == **e)).collect();
    assert!(missing.is_empty(), "not caught: {missing:?}\ncaught: {}", found.join("\n"));
}

/// The verdict of one probe.
pub fn verdict<'r>(report: &'r IsolationReport, login: &str, id: &str) -> &'r ProbeVerdict {
    let probe = report.probes.iter().find(|p| p.login == login && p.id == id);
    &probe.unwrap_or_else(|| panic!("no probe {login} {id}")).verdict
}

/// Panics, naming each probe, unless every one held.
pub fn assert_held(report: &IsolationReport) {
    let bad: Vec<String> = report
        .probes
        .iter()
        .filter(|p| p.verdict != ProbeVerdict::Held)
        .map(|p| format!("{} {} {:?}", p.login, p.id, p.verdict))
        .collect();
    assert!(bad.is_empty() && report.held(), "{} probes not held:\n{}", bad.len(), bad.join("\n"));
}
