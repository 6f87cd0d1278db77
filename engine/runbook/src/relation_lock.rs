//! The relations that a file locked, and in which modes: what other sessions would wait for.

use sqlx::postgres::PgConnection;
use std::collections::BTreeMap;

/// The lock modes of relations, from weakest to strongest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub enum LockMode {
    /// Reading.
    AccessShareLock,
    /// SELECT FOR UPDATE.
    RowShareLock,
    /// Writing rows.
    RowExclusiveLock,
    /// VACUUM, CREATE INDEX CONCURRENTLY.
    ShareUpdateExclusiveLock,
    /// CREATE INDEX: blocks writing.
    ShareLock,
    /// A foreign key, a trigger: blocks writing.
    ShareRowExclusiveLock,
    /// Blocks writing and SELECT FOR UPDATE.
    ExclusiveLock,
    /// ALTER TABLE: blocks everything, reading too.
    AccessExclusiveLock,
}

impl LockMode {
    const ALL: [Self; 8] = [
        Self::AccessShareLock,
        Self::RowShareLock,
        Self::RowExclusiveLock,
        Self::ShareUpdateExclusiveLock,
        Self::ShareLock,
        Self::ShareRowExclusiveLock,
        Self::ExclusiveLock,
        Self::AccessExclusiveLock,
    ];

    /// The mode's name in `pg_locks`.
    pub fn name(self) -> String {
        format!("{self:?}")
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == text)
    }
}

/// A relation that existed before the file ran, and the lock that the file held until its commit.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct RelationLock {
    /// `schema.name`.
    pub relation: String,
    /// The strongest mode held.
    pub mode: LockMode,
}

pub(super) type Relations = BTreeMap<i64, String>;

/// The relations that exist before the file runs, by oid.
pub(super) async fn relations(connection: &mut PgConnection) -> Result<Relations, sqlx::Error> {
    let rows: Vec<(i64, String)> = sqlx::query_as(
        "select c.oid::bigint, pg_catalog.format('%s.%s', n.nspname, c.relname)
           from pg_catalog.pg_class c
           join pg_catalog.pg_namespace n on n.oid = c.relnamespace
          where c.oid::bigint >= 16384 and n.nspname <> 'pg_toast'",
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().collect())
}

/// The strongest lock of this session on each relation, without those of the catalog and the ledger.
pub(super) async fn locks(
    connection: &mut PgConnection,
    ledger_schema: &str,
) -> Result<BTreeMap<i64, LockMode>, sqlx::Error> {
    let rows: Vec<(i64, String)> = sqlx::query_as(
        "select l.relation::bigint, l.mode
           from pg_catalog.pg_locks l
          where l.pid = pg_catalog.pg_backend_pid() and l.locktype = 'relation' and l.granted
            and l.relation::bigint >= 16384
            and not exists (select from pg_catalog.pg_class c
                              join pg_catalog.pg_namespace n on n.oid = c.relnamespace
                             where c.oid = l.relation and n.nspname in ($1, 'pg_toast'))",
    )
    .bind(ledger_schema)
    .fetch_all(connection)
    .await?;
    let mut strongest = BTreeMap::new();
    for (relation, mode) in rows {
        if let Some(mode) = LockMode::parse(&mode) {
            let held = strongest.entry(relation).or_insert(mode);
            *held = mode.max(*held);
        }
    }
    Ok(strongest)
}
