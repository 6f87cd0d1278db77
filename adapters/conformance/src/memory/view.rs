//! Everything in the reference store, as verification reads it.

use super::Histories;
use async_trait::async_trait;
use flowcontrol_contract::error::{Error, ErrorKind, Result};
use flowcontrol_contract::projection::PROJECTIONS;
use flowcontrol_contract::store::{Completeness, ReadBack, Row, TableCount};
use flowcontrol_contract::{Roster, TenantId};

/// Most rows in one batch.
const BATCH: usize = 500;

/// A copy of all histories.
#[derive(Debug)]
pub(crate) struct View {
    histories: Histories,
}

impl View {
    pub(crate) fn new(histories: Histories) -> Self {
        Self { histories }
    }

    /// All rows of a table for a tenant.
    fn table(&self, table: &str, tenant: &TenantId) -> Result<Vec<Row>> {
        let Some(history) = self.histories.get(tenant) else { return Ok(Vec::new()) };
        let records = history.records.iter();
        match table {
            "tenants" => Ok(history
                .roster
                .iter()
                .map(|r| Row {
                    seq: 1,
                    name: tenant.to_string(),
                    line: Roster::tenant_line(tenant, &r.name),
                })
                .collect()),
            "users" => {
                let actors = history.roster.iter().flat_map(|roster| &roster.actors);
                Ok((1..)
                    .zip(actors)
                    .map(|(seq, a)| Row { seq, name: a.id.to_string(), line: a.line() })
                    .collect())
            }
            "records" => Ok(records
                .map(|r| Row { seq: r.seq, name: r.id.to_string(), line: r.to_line() })
                .collect()),
            _ => {
                let Some(projection) = PROJECTIONS.iter().find(|p| p.table == table) else {
                    return Err(Error::new(ErrorKind::NotFound, format!("no table {table:?}")));
                };
                records
                    .filter(|r| r.kind == projection.kind)
                    .map(|r| {
                        let line = projection.line(r)?;
                        Ok(Row { seq: r.seq, name: r.id.to_string(), line })
                    })
                    .collect()
            }
        }
    }
}

#[async_trait]
impl ReadBack for View {
    fn completeness(&self) -> Completeness {
        Completeness::Proved
    }

    fn tables(&self) -> Vec<&'static str> {
        ["tenants", "users", "records"]
            .into_iter()
            .chain(PROJECTIONS.iter().map(|p| p.table))
            .collect()
    }

    async fn counts(&mut self) -> Result<Vec<TableCount>> {
        let mut counts = Vec::new();
        for table in self.tables() {
            for tenant in self.histories.keys() {
                let rows = self.table(table, tenant)?.len() as u64;
                counts.push(TableCount { table: table.into(), tenant: tenant.to_string(), rows });
            }
        }
        Ok(counts)
    }

    async fn rows(&mut self, table: &str, tenant: &TenantId, after: u64) -> Result<Vec<Row>> {
        let rows = self.table(table, tenant)?;
        Ok(rows.into_iter().filter(|row| row.seq > after).take(BATCH).collect())
    }
}
