//! The reference store: the simplest implementation of `ScenarioStore.v1`.
//!
//! It keeps everything in memory and copies what it returns, so it is not meant for use. It
//! documents the contract, and the tests of this suite break it on purpose.

mod fence;
mod history;
mod view;

use async_trait::async_trait;
use flowcontrol_contract::adapter::{AdapterInfo, Mode, Port};
use flowcontrol_contract::error::{Error, ErrorKind, Result};
use flowcontrol_contract::fence::{Fence, Windows};
use flowcontrol_contract::store::{
    Appended, Batches, Chunk, Expected, Export, Imported, ReadBack, ScenarioStore,
};
use flowcontrol_contract::{
    AuditEvent, CallCx, NewRecord, Record, RecordId, Roster, TenantId, audit,
};
use futures::stream::{self, StreamExt};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

pub(crate) use history::{History, Placing};
pub(crate) use view::View;

/// The store's `kind`.
pub const KIND: &str = "memory-reference";

/// Records in one batch of a read.
const BATCH: usize = 500;

pub(crate) type Histories = BTreeMap<TenantId, History>;

/// A store in memory; clones share their data.
#[derive(Clone, Debug)]
pub struct MemoryStore {
    name: Arc<str>,
    histories: Arc<Mutex<Histories>>,
    windows: Arc<Mutex<Windows>>,
}

impl MemoryStore {
    /// An empty store; `name` identifies it in [`AdapterInfo::endpoint`].
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), histories: Arc::default(), windows: Arc::default() }
    }

    /// Runs `work` with exclusive access to the data.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Histories) -> T) -> T {
        // A panic under the lock happens in a test that fails anyway; the data stays readable.
        work(&mut self.histories.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn history<T>(&self, cx: &CallCx, work: impl FnOnce(&History) -> T) -> T {
        self.with(|all| work(all.get(&cx.tenant).unwrap_or(&History::default())))
    }
}

/// A stream of `records` in batches.
pub(crate) fn batches(records: &[Record]) -> Batches {
    let chunks: Vec<_> = records.chunks(BATCH).map(|chunk| Ok(chunk.to_vec())).collect();
    stream::iter(chunks).boxed()
}

/// The error of a call for a tenant that is not enrolled.
fn not_enrolled(kind: ErrorKind, tenant: &TenantId, operation: &'static str) -> Error {
    Error::new(kind, format!("tenant {tenant} is not enrolled"))
        .in_operation(KIND, operation)
        .hint("enroll its roster first")
}

#[async_trait]
impl ScenarioStore for MemoryStore {
    fn info(&self) -> AdapterInfo {
        AdapterInfo {
            port: Port::Store,
            kind: KIND,
            mode: Mode::Local,
            endpoint: self.name.to_string(),
        }
    }

    async fn tenants(&self) -> Result<Vec<TenantId>> {
        Ok(self.with(|all| all.keys().cloned().collect()))
    }

    async fn enroll(&self, cx: &CallCx, roster: &Roster) -> Result<()> {
        if roster.tenant != cx.tenant {
            return Err(Error::invalid(format!(
                "the roster of {} was sent in the name of {}",
                roster.tenant, cx.tenant
            ))
            .in_operation(KIND, "enroll"));
        }
        self.with(|all| {
            self.admit(cx, "enroll")?;
            match all.get_mut(&cx.tenant) {
                Some(history) => history.enroll(roster),
                None => {
                    all.insert(cx.tenant.clone(), History::new(roster.clone()));
                    Ok(())
                }
            }
        })
    }

    async fn roster(&self, cx: &CallCx) -> Result<Option<Roster>> {
        Ok(self.history(cx, |history| history.roster.clone()))
    }

    async fn append(
        &self,
        cx: &CallCx,
        expected: Expected,
        batch: &[NewRecord],
    ) -> Result<Appended> {
        self.with(|all| {
            if !batch.is_empty() {
                self.admit(cx, "append")?;
            }
            let Some(history) = all.get_mut(&cx.tenant) else {
                return Err(not_enrolled(ErrorKind::InvalidInput, &cx.tenant, "append"));
            };
            match history.place(expected, batch).map_err(|e| e.in_operation(KIND, "append"))? {
                Placing::Nothing(appended) => Ok(appended),
                Placing::New(records) => {
                    let first = records.first().map_or(0, |r| r.seq);
                    history.known(cx.actor.as_ref()).map_err(|e| e.in_operation(KIND, "append"))?;
                    history.events.extend(audit::append_events(cx, first, batch)?);
                    history.push(records);
                    Ok(Appended { first, last: history.head(), replayed: false })
                }
            }
        })
    }

    async fn get(&self, cx: &CallCx, id: &RecordId) -> Result<Option<Record>> {
        Ok(self.history(cx, |history| history.find(id).cloned()))
    }

    async fn head(&self, cx: &CallCx) -> Result<u64> {
        Ok(self.history(cx, History::head))
    }

    async fn read(&self, cx: &CallCx, after: u64) -> Result<Batches> {
        Ok(self.history(cx, |history| batches(history.after(after))))
    }

    async fn trail(&self, cx: &CallCx, after: u64) -> Result<Vec<AuditEvent>> {
        Ok(self.history(cx, |history| history.trail(after).take(audit::PAGE).cloned().collect()))
    }

    async fn export(&self, tenants: &[TenantId]) -> Result<Export> {
        self.with(|all| {
            let (mut rosters, mut records) = (Vec::new(), Vec::new());
            let mut ordered: Vec<_> = tenants.iter().collect();
            ordered.sort();
            for tenant in ordered {
                let missing = || not_enrolled(ErrorKind::NotFound, tenant, "export");
                let history = all.get(tenant).ok_or_else(missing)?;
                rosters.push(history.roster.clone().ok_or_else(missing)?);
                records.extend_from_slice(history.after(0));
            }
            Ok(Export { rosters, batches: batches(&records) })
        })
    }

    async fn import(&self, cx: &CallCx, chunk: Chunk<'_>) -> Result<Imported> {
        self.with(|all| {
            if !chunk.records.is_empty() {
                self.admit(cx, "import")?;
            }
            let Some(history) = all.get_mut(&cx.tenant) else {
                return Err(not_enrolled(ErrorKind::InvalidInput, &cx.tenant, "import"));
            };
            let fresh =
                history.fits(&cx.tenant, chunk).map_err(|e| e.in_operation(KIND, "import"))?;
            if !chunk.records.is_empty() {
                history.snapshot = Some(chunk.snapshot);
            }
            history.push(fresh);
            Ok(Imported { last: history.head(), snapshot: history.snapshot })
        })
    }

    async fn read_back(&self, _tenants: &[TenantId]) -> Result<Box<dyn ReadBack>> {
        Ok(Box::new(View::new(self.with(|all| all.clone()))))
    }

    fn fence(&self) -> &dyn Fence {
        self
    }
}
