//! A store with its tenants, and the calls that cases make.

use super::StoreFixture;
use super::expect::{Outcome, done, equal, placed, same};
use super::sample;
use flowcontrol_contract::store::{Appended, Batches, Chunk, Expected, Imported, ScenarioStore};
use flowcontrol_contract::{CallCx, Digest, NewRecord, Record, RecordId, Result, Roster, TenantId};
use futures::StreamExt;
use std::sync::Arc;

/// The store of a case, used as one tenant.
#[derive(Clone)]
pub(crate) struct Scene {
    pub(crate) store: Arc<dyn ScenarioStore>,
    pub(crate) cx: CallCx,
}

impl Scene {
    /// An empty store without tenants, used as the first sample tenant.
    pub(crate) async fn bare(fixture: &dyn StoreFixture) -> Outcome<Self> {
        Ok(Self { store: fixture.fresh().await, cx: CallCx::tenant(sample::tenant(0)?) })
    }

    /// An empty store with the first sample tenant.
    pub(crate) async fn one(fixture: &dyn StoreFixture) -> Outcome<Self> {
        let scene = Self::bare(fixture).await?;
        scene.enroll().await?;
        Ok(scene)
    }

    /// An empty store with the first two sample tenants, as either of them.
    pub(crate) async fn two(fixture: &dyn StoreFixture) -> Outcome<(Self, Self)> {
        let first = Self::one(fixture).await?;
        let second = first.as_tenant(sample::tenant(1)?);
        second.enroll().await?;
        Ok((first, second))
    }

    /// The same store as another tenant.
    pub(crate) fn as_tenant(&self, tenant: TenantId) -> Self {
        Self { store: Arc::clone(&self.store), cx: CallCx::tenant(tenant) }
    }

    /// The same store, opened again.
    pub(crate) async fn reopened(self, fixture: &dyn StoreFixture) -> Self {
        Self { store: fixture.reopen(self.store).await, cx: self.cx }
    }

    pub(crate) fn tenant(&self) -> &TenantId {
        &self.cx.tenant
    }

    /// Enrolls the tenant's sample roster.
    pub(crate) async fn enroll(&self) -> Outcome {
        let roster = sample::roster(self.tenant())?;
        done("enroll", self.store.enroll(&self.cx, &roster).await)
    }

    /// Appends and requires success.
    pub(crate) async fn append(&self, batch: &[NewRecord]) -> Outcome<Appended> {
        done("append", self.store.append(&self.cx, Expected::Any, batch).await)
    }

    /// Appends the sample records from `first` to `last`.
    pub(crate) async fn fill(&self, first: u64, last: u64) -> Outcome<Vec<NewRecord>> {
        let batch = sample::records(first, last)?;
        self.append(&batch).await?;
        Ok(batch)
    }

    /// Tries an append, for cases that expect an error.
    pub(crate) async fn attempt(
        &self,
        expected: Expected,
        batch: &[NewRecord],
    ) -> Result<Appended> {
        self.store.append(&self.cx, expected, batch).await
    }

    /// Tries an import.
    pub(crate) async fn import(&self, snapshot: &str, records: &[Record]) -> Result<Imported> {
        let chunk = Chunk { snapshot: Digest::of(snapshot), records };
        self.store.import(&self.cx, chunk).await
    }

    pub(crate) async fn head(&self) -> Outcome<u64> {
        done("head", self.store.head(&self.cx).await)
    }

    pub(crate) async fn get(&self, id: &RecordId) -> Outcome<Option<Record>> {
        done("get", self.store.get(&self.cx, id).await)
    }

    pub(crate) async fn roster(&self) -> Outcome<Option<Roster>> {
        done("roster", self.store.roster(&self.cx).await)
    }

    /// Opens a read.
    pub(crate) async fn reading(&self, after: u64) -> Outcome<Batches> {
        done("read", self.store.read(&self.cx, after).await)
    }

    /// Every record above `after`.
    pub(crate) async fn read(&self, after: u64) -> Outcome<Vec<Record>> {
        drain(self.reading(after).await?).await
    }

    /// Requires that the history consists of exactly these records, however it is read.
    pub(crate) async fn has_exactly(&self, written: &[NewRecord]) -> Outcome {
        let expected = placed(self.tenant(), 1, written);
        let tenant = self.tenant().clone();
        same(&format!("read of {tenant}"), &self.read(0).await?, &expected)?;
        equal(&format!("head of {tenant}"), &self.head().await?, &(written.len() as u64))
    }
}

/// The records of a stream; an error or an empty batch in it fails the case.
pub(crate) async fn drain(mut batches: Batches) -> Outcome<Vec<Record>> {
    let mut all = Vec::new();
    while let Some(batch) = batches.next().await {
        let batch = done("next batch", batch)?;
        if batch.is_empty() {
            return Err("next batch: expected at least one record, got an empty batch".into());
        }
        all.extend(batch);
    }
    Ok(all)
}
