//! Reads everything back for verification, in one consistent view.

use crate::KIND;
use crate::export::View;
use crate::failure;
use crate::roster;
use crate::row::{self, RawRecord};
use crate::sql::{CORE_TABLES, ProjectionSql};
use async_trait::async_trait;
use flowcontrol_contract::projection::PROJECTIONS;
use flowcontrol_contract::store::{Completeness, ReadBack, Row as Line, TableCount};
use flowcontrol_contract::{Error, Result, Roster, TenantId};
use futures::TryStreamExt;
use sqlx::Row;
use sqlx::postgres::PgRow;
use std::sync::Arc;

/// Most rows in a batch.
const BATCH_ROWS: i64 = 4_000;

/// Bytes of lines after which a batch ends.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// One consistent view of a database.
pub(crate) struct Reader {
    view: View,
    tenants: Vec<TenantId>,
}

impl Reader {
    /// A reader of `tenants`, and of every other tenant that the view can see.
    pub(crate) fn new(view: View, tenants: &[TenantId]) -> Self {
        let mut tenants = tenants.to_vec();
        tenants.sort();
        tenants.dedup();
        Self { view, tenants }
    }

    async fn count_all(&mut self) -> Result<Vec<TableCount>> {
        let core = Arc::clone(&self.view.core);
        let query = core.sql.query(&core.sql.count_all);
        let rows = query.fetch_all(&mut self.view.conn).await.map_err(failure::sql)?;
        rows.iter().map(count).collect()
    }

    async fn count_listed(&mut self) -> Result<Vec<TableCount>> {
        let core = Arc::clone(&self.view.core);
        let mut counts = Vec::new();
        for tenant in self.tenants.clone() {
            self.view.set_tenant(&tenant).await?;
            let query = core.sql.query(&core.sql.count_one).bind(tenant.as_str());
            let rows = query.fetch_all(&mut self.view.conn).await.map_err(failure::sql)?;
            for row in &rows {
                counts.push(count(row)?);
            }
        }
        // Ordered by table, as the view of everything gives them.
        let tables = self.tables();
        counts.sort_by_key(|c| tables.iter().position(|t| *t == c.table));
        Ok(counts)
    }

    async fn tenants(&mut self, tenant: &TenantId, after: u64) -> Result<Vec<Line>> {
        let core = Arc::clone(&self.view.core);
        let query = core.sql.query(&core.sql.tenant_name).bind(tenant.as_str());
        let found = query.fetch_optional(&mut self.view.conn).await.map_err(failure::sql)?;
        let Some(row) = found.filter(|_| after < 1) else { return Ok(Vec::new()) };
        let name: &str = row.try_get(0).map_err(failure::sql)?;
        let line = Roster::tenant_line(tenant, name);
        Ok(vec![Line { seq: 1, name: tenant.to_string(), line }])
    }

    async fn users(&mut self, tenant: &TenantId, after: u64) -> Result<Vec<Line>> {
        let core = Arc::clone(&self.view.core);
        let lines = roster::lines(&core, &mut self.view.conn, tenant).await?;
        Ok((1..)
            .zip(lines)
            .filter(|(seq, _)| *seq > after)
            .map(|(seq, (name, line))| Line { seq, name, line })
            .collect())
    }

    async fn records(&mut self, tenant: &TenantId, after: u64) -> Result<Vec<Line>> {
        let core = Arc::clone(&self.view.core);
        let mut rows = core
            .sql
            .query(&core.sql.range)
            .bind(tenant.as_str())
            .bind(row::to_bound(after))
            .bind(i64::MAX)
            .bind(BATCH_ROWS)
            .fetch(&mut self.view.conn);
        let mut lines = Vec::new();
        let mut bytes = 0;
        while let Some(next) = rows.try_next().await.map_err(failure::sql)? {
            let raw = RawRecord::read(&next)?;
            let line = match raw.record(tenant) {
                Ok(record) => record.to_line(),
                Err(_) => raw.plain(),
            };
            bytes += line.len();
            lines.push(Line { seq: row::from_bigint(raw.seq)?, name: raw.id.to_owned(), line });
            if bytes >= BATCH_BYTES {
                break;
            }
        }
        Ok(lines)
    }

    async fn projected(
        &mut self,
        p: &ProjectionSql,
        tenant: &TenantId,
        after: u64,
    ) -> Result<Vec<Line>> {
        let core = Arc::clone(&self.view.core);
        let rows = core
            .sql
            .query(&p.rows)
            .bind(tenant.as_str())
            .bind(row::to_bound(after))
            .bind(BATCH_ROWS)
            .fetch_all(&mut self.view.conn)
            .await
            .map_err(failure::sql)?;
        rows.iter().map(|row| projected(p, row).map_err(failure::sql)?).collect()
    }
}

fn count(row: &PgRow) -> Result<TableCount> {
    let read = || -> sqlx::Result<_> { Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?)) };
    let (table, tenant, rows): (String, String, i64) = read().map_err(failure::sql)?;
    Ok(TableCount { table, tenant, rows: row::from_bigint(rows)? })
}

fn projected(p: &ProjectionSql, found: &PgRow) -> sqlx::Result<Result<Line>> {
    let seq: i64 = found.try_get(0)?;
    let name: Option<String> = found.try_get(1)?;
    let values = (2..p.projection.columns.len() + 2)
        .map(|column| found.try_get(column))
        .collect::<sqlx::Result<Vec<Option<String>>>>()?;
    Ok(row::from_bigint(seq).map(|seq| Line {
        seq,
        name: name.unwrap_or_default(),
        line: p.projection.row_line(seq, &values),
    }))
}

#[async_trait]
impl ReadBack for Reader {
    fn completeness(&self) -> Completeness {
        if self.view.sees_all {
            return Completeness::Proved;
        }
        Completeness::Unproved(
            "the login is subject to row-level security, so rows of tenants that were not listed \
                             are invisible; a verifier login with BYPASSRLS would see them"
                .into(),
        )
    }

    fn tables(&self) -> Vec<&'static str> {
        CORE_TABLES.into_iter().chain(PROJECTIONS.iter().map(|p| p.table)).collect()
    }

    async fn counts(&mut self) -> Result<Vec<TableCount>> {
        let counts =
            if self.view.sees_all { self.count_all().await } else { self.count_listed().await };
        counts.map_err(|e| e.in_operation(KIND, "read back"))
    }

    async fn rows(&mut self, table: &str, tenant: &TenantId, after: u64) -> Result<Vec<Line>> {
        let core = Arc::clone(&self.view.core);
        let rows = async {
            self.view.set_tenant(tenant).await?;
            match (table, core.sql.projection(table)) {
                ("tenants", _) => self.tenants(tenant, after).await,
                ("users", _) => self.users(tenant, after).await,
                ("records", _) => self.records(tenant, after).await,
                (_, Some(p)) => self.projected(p, tenant, after).await,
                _ => Err(Error::invalid(format!(
                    "there is no table {table:?}; tables: {}",
                    self.tables().join(", ")
                ))),
            }
        };
        rows.await.map_err(|e| e.in_operation(KIND, "read back"))
    }
}
