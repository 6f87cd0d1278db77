//! Reads everything in the journal back, for verification.
//!
//! The store has no projections, so its tables are `tenants`, `users` and `records`.

use crate::store::JournalStore;
use async_trait::async_trait;
use flowcontrol_contract::error::{Error, ErrorKind, Result};
use flowcontrol_contract::store::{Completeness, ReadBack, Row, TableCount};
use flowcontrol_contract::{Roster, TenantId};
use std::collections::BTreeMap;

/// Most rows in one batch.
const BATCH: usize = 500;

/// The content of the store at one moment: a history only grows, so its head bounds what belongs to
/// it.
pub(crate) struct JournalView {
    store: JournalStore,
    tenants: BTreeMap<TenantId, (Roster, u64)>,
}

impl JournalView {
    pub(crate) fn open(store: JournalStore) -> Result<Self> {
        let tenants = store.look(|state| {
            let each = state.tenants.iter();
            each.map(|(tenant, h)| (tenant.clone(), (h.roster.clone(), h.head()))).collect()
        })?;
        Ok(Self { store, tenants })
    }
}

#[async_trait]
impl ReadBack for JournalView {
    fn completeness(&self) -> Completeness {
        Completeness::Proved
    }

    fn tables(&self) -> Vec<&'static str> {
        vec!["tenants", "users", "records"]
    }

    async fn counts(&mut self) -> Result<Vec<TableCount>> {
        let count = |table: &str, tenant: &TenantId, rows| TableCount {
            table: table.to_owned(),
            tenant: tenant.to_string(),
            rows,
        };
        let tenants = self.tenants.keys().map(|t| count("tenants", t, 1));
        let users = self.tenants.iter().map(|(t, (r, _))| count("users", t, r.actors.len() as u64));
        let records = self.tenants.iter().map(|(t, (_, head))| count("records", t, *head));
        Ok(tenants.chain(users).chain(records).collect())
    }

    async fn rows(&mut self, table: &str, tenant: &TenantId, after: u64) -> Result<Vec<Row>> {
        let Some((roster, head)) = self.tenants.get(tenant) else { return Ok(Vec::new()) };
        match table {
            "tenants" if after > 0 => Ok(Vec::new()),
            "tenants" => {
                let line = Roster::tenant_line(tenant, &roster.name);
                Ok(vec![Row { seq: 1, name: tenant.to_string(), line }])
            }
            "users" => Ok((1..)
                .zip(&roster.actors)
                .filter(|(seq, _)| *seq > after)
                .map(|(seq, actor)| Row { seq, name: actor.id.to_string(), line: actor.line() })
                .collect()),
            "records" => {
                let rows = self.store.history(tenant, |history| {
                    let records = history.slice(after, *head, BATCH).iter();
                    records
                        .map(|r| Row { seq: r.seq, name: r.id.to_string(), line: r.to_line() })
                        .collect()
                })?;
                Ok(rows.unwrap_or_default())
            }
            _ => {
                Err(Error::new(ErrorKind::NotFound, format!("the journal has no table {table:?}")))
            }
        }
    }
}
