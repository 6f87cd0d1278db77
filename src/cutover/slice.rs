//! Writes and compares the slices of a snapshot: the actors, or the records of some kinds.

use super::endpoints::Endpoints;
use crate::rehearsal::verify::{StoreVerification, verify_kinds};
use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::batch::{BatchImport, Part};
use flowcontrol_contract::{CallCx, Kind, ScenarioStore, TenantId};
use flowcontrol_gates::cutover::{GROUPS, Group};
use flowcontrol_snapshot::{CHUNK_BYTES, CHUNK_RECORDS, Chunks, Summary};
use std::path::Path;

/// The snapshot that is moved, and the freeze window that admits its writes.
#[derive(Clone, Copy, Debug)]
pub struct SnapshotSlice<'a> {
    /// The file.
    pub path: &'a Path,
    /// Its summary.
    pub summary: &'a Summary,
    /// The id of the freeze window on the target.
    pub window: &'a str,
}

impl SnapshotSlice<'_> {
    /// The call context for a tenant's writes, which the cutover's own freeze window admits.
    pub fn cx(&self, tenant: &TenantId) -> CallCx {
        CallCx { window: Some(self.window.to_owned()), ..CallCx::tenant(tenant.clone()) }
    }

    /// Writes the tenants and their actors; existing ones are kept.
    ///
    /// # Errors
    /// The store's.
    pub async fn enroll(&self, store: &dyn ScenarioStore) -> Result<u64> {
        let mut actors = 0;
        for roster in &self.summary.header.tenants {
            store.enroll(&self.cx(&roster.tenant), roster).await?;
            actors += roster.actors.len() as u64;
        }
        Ok(actors)
    }

    /// Writes the records of `group`, continuing after those of an earlier run.
    ///
    /// # Errors
    /// The snapshot's or the store's; acknowledged chunks stay.
    pub async fn write(
        &self,
        store: &dyn BatchImport,
        group: &Group,
        mut on_records: impl FnMut(u64),
    ) -> Result<u64> {
        let snapshot = self.summary.sha256;
        let mut skip = Vec::new();
        for roster in &self.summary.header.tenants {
            let there = store.progress(&self.cx(&roster.tenant), snapshot, group.id).await?;
            skip.push((roster.tenant.clone(), there));
        }
        let mut chunks =
            Chunks::start(self.path.to_owned(), snapshot, CHUNK_RECORDS, CHUNK_BYTES, skip);
        let mut written = 0;
        while let Some(chunk) = chunks.next().await {
            let mut chunk = chunk?;
            chunk.retain(|record| group.kinds.contains(&record.kind));
            let Some(first) = chunk.first() else { continue };
            let cx = self.cx(&first.tenant);
            store.import_batch(&cx, Part { snapshot, batch: group.id, records: &chunk }).await?;
            written += chunk.len() as u64;
            on_records(chunk.len() as u64);
        }
        Ok(written)
    }

    /// Reads everything back and compares it with the batches written so far: the first `done`.
    ///
    /// # Errors
    /// A check failure that names the first row that differs.
    pub async fn compare(
        &self,
        endpoints: &Endpoints,
        done: usize,
        on_rows: impl FnMut(u64),
    ) -> Result<StoreVerification> {
        let kinds: Vec<Kind> = GROUPS.iter().take(done).flat_map(|g| g.kinds).copied().collect();
        let mut back = endpoints.verifier().await?.read_back(&endpoints.tenants).await?;
        let sha256 = self.summary.sha256;
        let found = verify_kinds(self.path, sha256, &mut *back, &kinds, on_rows).await?;
        match found.mismatches.first() {
            None => Ok(found),
            Some(row) => Err(Failure::check(format!(
                "{} rows differ from the snapshot; the first is {} {} of tenant {}: {}",
                found.mismatch_count, row.table, row.row, row.tenant, row.what
            ))
            .hint("`flowcontrol cutover abort` restores the database to its earlier state")),
        }
    }
}
