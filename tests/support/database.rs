//! A scratch database on the test server: migrated, with roles of its own, dropped at the end.

#![allow(dead_code, reason = "each test binary uses a part of this")]

use crate::support;
use flowcontrol_base::clock;
use flowcontrol_contract::secret::Secrets;
use flowcontrol_contract::{Digest, Error, ErrorKind, Result, Secret, SecretRef, TenantId};
use flowcontrol_database::{Endpoint, Login, Logins, RoleNames, TlsTrust};
use flowcontrol_store_postgres::{Config, PgStore, Tls, TlsMode};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// A database with the five roles.
pub struct Database {
    pub endpoint: Endpoint,
    pub logins: Logins,
    pub roles: RoleNames,
    admin: Login,
    copies: Mutex<BTreeSet<String>>,
    /// Whether the roles are this database's own, and go with it.
    own_roles: bool,
}

/// The passwords of a test, by the role's name.
pub struct Passwords(BTreeMap<String, Secret>);

impl Secrets for Passwords {
    fn resolve(&self, reference: &SecretRef) -> Result<Secret> {
        let SecretRef::Held(name) = reference else { panic!("tests hold their secrets") };
        self.0
            .get(name)
            .cloned()
            .ok_or_else(|| Error::new(ErrorKind::Configuration, format!("there is no {reference}")))
    }
}

/// What the shared migrated database and its roles are called.
const TEMPLATE: &str = "pgst_template";

fn names(tag: &str) -> RoleNames {
    let name = |role: &str| format!("{tag}_{role}");
    RoleNames {
        owner: name("owner"),
        application: name("application"),
        replayer: name("replayer"),
        auditor: name("auditor"),
        verifier: name("verifier"),
    }
}

fn logins(tag: &str, password: impl Fn(&str) -> String) -> Logins {
    let login = |user: String| Login { password: Some(Secret::new(password(&user))), user };
    let names = names(tag);
    Logins {
        owner: login(names.owner),
        application: login(names.application),
        replayer: login(names.replayer),
        auditor: login(names.auditor),
        verifier: Some(login(names.verifier)),
    }
}

/// Whether the shared migrated database is there, whole.
async fn is_template(conn: &mut PgConnection) -> bool {
    let found = "select exists (select from pg_database where datname = $1 and datistemplate)";
    let name = format!("{TEMPLATE}_db");
    sqlx::query_scalar(found).bind(name).fetch_one(conn).await.unwrap()
}

/// Runs SQL text, which may hold several statements.
pub async fn run(conn: &mut PgConnection, sql: impl Into<String>) {
    let sql = sql.into();
    let shown = sql.clone();
    if let Err(error) = sqlx::raw_sql(AssertSqlSafe(sql)).execute(conn).await {
        panic!("{error}\n{shown}");
    }
}

impl Database {
    /// An empty database with the five roles, no table yet.
    pub async fn empty() -> Self {
        let (server, admin) = support::server();
        let tag = format!("pgst_{}", clock::random_hex(6));
        let logins = logins(&tag, |_| clock::random_hex(16));
        Self::create(&server, admin, &tag, logins, true).await
    }

    /// A copy of one migrated database, with roles that all such copies share: sooner there than
    /// [`Database::migrated`], for tests that neither change a role nor look at all that it does on
    /// the server.
    pub async fn cloned() -> Self {
        let (server, admin) = support::server();
        let held = admin.password.as_ref().map_or("", |password| password.expose());
        // Every process of the run computes the same.
        let logins = logins(TEMPLATE, |role| Digest::of(format!("{held} {role}")).to_string());
        let mut conn = server.connect(&admin).await.unwrap();
        // One test makes it; the lock ends with the connection at the latest.
        run(&mut conn, "select pg_advisory_lock(20260302)").await;
        if !is_template(&mut conn).await {
            // What a test that was killed in the middle of this has left.
            run(&mut conn, format!("drop database if exists {TEMPLATE}_db with (force)")).await;
            for login in every(&logins) {
                run(&mut conn, format!("drop role if exists {}", login.user)).await;
            }
            let template =
                Self::create(&server, admin.clone(), TEMPLATE, logins.clone(), false).await;
            template.migrate().await;
            std::mem::forget(template);
            run(&mut conn, format!("alter database {TEMPLATE}_db is_template true")).await;
        }
        run(&mut conn, "select pg_advisory_unlock(20260302)").await;
        let roles = names(TEMPLATE);
        let database = format!("pgst_{}_db", clock::random_hex(6));
        run(&mut conn, format!("create database {database} template {TEMPLATE}_db")).await;
        run(&mut conn, grants(&database, &roles)).await;
        conn.close().await.unwrap();
        let endpoint = server.database(&database);
        Self { endpoint, logins, roles, admin, copies: Mutex::default(), own_roles: false }
    }

    async fn create(
        server: &Endpoint,
        admin: Login,
        tag: &str,
        logins: Logins,
        own_roles: bool,
    ) -> Self {
        let (roles, database) = (names(tag), format!("{tag}_db"));
        let mut conn = server.connect(&admin).await.unwrap();
        for login in every(&logins) {
            let password = login.password.as_ref().map_or("", |p| p.expose());
            let bypass = if login.user == roles.verifier { "bypassrls" } else { "nobypassrls" };
            run(
                &mut conn,
                format!(
                    "create role {} login noinherit {bypass} password '{password}'",
                    login.user
                ),
            )
            .await;
        }
        run(
            &mut conn,
            format!("create database {database} template template0 encoding 'UTF8' locale 'C'"),
        )
        .await;
        run(&mut conn, grants(&database, &roles)).await;
        let endpoint = server.database(&database);
        Self { endpoint, logins, roles, admin, copies: Mutex::default(), own_roles }
    }

    /// A database with every migration applied by the owner.
    pub async fn migrated() -> Self {
        let database = Self::empty().await;
        database.migrate().await;
        database
    }

    async fn migrate(&self) {
        let mut conn = self.endpoint.connect(&self.logins.owner).await.unwrap();
        for file in migrations() {
            let text = std::fs::read_to_string(&file).unwrap();
            run(&mut conn, "begin").await;
            for (setting, role) in [
                ("owner", &self.roles.owner),
                ("application", &self.roles.application),
                ("replayer", &self.roles.replayer),
                ("auditor", &self.roles.auditor),
                ("verifier", &self.roles.verifier),
            ] {
                let set = sqlx::query("select set_config($1, $2, true)");
                let setting = format!("bfg.{setting}_role");
                set.bind(setting).bind(role).execute(&mut conn).await.unwrap();
            }
            run(&mut conn, text).await;
            run(&mut conn, "commit").await;
        }
    }

    /// Another database with the same content and rights; nobody may be connected to this one.
    /// It is dropped with this one, or by [`Database::discard`].
    pub async fn copy(&self, name: &str) -> Endpoint {
        let from = &self.endpoint.database;
        self.copies.lock().unwrap().insert(name.to_owned());
        let mut conn = self.endpoint.database("postgres").connect(&self.admin).await.unwrap();
        run(&mut conn, format!("create database {name} template {from}")).await;
        run(&mut conn, grants(name, &self.roles)).await;
        self.endpoint.database(name)
    }

    /// Drops a copy.
    pub async fn discard(&self, name: &str) {
        let mut conn = self.endpoint.database("postgres").connect(&self.admin).await.unwrap();
        run(&mut conn, format!("drop database if exists {name} with (force)")).await;
        self.copies.lock().unwrap().remove(name);
    }

    /// A superuser's connection to the database.
    pub async fn superuser(&self) -> PgConnection {
        self.endpoint.connect(&self.admin).await.unwrap()
    }

    /// A connection of one of the roles.
    pub async fn connect(&self, login: &Login) -> PgConnection {
        self.endpoint.connect(login).await.unwrap()
    }

    /// A store's configuration for a login.
    pub fn config(&self, login: &Login) -> Config {
        let mut config = Config::new(&self.endpoint.host, &self.endpoint.database, &login.user);
        config.port = self.endpoint.port;
        config.tls = match &self.endpoint.tls {
            TlsTrust::Off => Tls { mode: TlsMode::Off, ca: None },
            TlsTrust::VerifyFull { ca } => Tls { mode: TlsMode::VerifyFull, ca: ca.clone() },
        };
        config.password = login.password.as_ref().map(|_| SecretRef::Held(login.user.clone()));
        config.tenants = ["a", "b"].map(|t| TenantId::new(t).unwrap()).to_vec();
        config
    }

    /// The passwords of all logins.
    pub fn passwords(&self) -> Passwords {
        let held = every(&self.logins).into_iter().chain([&self.admin]);
        Passwords(held.filter_map(|l| l.password.clone().map(|p| (l.user.clone(), p))).collect())
    }

    /// A store for a login, with changes to its configuration.
    pub async fn store_with(
        &self,
        login: &Login,
        change: impl FnOnce(&mut Config),
    ) -> Result<PgStore> {
        let mut config = self.config(login);
        change(&mut config);
        PgStore::connect(config, &self.passwords()).await
    }

    /// A store for a login.
    pub async fn store(&self, login: &Login) -> PgStore {
        self.store_with(login, |_| ()).await.unwrap()
    }

    /// The verifier's store.
    pub async fn verifier(&self) -> PgStore {
        let login = self.logins.verifier.as_ref().unwrap();
        self.store_with(login, |c| c.verifier = true).await.unwrap()
    }
}

fn grants(database: &str, roles: &RoleNames) -> String {
    let RoleNames { owner, application, replayer, auditor, verifier } = roles;
    format!(
        "revoke all on database {database} from public;
         grant connect, create on database {database} to {owner};
         grant connect on database {database} to {application}, {auditor}, {verifier};
         grant connect, temporary on database {database} to {replayer}"
    )
}

/// The migrations in order.
fn migrations() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(".up.sql"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "there is no migration");
    files
}

fn every(logins: &Logins) -> Vec<&Login> {
    [&logins.owner, &logins.application, &logins.replayer, &logins.auditor]
        .into_iter()
        .chain(&logins.verifier)
        .collect()
}

impl Drop for Database {
    fn drop(&mut self) {
        let server = self.endpoint.database("postgres");
        let admin = self.admin.clone();
        let copies = std::mem::take(&mut *self.copies.lock().unwrap());
        let mut sql: Vec<_> = copies
            .iter()
            .chain([&self.endpoint.database])
            .map(|name| format!("drop database if exists {name} with (force)"))
            .collect();
        if self.own_roles {
            let logins = every(&self.logins).into_iter();
            sql.extend(logins.map(|l| format!("drop role if exists {}", l.user)));
        }
        // The test's own runtime may be the one that is unwinding.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let mut conn = PgConnection::connect_with(&server.options(&admin)).await?;
                for statement in sql {
                    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut conn).await?;
                }
                Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
            })
        })
        .join();
        if !std::thread::panicking() {
            dropped.unwrap().unwrap();
        }
    }
}
