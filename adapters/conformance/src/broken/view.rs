//! Defects of reading back.

use super::content::normalised;
use super::defect::Defect;
use super::store::Broken;
use crate::memory::View;
use async_trait::async_trait;
use flowcontrol_contract::error::Result;
use flowcontrol_contract::store::{Completeness, ReadBack, Row, ScenarioStore, TableCount};
use flowcontrol_contract::{Roster, TenantId};

pub(super) async fn read_back(store: &Broken, tenants: &[TenantId]) -> Result<Box<dyn ReadBack>> {
    let inner = store.inner.read_back(tenants).await?;
    let Some(defect) = store.defect else { return Ok(inner) };
    Ok(Box::new(BrokenView { inner, defect, store: store.clone(), listed: tenants.to_vec() }))
}

struct BrokenView {
    inner: Box<dyn ReadBack>,
    defect: Defect,
    store: Broken,
    listed: Vec<TenantId>,
}

impl BrokenView {
    fn look_again(&mut self) {
        if self.defect == Defect::ViewsAreLive {
            self.inner = Box::new(View::new(self.store.inner.with(|all| all.clone())));
        }
    }
}

#[async_trait]
impl ReadBack for BrokenView {
    fn completeness(&self) -> Completeness {
        match self.defect {
            Defect::ExcusesNothing => Completeness::Unproved(String::new()),
            _ => self.inner.completeness(),
        }
    }

    fn tables(&self) -> Vec<&'static str> {
        let mut tables = self.inner.tables();
        if self.defect == Defect::ListsATableTwice {
            tables.push("records");
        }
        tables
    }

    async fn counts(&mut self) -> Result<Vec<TableCount>> {
        self.look_again();
        let mut counts = self.inner.counts().await?;
        match self.defect {
            Defect::CountsTooFew => {
                if let Some(count) = counts.iter_mut().rev().find(|count| count.rows > 0) {
                    count.rows -= 1;
                }
            }
            Defect::HidesUnlistedTenants => {
                counts.retain(|count| self.listed.iter().any(|t| t.as_str() == count.tenant));
            }
            _ => {}
        }
        Ok(counts)
    }

    async fn rows(&mut self, table: &str, tenant: &TenantId, after: u64) -> Result<Vec<Row>> {
        self.look_again();
        let from = match self.defect {
            Defect::RowsIncludeTheStart => after.saturating_sub(1),
            _ => after,
        };
        let mut rows = self.inner.rows(table, tenant, from).await?;
        match (self.defect, table) {
            (Defect::ShowsNoTenantName, "tenants") => {
                for row in &mut rows {
                    row.line = Roster::tenant_line(tenant, tenant.as_str());
                }
            }
            (Defect::ShowsNoPermissions, "users") => {
                for row in &mut rows {
                    row.line = row.line.replace("orders:read", "");
                }
            }
            (Defect::ViewLosesTheLastRow, "records") => {
                let end = self.inner.rows(table, tenant, after + rows.len() as u64).await?;
                if end.is_empty() {
                    rows.pop();
                }
            }
            (Defect::ViewNormalisesText, "records") => {
                for row in &mut rows {
                    row.line = normalised(&row.line);
                }
            }
            (Defect::NormalisesDecimals, "orders") => {
                for row in &mut rows {
                    row.line = row.line.replace(".50\"", ".5\"");
                }
            }
            _ => {}
        }
        Ok(rows)
    }
}
