//! Reads everything in the folder back, for verification.

use crate::KIND;
use crate::cursor::{BATCH_RECORDS, Cursor};
use crate::store::blocking;
use crate::tenant::id_of;
use crate::view::TenantView;
use async_trait::async_trait;
use flowcontrol_contract::store::{Completeness, ReadBack, Row, TableCount};
use flowcontrol_contract::{Error, Result, Roster, TenantId};

const TENANTS: &str = "tenants";
const USERS: &str = "users";
const RECORDS: &str = "records";
const OPERATION: &str = "read back";

/// A consistent view of every tenant in the folder.
pub(crate) struct FolderView {
    parts: Vec<TenantView>,
    /// Where the last batch of records ended, so that the next can continue there.
    at: Option<(TenantId, u64, Cursor)>,
}

impl FolderView {
    pub(crate) fn new(parts: Vec<TenantView>) -> Self {
        Self { parts, at: None }
    }

    async fn records(&mut self, place: usize, after: u64) -> Result<Vec<Row>> {
        let extent = self.parts[place].extent.clone();
        let tenant = extent.tenant.clone();
        let going_on = self.at.take().filter(|(id, seq, _)| *id == tenant && *seq == after);
        let (rows, cursor) = blocking(OPERATION, move || {
            let path = extent.path.clone();
            let cursor = match going_on {
                Some((_, _, cursor)) => Some(cursor),
                None => Cursor::open(extent, after)?,
            };
            let Some(mut cursor) = cursor else { return Ok((Vec::new(), None)) };
            let rows = cursor.batch(|seq, line| {
                let name = id_of(&path, seq, line)?.to_string();
                Ok(Row { seq, name, line: line.to_owned() })
            })?;
            Ok((rows, Some(cursor)))
        })
        .await?;
        if let (Some(last), Some(cursor)) = (rows.last(), cursor) {
            self.at = Some((tenant, last.seq, cursor));
        }
        Ok(rows)
    }
}

#[async_trait]
impl ReadBack for FolderView {
    fn completeness(&self) -> Completeness {
        Completeness::Proved
    }

    fn tables(&self) -> Vec<&'static str> {
        vec![TENANTS, USERS, RECORDS]
    }

    async fn counts(&mut self) -> Result<Vec<TableCount>> {
        let count = |table: &str, part: &TenantView, rows| TableCount {
            table: table.to_owned(),
            tenant: part.roster.tenant.to_string(),
            rows,
        };
        let tenants = self.parts.iter().map(|p| count(TENANTS, p, 1));
        let users = self.parts.iter().map(|p| count(USERS, p, p.roster.actors.len() as u64));
        let records = self.parts.iter().map(|p| count(RECORDS, p, p.extent.tail.head));
        Ok(tenants.chain(users).chain(records).filter(|c| c.rows > 0).collect())
    }

    async fn rows(&mut self, table: &str, tenant: &TenantId, after: u64) -> Result<Vec<Row>> {
        let place = self.parts.iter().position(|part| part.roster.tenant == *tenant);
        match (table, place) {
            (TENANTS | USERS | RECORDS, None) => Ok(Vec::new()),
            (TENANTS, Some(place)) => {
                let name = &self.parts[place].roster.name;
                let line = Roster::tenant_line(tenant, name);
                let row = Row { seq: 1, name: tenant.to_string(), line };
                Ok(Some(row).filter(|row| row.seq > after).into_iter().collect())
            }
            (RECORDS, Some(place)) => self.records(place, after).await,
            (USERS, Some(place)) => Ok(self.parts[place]
                .roster
                .actors
                .iter()
                .zip(1u64..)
                .filter(|(_, seq)| *seq > after)
                .take(BATCH_RECORDS)
                .map(|(actor, seq)| Row { seq, name: actor.id.to_string(), line: actor.line() })
                .collect()),
            _ => Err(Error::invalid(format!(
                "there is no table {table:?}; the tables are {TENANTS}, {USERS} and {RECORDS}"
            ))
            .in_operation(KIND, OPERATION)),
        }
    }
}
