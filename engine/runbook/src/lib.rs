//! The migration engine: reads a folder of SQL files, lints them, and applies, reverts and
//! verifies them under a lock.
//!
//! It knows no table name: it reads a folder and the catalog; a team's conventions are in a
//! [`Layout`].

pub mod apply;
pub mod catalog;
pub mod checksum;
pub mod engine;
pub mod ledger;
pub mod lint;
pub mod lock;
pub mod plan;
pub mod prove;
pub mod relation_lock;
pub mod render;
pub mod session;
pub mod source;
pub mod statement;
pub mod token;
pub mod verify;
pub mod waiver;
pub mod worker;

pub use apply::{Applied, Reverted, down, status, up};
pub use catalog::{Catalog, Table};
pub use engine::Connections;
pub use ledger::{LedgerRow, MigrationState};
pub use lint::{Finding, Severity};
pub use plan::{Goal, Plan, PlanProblem, PlanStep, plan};
pub use prove::{Proof, prove, prove_over};
pub use relation_lock::{LockMode, RelationLock};
pub use source::{Migration, Source, Version, embedded, scan};
pub use verify::{Verified, verify};

use flowcontrol_database::{Endpoint, Login, RoleNames};
use std::time::Duration;

/// The conventions that a team's migrations follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The schema that holds the team's tables.
    pub schema: String,
    /// The schema that holds the engine's ledger.
    pub ledger_schema: String,
    /// The column that names a row's tenant.
    pub tenant_column: String,
    /// The setting that policies read the tenant from.
    pub tenant_setting: String,
    /// Role names reach migrations as `<prefix>.owner_role` and so on.
    pub setting_prefix: String,
    /// The roles that migrations grant to.
    pub roles: RoleNames,
}

impl Layout {
    /// The layout of `schema`, with its ledger in `<schema>_meta`; the settings' prefix is that of
    /// `tenant_setting`.
    pub fn new(schema: &str, tenant_column: &str, tenant_setting: &str, roles: RoleNames) -> Self {
        let prefix = tenant_setting.split('.').next().unwrap_or_default();
        Self {
            schema: schema.to_owned(),
            ledger_schema: format!("{schema}_meta"),
            tenant_column: tenant_column.to_owned(),
            tenant_setting: tenant_setting.to_owned(),
            setting_prefix: prefix.to_owned(),
            roles,
        }
    }

    /// The settings that carry role names, by name and value.
    pub fn role_settings(&self) -> [(String, &str); 5] {
        let name = |role: &str| format!("{}.{role}_role", self.setting_prefix);
        [
            (name("owner"), &self.roles.owner),
            (name("application"), &self.roles.application),
            (name("replayer"), &self.roles.replayer),
            (name("auditor"), &self.roles.auditor),
            (name("verifier"), &self.roles.verifier),
        ]
    }
}

impl Default for Layout {
    fn default() -> Self {
        Self::new("bfg_flowcontrol", "tenant_id", "bfg.tenant_id", RoleNames::default())
    }
}

/// Time limits: how long the engine waits for other sessions, and blocks them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationLimits {
    /// For the migration lock, and for one file's locks over all attempts.
    pub lock_budget: Duration,
    /// For one lock inside a file; other sessions queue behind a waiting migration, so keep it short.
    pub lock_timeout: Duration,
    /// For one statement of a file.
    pub statement_timeout: Duration,
    /// For a transaction that stays idle, should the engine be stopped inside it.
    pub idle_timeout: Duration,
}

impl Default for MigrationLimits {
    fn default() -> Self {
        Self {
            lock_budget: Duration::from_secs(30),
            lock_timeout: Duration::from_secs(2),
            statement_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(60),
        }
    }
}

/// The database that migrations run on, with the login, conventions and limits.
#[derive(Clone, Copy, Debug)]
pub struct Site<'a> {
    /// The database.
    pub endpoint: &'a Endpoint,
    /// The login of the owner role.
    pub login: &'a Login,
    /// The team's conventions.
    pub layout: &'a Layout,
    /// The time limits.
    pub limits: &'a MigrationLimits,
}
