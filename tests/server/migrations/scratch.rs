//! A database and roles of one test's own, gone when the test ends, however it ends.

use crate::support;
use flowcontrol_base::clock;
use flowcontrol_contract::Secret;
use flowcontrol_database::{Endpoint, Login, RoleNames};
use flowcontrol_runbook::{Layout, MigrationLimits, Site, Source, scan};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A database whose owner may create schemas and is nobody special.
pub struct Scratch {
    pub endpoint: Endpoint,
    pub superuser: Login,
    pub owner: Login,
    pub layout: Layout,
    pub limits: MigrationLimits,
    database: String,
}

/// Short patience, so that a test that must see a timeout sees it soon.
fn limits() -> MigrationLimits {
    MigrationLimits {
        lock_budget: Duration::from_secs(20),
        lock_timeout: Duration::from_millis(300),
        ..MigrationLimits::default()
    }
}

impl Scratch {
    /// For the made-up team's migrations in `fixtures/migrations-depot`.
    pub async fn depot() -> Self {
        Self::new("depot", "firm", "yard.firm").await
    }

    /// For a schema, tenant column and tenant setting.
    pub async fn new(schema: &str, column: &str, setting: &str) -> Self {
        let (server, superuser) = support::server();
        let name = format!("runbook_{}", clock::random_hex(6));
        let role = |kind: &str| format!("{name}_{kind}");
        let roles = RoleNames {
            owner: role("owner"),
            application: role("application"),
            replayer: role("replayer"),
            auditor: role("auditor"),
            verifier: role("verifier"),
        };
        let password = clock::random_hex(16);
        let mut sql = String::new();
        for role in names(&roles) {
            sql.push_str(&format!("create role {role} login password '{password}';"));
        }
        let mut admin = server.connect(&superuser).await.unwrap();
        execute(&mut admin, &sql).await;
        execute(
            &mut admin,
            &format!(
                "create database {name} owner {} encoding 'UTF8' template template0",
                roles.owner
            ),
        )
        .await;
        admin.close().await.unwrap();
        Self {
            endpoint: server.database(&name),
            superuser,
            owner: Login { user: roles.owner.clone(), password: Some(Secret::new(password)) },
            layout: Layout::new(schema, column, setting, roles),
            limits: limits(),
            database: name,
        }
    }

    pub fn site(&self) -> Site<'_> {
        Site {
            endpoint: &self.endpoint,
            login: &self.owner,
            layout: &self.layout,
            limits: &self.limits,
        }
    }

    pub async fn connect(&self) -> PgConnection {
        self.endpoint.connect(&self.owner).await.unwrap()
    }

    pub async fn connect_as_superuser(&self) -> PgConnection {
        self.endpoint.connect(&self.superuser).await.unwrap()
    }
}

fn names(roles: &RoleNames) -> [&String; 5] {
    [&roles.owner, &roles.application, &roles.replayer, &roles.auditor, &roles.verifier]
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let mut statements =
            vec![format!("drop database if exists {} with (force)", self.database)];
        let roles = names(&self.layout.roles);
        statements.extend(roles.iter().map(|role| format!("drop role if exists {role}")));
        let (server, superuser) = support::server();
        // The test's own runtime may be unwinding.
        let cleaning = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let mut admin = server.connect(&superuser).await.unwrap();
                for statement in statements {
                    execute(&mut admin, &statement).await;
                }
            });
        });
        assert!(cleaning.join().is_ok() || std::thread::panicking(), "the scratch was not removed");
    }
}

pub async fn execute(connection: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(connection)
        .await
        .unwrap_or_else(|e| panic!("{sql}: {e}"));
}

pub async fn count(connection: &mut PgConnection, sql: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(connection).await.unwrap()
}

/// A fixture folder.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

pub fn depot() -> Source {
    scan(&fixture("migrations-depot")).unwrap()
}

/// A folder written by a test.
pub struct Folder(pub tempfile::TempDir);

impl Folder {
    pub fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("verify")).unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        Self(folder)
    }

    /// A copy of the made-up team's folder.
    pub fn depot() -> Self {
        let new = Self::new(&[]);
        for part in ["", "verify"] {
            for entry in std::fs::read_dir(fixture("migrations-depot").join(part)).unwrap() {
                let path = entry.unwrap().path();
                if path.is_file() {
                    let to = new.0.path().join(part).join(path.file_name().unwrap());
                    std::fs::copy(path, to).unwrap();
                }
            }
        }
        new
    }

    /// Adds a migration after the made-up team's three.
    pub fn with(self, stem: &str, up: &str, down: &str, verify: &str) -> Self {
        let path = self.0.path();
        std::fs::write(path.join(format!("{stem}.up.sql")), up).unwrap();
        std::fs::write(path.join(format!("{stem}.down.sql")), down).unwrap();
        std::fs::write(path.join(format!("verify/{stem}.sql")), verify).unwrap();
        self
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn scan(&self) -> Source {
        scan(self.path()).unwrap()
    }
}
