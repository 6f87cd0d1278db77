//! The endpoints of a cutover: the source that is frozen, and the database that is written to.

use crate::config::Settings;
use crate::probe::target::pinned;
use crate::registry::{self, PostgresLocation, Purpose};
use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::sql::identifier;
use flowcontrol_contract::{Mode, ScenarioStore, TenantId};
use flowcontrol_database::Login;
use flowcontrol_evidence::KnownSecrets;
use flowcontrol_runbook::{Layout, MigrationLimits, Site};
use flowcontrol_servers::ExternalSettings;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};
use std::fmt;
use std::sync::Arc;

/// Both endpoints, opened and checked.
pub struct Endpoints {
    /// The store that the scenario is moved from.
    pub source: Arc<dyn ScenarioStore>,
    /// Its tenants.
    pub tenants: Vec<TenantId>,
    /// The configured database.
    pub server: ExternalSettings,
    /// The passwords, which must not reach evidence.
    pub secrets: KnownSecrets,
    layout: Layout,
    limits: MigrationLimits,
    /// The configuration of the target profile.
    pub settings: Settings,
}

impl fmt::Debug for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoints").field("source", &self.source).finish_non_exhaustive()
    }
}

impl Endpoints {
    /// Opens the active configuration's store, and reads the location of the target profile's database.
    /// No password is sent to a server whose certificate differs from the pinned one.
    ///
    /// # Errors
    /// A usage failure when no external server is configured, or the source is that server already; a
    /// check failure when the source is empty.
    pub async fn open(active: &Settings, judged: &Settings) -> Result<Self> {
        let server = judged.target_settings()?.external.ok_or_else(|| {
            Failure::usage("no external server is configured, so there is nothing to cut over to")
                .hint("fill in [target.external] in flowcontrol.toml")
        })?;
        let pin = judged.config.target.external.as_ref().and_then(|e| e.tls.fingerprint);
        pinned(&server.endpoint, pin).await?;
        let mut secrets = KnownSecrets::new();
        for password in
            server.logins.all().chain([&server.admin]).filter_map(|l| l.password.clone())
        {
            secrets.add(password);
        }
        let source = registry::open_store(active).await?;
        if source.info().mode == Mode::Live {
            return Err(Failure::usage(format!(
                "the scenario of profile {} is already in {}, so there is nothing to cut over",
                active.config.profile,
                source.info().endpoint
            ))
            .hint("cut over from the profile that keeps it in files; --for names the other one"));
        }
        let tenants = source.tenants().await?;
        if tenants.is_empty() {
            return Err(Failure::check("the scenario is empty, so there is nothing to cut over"));
        }
        Ok(Self {
            source,
            tenants,
            server,
            secrets,
            layout: judged.layout(),
            limits: judged.limits(),
            settings: judged.clone(),
        })
    }

    /// The database, with the owner's login.
    pub fn site(&self) -> Site<'_> {
        Site {
            endpoint: &self.server.endpoint,
            login: &self.server.logins.owner,
            layout: &self.layout,
            limits: &self.limits,
        }
    }

    /// Opens the database's store as `login`.
    ///
    /// # Errors
    /// When it cannot be reached, or the login's privileges do not match the purpose.
    pub async fn store(&self, login: &Login, purpose: Purpose) -> Result<Arc<dyn ScenarioStore>> {
        let place = PostgresLocation {
            endpoint: &self.server.endpoint,
            migrations: &self.settings.config.migrations,
            tenants: &self.tenants,
        };
        registry::opening_postgres(place, login, purpose).await
    }

    /// The verifier's store, which sees every row; the auditor's if there is no verifier.
    ///
    /// # Errors
    /// As [`Endpoints::store`].
    pub async fn verifier(&self) -> Result<Arc<dyn ScenarioStore>> {
        match &self.server.logins.verifier {
            Some(login) => self.store(login, Purpose::Verifier).await,
            None => self.store(&self.server.logins.auditor, Purpose::Auditor).await,
        }
    }

    /// Refuses a database that holds any row in a table that an abort would empty.
    ///
    /// # Errors
    /// A check failure that names the table, or says that no login sees every row.
    pub async fn is_empty(&self) -> Result<()> {
        let endpoint = &self.server.endpoint;
        let place = endpoint.redacted();
        let hint = "cut over into an empty database; a cutover never adds to existing rows";
        let verifier = self.server.logins.verifier.as_ref().ok_or_else(|| {
            Failure::check(format!("cannot determine whether {place} is empty: no login sees every row"))
                .hint("configure a verifier in [target.external], or cut over into a database without the schema")
        })?;
        let failed = |table: &str, e: &sqlx::Error| {
            Failure::check(format!("cannot determine whether {table} in {place} is empty: {e}"))
                .hint("the verifier must be able to read every table of the schema")
        };
        let mut connection = endpoint.connect(verifier).await?;
        let schema = &self.layout.schema;
        let tables = tables(&mut connection, schema).await.map_err(|e| failed(schema, &e))?;
        for table in tables {
            let sql = format!(
                "select exists (select from {}.{})",
                identifier(schema),
                identifier(&table)
            );
            let held: bool = sqlx::query_scalar(AssertSqlSafe(sql))
                .fetch_one(&mut connection)
                .await
                .map_err(|e| failed(&table, &e))?;
            if held {
                return Err(
                    Failure::check(format!("{place} already holds rows in {table}")).hint(hint)
                );
            }
        }
        // The result is known; an error when closing changes nothing.
        drop(connection.close().await);
        Ok(())
    }
}

/// The tables of a schema, by name.
pub(super) async fn tables(
    connection: &mut PgConnection,
    schema: &str,
) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar(
        "select c.relname::text from pg_catalog.pg_class c
           join pg_catalog.pg_namespace n on n.oid = c.relnamespace
          where n.nspname = $1 and c.relkind in ('r', 'p') and not c.relispartition
          order by 1",
    )
    .bind(schema)
    .fetch_all(connection)
    .await
}
