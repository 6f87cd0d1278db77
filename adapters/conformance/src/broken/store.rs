//! The reference store with one defect.

use super::defect::Defect;
use super::fence::{self, Write};
use super::{append, audit, import, read, roster, view};
use crate::memory::{History, MemoryStore};
use async_trait::async_trait;
use flowcontrol_contract::adapter::{AdapterInfo, Port};
use flowcontrol_contract::error::Result;
use flowcontrol_contract::fence::{Fence, Window};
use flowcontrol_contract::store::{
    Appended, Batches, Chunk, Expected, Export, Imported, ReadBack, ScenarioStore,
};
use flowcontrol_contract::{AuditEvent, CallCx, NewRecord, Record, RecordId, Roster, TenantId};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};

/// What some defects remember between calls.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// The ids of each batch that was appended.
    pub(super) batches: Mutex<Vec<Vec<RecordId>>>,
    /// The tenant that was set last, for everybody.
    pub(super) tenant: Mutex<Option<TenantId>>,
    /// Numbers that failed appends used up.
    pub(super) burnt: Mutex<u64>,
    /// What refused batches left in the journal.
    pub(super) journal: Mutex<Vec<(CallCx, Vec<NewRecord>)>>,
    /// Where the one cursor of all readers stands.
    pub(super) cursor: Mutex<u64>,
    /// Readers that were opened and not drained.
    pub(super) readers: AtomicUsize,
    /// Windows that were raised and not lifted, whatever their end.
    pub(super) windows: Mutex<Vec<(TenantId, Window)>>,
}

#[derive(Clone, Debug)]
pub(super) struct Broken {
    pub(super) inner: MemoryStore,
    pub(super) defect: Option<Defect>,
    pub(super) memory: Arc<Memory>,
}

impl Broken {
    pub(super) fn new(name: &str, defect: Option<Defect>) -> Self {
        Self { inner: MemoryStore::new(name), defect, memory: Arc::default() }
    }

    pub(super) fn is(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }

    /// Works on the history of the context's tenant, if it has one.
    pub(super) fn history<T>(
        &self,
        cx: &CallCx,
        work: impl FnOnce(&mut History) -> T,
    ) -> Option<T> {
        self.inner.with(|all| all.get_mut(&cx.tenant).map(work))
    }

    /// The histories of the other tenants.
    pub(super) fn others(&self, cx: &CallCx) -> Vec<History> {
        self.inner.with(|all| {
            all.iter().filter(|(t, _)| **t != cx.tenant).map(|(_, h)| h.clone()).collect()
        })
    }

    /// The tenant as the defect spells it.
    fn spelled(&self, tenant: &TenantId) -> TenantId {
        let text = tenant.as_str();
        let changed = match self.defect {
            Some(Defect::FoldsTheCaseOfTenants) => text.to_lowercase(),
            Some(Defect::NormalisesTenants) => composed(text),
            Some(Defect::CutsLongTenants) => text.chars().take(199).collect(),
            _ => return tenant.clone(),
        };
        TenantId::new(changed).unwrap()
    }

    fn cx(&self, cx: &CallCx) -> CallCx {
        CallCx { tenant: self.spelled(&cx.tenant), ..cx.clone() }
    }
}

/// A little of Unicode's composition, enough for the samples.
pub(super) fn composed(text: &str) -> String {
    text.replace("o\u{301}", "\u{f3}").replace("z\u{301}", "\u{17a}")
}

/// Lets the other tasks run.
pub(super) async fn pause() {
    for _ in 0..3 {
        tokio::task::yield_now().await;
    }
}

#[async_trait]
impl ScenarioStore for Broken {
    fn info(&self) -> AdapterInfo {
        let info = self.inner.info();
        if self.is(Defect::NamesAnotherPort) {
            AdapterInfo { port: Port::Eta, ..info }
        } else {
            info
        }
    }

    async fn tenants(&self) -> Result<Vec<TenantId>> {
        let mut tenants = self.inner.tenants().await?;
        if self.is(Defect::ListsTenantsBackwards) {
            tenants.reverse();
        }
        Ok(tenants)
    }

    async fn enroll(&self, cx: &CallCx, roster: &Roster) -> Result<()> {
        let roster = Roster { tenant: self.spelled(&roster.tenant), ..roster.clone() };
        let cx = fence::writing(self, self.cx(cx), Write::Enroll).await?;
        roster::enroll(self, &cx, roster).await
    }

    async fn roster(&self, cx: &CallCx) -> Result<Option<Roster>> {
        roster::roster(self, &self.cx(cx)).await
    }

    async fn append(
        &self,
        cx: &CallCx,
        expected: Expected,
        batch: &[NewRecord],
    ) -> Result<Appended> {
        let cx = fence::writing(self, self.cx(cx), Write::Append(batch)).await?;
        let cx = audit::before(self, cx, batch).await?;
        let done = append::append(self, &cx, expected, batch).await;
        audit::after(self, &cx, done, batch)
    }

    async fn get(&self, cx: &CallCx, id: &RecordId) -> Result<Option<Record>> {
        fence::reading(self, cx).await?;
        read::get(self, &self.cx(cx), id).await
    }

    async fn head(&self, cx: &CallCx) -> Result<u64> {
        fence::reading(self, cx).await?;
        read::head(self, &self.cx(cx)).await
    }

    async fn read(&self, cx: &CallCx, after: u64) -> Result<Batches> {
        read::read(self, &self.cx(cx), after).await
    }

    async fn trail(&self, cx: &CallCx, after: u64) -> Result<Vec<AuditEvent>> {
        audit::trail(self, &self.cx(cx), after).await
    }

    async fn export(&self, tenants: &[TenantId]) -> Result<Export> {
        read::export(self, tenants).await
    }

    async fn import(&self, cx: &CallCx, chunk: Chunk<'_>) -> Result<Imported> {
        let cx = fence::writing(self, self.cx(cx), Write::Import).await?;
        import::import(self, &cx, chunk).await
    }

    async fn read_back(&self, tenants: &[TenantId]) -> Result<Box<dyn ReadBack>> {
        view::read_back(self, tenants).await
    }

    fn fence(&self) -> &dyn Fence {
        self
    }
}
