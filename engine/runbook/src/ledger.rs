//! The ledger: which migrations were applied to a database, one row each, in the engine's own schema.

use super::source::{Migration, Version};
use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::Digest;
use flowcontrol_contract::sql::identifier;
use sqlx::{AssertSqlSafe, PgConnection};

/// The state of a migration on a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MigrationState {
    /// Runs outside a transaction and did not finish: it may be partly applied.
    Applying,
    /// Applied.
    Applied,
    /// Failed and was rolled back: nothing of it is applied.
    Failed,
    /// Is being reverted outside a transaction and did not finish.
    Reverting,
    /// Reverted.
    Reverted,
}

impl MigrationState {
    /// The state's name in the ledger.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Applying => "applying",
            Self::Applied => "applied",
            Self::Failed => "failed",
            Self::Reverting => "reverting",
            Self::Reverted => "reverted",
        }
    }

    /// Whether the migration is, or may be partly, applied.
    pub const fn is_in_force(self) -> bool {
        matches!(self, Self::Applying | Self::Applied | Self::Reverting)
    }

    fn parse(text: &str) -> Result<Self> {
        [Self::Applying, Self::Applied, Self::Failed, Self::Reverting, Self::Reverted]
            .into_iter()
            .find(|state| state.name() == text)
            .ok_or_else(|| Failure::check(format!("the ledger contains an unknown state `{text}`")))
    }
}

/// One migration, as recorded in the database.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct LedgerRow {
    /// Its number.
    pub version: Version,
    /// Its name when it was applied.
    pub name: String,
    /// SHA-256 of up, down and verify when it was applied.
    pub sha256: [Digest; 3],
    /// Its state.
    pub state: MigrationState,
    /// When it entered that state, by the database's clock, ISO 8601 in UTC.
    pub changed_at: String,
    /// How long the file ran, in seconds.
    pub seconds: f64,
    /// The version of the tool that ran it.
    pub tool: String,
    /// Where it failed, if it did.
    pub note: Option<String>,
}

/// The ledger of one schema.
#[derive(Clone, Debug)]
pub struct Ledger {
    schema: String,
}

const TOOL: &str = flowcontrol_base::VERSION;

impl Ledger {
    /// The ledger kept in `schema`.
    pub fn new(schema: &str) -> Self {
        Self { schema: schema.to_owned() }
    }

    fn table(&self) -> String {
        format!("{}.schema_migrations", identifier(&self.schema))
    }

    /// Creates the ledger if it does not exist. Only its owner may read or write it.
    ///
    /// # Errors
    /// A check failure when the login may not create a schema.
    pub async fn ensure(&self, connection: &mut PgConnection) -> Result<()> {
        if self.exists(connection).await? {
            return Ok(());
        }
        let (schema, table) = (identifier(&self.schema), self.table());
        let sql = format!(
            "begin;
             create schema if not exists {schema};
             revoke all on schema {schema} from public;
             create table {table} (
               version bigint primary key check (version > 0),
               name text not null,
               up_sha256 text not null,
               down_sha256 text not null,
               verify_sha256 text not null,
               state text not null
                 check (state in ('applying', 'applied', 'failed', 'reverting', 'reverted')),
               applied_at timestamptz,
               changed_at timestamptz not null default pg_catalog.clock_timestamp(),
               seconds double precision not null,
               tool text not null,
               note text
             );
             revoke all on table {table} from public;
             commit"
        );
        let made = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await;
        if let Err(error) = made {
            // Keeps the connection usable; the first failure is the one to report.
            let _ = sqlx::raw_sql("rollback").execute(&mut *connection).await;
            return Err(Failure::check(format!(
                "cannot create the ledger {}: {error}",
                self.table()
            ))
            .hint("let the owner role create schemas in this database: grant create on database"));
        }
        Ok(())
    }

    async fn exists(&self, connection: &mut PgConnection) -> Result<bool> {
        sqlx::query_scalar(
            "select exists (select from pg_catalog.pg_class c
               join pg_catalog.pg_namespace n on n.oid = c.relnamespace
              where n.nspname = $1 and c.relname = 'schema_migrations')",
        )
        .bind(&self.schema)
        .fetch_one(connection)
        .await
        .map_err(|e| self.unreadable(&e))
    }

    fn unreadable(&self, error: &sqlx::Error) -> Failure {
        Failure::environment(format!("cannot read the ledger {}: {error}", self.table()))
            .hint("connect as the owner role; only it may read the ledger")
    }

    /// Every row, by version; none where there is no ledger yet.
    ///
    /// # Errors
    /// An environment failure when it cannot be read, a check failure when it was tampered with.
    pub async fn rows(&self, connection: &mut PgConnection) -> Result<Vec<LedgerRow>> {
        if !self.exists(connection).await? {
            return Ok(Vec::new());
        }
        type Raw = (i64, String, Vec<String>, String, String, f64, String, Option<String>);
        let sql = format!(
            "select version, name, array[up_sha256, down_sha256, verify_sha256], state,
                    pg_catalog.to_char(changed_at at time zone 'UTC',
                                       'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'),
                    seconds, tool, note
               from {} order by version",
            self.table()
        );
        let rows: Vec<Raw> = sqlx::query_as(AssertSqlSafe(sql))
            .fetch_all(connection)
            .await
            .map_err(|e| self.unreadable(&e))?;
        rows.into_iter()
            .map(|(version, name, sha256, state, changed_at, seconds, tool, note)| {
                let version = u32::try_from(version).map(Version).map_err(|_| {
                    Failure::check(format!("the ledger contains an invalid version {version}"))
                })?;
                let digests: Vec<Digest> = sha256
                    .iter()
                    .map(|text| Digest::parse(text))
                    .collect::<Result<_, _>>()
                    .map_err(|e| Failure::from(e).context(format!("ledger row {version}")))?;
                let sha256 = <[Digest; 3]>::try_from(digests).map_err(|_| {
                    Failure::check(format!("ledger row {version} does not contain three digests"))
                })?;
                let state = MigrationState::parse(&state)?;
                Ok(LedgerRow { version, name, sha256, state, changed_at, seconds, tool, note })
            })
            .collect()
    }

    /// Records the state of `migration`.
    ///
    /// # Errors
    /// The database's error, unchanged: the caller may be inside the file's own transaction.
    pub async fn record(
        &self,
        connection: &mut PgConnection,
        migration: &Migration,
        state: MigrationState,
        seconds: f64,
    ) -> Result<(), sqlx::Error> {
        let update = "state = excluded.state, note = null, seconds = excluded.seconds,
                      applied_at = coalesce(excluded.applied_at, l.applied_at),
                      name = excluded.name, up_sha256 = excluded.up_sha256,
                      down_sha256 = excluded.down_sha256,
                      verify_sha256 = excluded.verify_sha256, tool = excluded.tool";
        self.write(connection, migration, state, seconds, None, update).await
    }

    /// Records that a file failed. A row in an applied state keeps it: the commit may
    /// have succeeded although its response was lost, a file outside a transaction may be partly applied, and
    /// a migration that could not be reverted is still applied.
    ///
    /// # Errors
    /// The database's error.
    pub async fn record_failure(
        &self,
        connection: &mut PgConnection,
        migration: &Migration,
        seconds: f64,
        note: &str,
    ) -> Result<(), sqlx::Error> {
        let update = "note = excluded.note, state = case
                        when l.state in ('failed', 'reverted') then 'failed' else l.state end";
        self.write(connection, migration, MigrationState::Failed, seconds, Some(note), update).await
    }

    async fn write(
        &self,
        connection: &mut PgConnection,
        migration: &Migration,
        state: MigrationState,
        seconds: f64,
        note: Option<&str>,
        update: &str,
    ) -> Result<(), sqlx::Error> {
        let sql = format!(
            "insert into {} as l
               (version, name, up_sha256, down_sha256, verify_sha256, state, applied_at, seconds,
                tool, note)
             values ($1, $2, $3, $4, $5, $6,
                     case when $6 = 'applied' then pg_catalog.clock_timestamp() end, $7, $8, $9)
             on conflict (version) do update set
               changed_at = pg_catalog.clock_timestamp(), {update}",
            self.table()
        );
        sqlx::query(AssertSqlSafe(sql))
            .bind(i64::from(migration.version.0))
            .bind(&migration.name)
            .bind(migration.up.sha256.to_string())
            .bind(migration.down.sha256.to_string())
            .bind(migration.verify.sha256.to_string())
            .bind(state.name())
            .bind(seconds)
            .bind(TOOL)
            .bind(note)
            .execute(connection)
            .await
            .map(|_| ())
    }
}
