//! Implements the calls of the contract.

use crate::fence;
use crate::history::History;
use crate::journal::{Journal, JournalEntry};
use crate::view::JournalView;
use crate::{KIND, MODE};
use async_trait::async_trait;
use flowcontrol_contract::error::{Error, ErrorKind, Result};
use flowcontrol_contract::fence::{Fence, Windows};
use flowcontrol_contract::store::{
    Appended, Batches, Chunk, Expected, Export, Imported, ReadBack, ScenarioStore,
};
use flowcontrol_contract::{
    AdapterInfo, AuditEvent, CallCx, NewRecord, Port, Record, RecordId, Roster, TenantId,
};
use futures::stream::{self, StreamExt};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// Most records in one batch of a read.
const BATCH: usize = 500;

/// The journal and the histories read from it.
#[derive(Debug)]
pub(crate) struct JournalState {
    pub(crate) journal: Journal,
    pub(crate) windows: Windows,
    pub(crate) tenants: BTreeMap<TenantId, History>,
}

/// A store in one journal file. It holds the file's lock until it is dropped.
#[derive(Clone, Debug)]
pub struct JournalStore {
    endpoint: String,
    state: Arc<Mutex<JournalState>>,
}

impl JournalStore {
    /// Opens the journal, or creates an empty one.
    ///
    /// # Errors
    /// `Unavailable` when another process has it open, `Corrupt` when a line before the last commit
    /// cannot be parsed, and errors of the file system.
    pub async fn open(path: PathBuf) -> Result<Self> {
        let opened = blocking(move || {
            let mut tenants = BTreeMap::new();
            let (journal, windows) =
                Journal::open(path, |tenant, entry| take_over(&mut tenants, tenant, entry))?;
            Ok(JournalState { journal, windows, tenants })
        });
        let state = opened.await.map_err(|e| e.in_operation(KIND, "open"))?;
        let endpoint = state.journal.path().display().to_string();
        Ok(Self { endpoint, state: Arc::new(Mutex::new(state)) })
    }

    /// Reads the state; waits at most for one write to the disk.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&JournalState) -> T) -> Result<T> {
        let state = self.state.lock().map_err(|_| panicked())?;
        Ok(look(&state))
    }

    /// Reads one tenant's history, if there is one.
    pub(crate) fn history<T>(
        &self,
        tenant: &TenantId,
        look: impl FnOnce(&History) -> T,
    ) -> Result<Option<T>> {
        self.look(|state| state.tenants.get(tenant).map(look))
    }

    /// Changes the state on a thread of its own, so that a caller who stops waiting does not stop
    /// it half-way.
    pub(crate) async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut JournalState) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let state = Arc::clone(&self.state);
        blocking(move || work(&mut *state.lock().map_err(|_| panicked())?)).await
    }

    /// Decides under the lock, writes the entry if there is one, then makes it visible. A call that
    /// `writes` is refused while a freeze window is in force.
    async fn write<T: Send + 'static>(
        &self,
        cx: &CallCx,
        writes: bool,
        decide: impl FnOnce(Option<&History>) -> Result<(T, Option<JournalEntry>)> + Send + 'static,
    ) -> Result<T> {
        let cx = cx.clone();
        self.change(move |state| {
            if writes {
                fence::admit(state, &cx)?;
            }
            let (tenant, JournalState { journal, tenants, .. }) = (cx.tenant, state);
            let (answer, entry) = decide(tenants.get(&tenant))?;
            if let Some(entry) = entry {
                journal.commit(&tenant, &entry)?;
                take_over(tenants, tenant, entry)?;
            }
            Ok(answer)
        })
        .await
    }

    /// The records above `after` and up to `last`; later appends do not change them.
    fn stream(&self, tenant: TenantId, after: u64, last: u64) -> Batches {
        let start = (self.clone(), tenant, after);
        stream::unfold(start, move |(store, tenant, after)| async move {
            let batch = store.history(&tenant, |h| h.slice(after, last, BATCH).to_vec());
            match batch {
                Ok(batch) => {
                    let batch = batch.unwrap_or_default();
                    let next = batch.last()?.seq;
                    Some((Ok(batch), (store, tenant, next)))
                }
                // Nothing follows an error: the next batch is past the end.
                Err(e) => Some((Err(e), (store, tenant, last))),
            }
        })
        .boxed()
    }
}

/// Applies an entry of the journal to the tenants.
fn take_over(
    tenants: &mut BTreeMap<TenantId, History>,
    tenant: TenantId,
    entry: JournalEntry,
) -> Result<()> {
    if let Some(history) = tenants.get_mut(&tenant) {
        return history.apply(entry);
    }
    let roster = entry.roster.clone().ok_or_else(|| not_enrolled(&tenant))?;
    let mut history = History::new(roster);
    history.apply(entry)?;
    tenants.insert(tenant, history);
    Ok(())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|e| Err(panicked().source(e)))
}

fn panicked() -> Error {
    Error::new(ErrorKind::Unexpected, "a call panicked").hint("open the store again")
}

fn not_enrolled(tenant: &TenantId) -> Error {
    Error::invalid(format!("tenant {tenant} is not enrolled")).hint("enroll its roster first")
}

#[async_trait]
impl ScenarioStore for JournalStore {
    fn info(&self) -> AdapterInfo {
        AdapterInfo { port: Port::Store, kind: KIND, mode: MODE, endpoint: self.endpoint.clone() }
    }

    async fn tenants(&self) -> Result<Vec<TenantId>> {
        self.look(|state| state.tenants.keys().cloned().collect())
    }

    async fn enroll(&self, cx: &CallCx, roster: &Roster) -> Result<()> {
        if roster.tenant != cx.tenant {
            return Err(Error::invalid(format!(
                "tenant {} cannot enroll tenant {}",
                cx.tenant, roster.tenant
            ))
            .in_operation(KIND, "enroll"));
        }
        let new = roster.clone();
        let written = self.write(cx, true, move |history| {
            let roster = match history {
                Some(history) => history.merged(&new)?,
                None => new,
            };
            let unchanged = history.is_some_and(|history| history.roster == roster);
            let entry = JournalEntry { roster: Some(roster), ..JournalEntry::default() };
            Ok(((), (!unchanged).then_some(entry)))
        });
        written.await.map_err(|e| e.in_operation(KIND, "enroll"))
    }

    async fn roster(&self, cx: &CallCx) -> Result<Option<Roster>> {
        self.history(&cx.tenant, |history| history.roster.clone())
    }

    async fn append(
        &self,
        cx: &CallCx,
        expected: Expected,
        batch: &[NewRecord],
    ) -> Result<Appended> {
        let (call, batch) = (cx.clone(), batch.to_vec());
        let written = self.write(cx, !batch.is_empty(), move |history| {
            let history = history.ok_or_else(|| not_enrolled(&call.tenant))?;
            let (answer, entry) = history.append(&call, expected, &batch)?;
            Ok((answer, (!entry.records.is_empty()).then_some(entry)))
        });
        written.await.map_err(|e| e.in_operation(KIND, "append"))
    }

    async fn get(&self, cx: &CallCx, id: &RecordId) -> Result<Option<Record>> {
        Ok(self.history(&cx.tenant, |history| history.get(id).cloned())?.flatten())
    }

    async fn head(&self, cx: &CallCx) -> Result<u64> {
        Ok(self.history(&cx.tenant, History::head)?.unwrap_or(0))
    }

    async fn read(&self, cx: &CallCx, after: u64) -> Result<Batches> {
        let last = self.head(cx).await?;
        Ok(self.stream(cx.tenant.clone(), after, last))
    }

    async fn trail(&self, cx: &CallCx, after: u64) -> Result<Vec<AuditEvent>> {
        Ok(self.history(&cx.tenant, |history| history.trail(after))?.unwrap_or_default())
    }

    async fn export(&self, tenants: &[TenantId]) -> Result<Export> {
        let mut tenants = tenants.to_vec();
        tenants.sort();
        // All rosters and heads are read under one lock, which is the moment of the copy.
        let moment = self.look(|state| {
            let one = |tenant: &TenantId| match state.tenants.get(tenant) {
                Some(history) => Ok((history.roster.clone(), history.head())),
                None => {
                    Err(Error::new(ErrorKind::NotFound, format!("tenant {tenant} is not enrolled"))
                        .in_operation(KIND, "export"))
                }
            };
            tenants.iter().map(one).collect::<Result<Vec<_>>>()
        })??;
        let (rosters, heads): (Vec<Roster>, Vec<u64>) = moment.into_iter().unzip();
        let store = self.clone();
        let each = move |(tenant, head)| store.stream(tenant, 0, head);
        let batches = stream::iter(tenants.into_iter().zip(heads)).flat_map(each).boxed();
        Ok(Export { rosters, batches })
    }

    async fn import(&self, cx: &CallCx, chunk: Chunk<'_>) -> Result<Imported> {
        let (tenant, snapshot, records) =
            (cx.tenant.clone(), chunk.snapshot, chunk.records.to_vec());
        let written = self.write(cx, !records.is_empty(), move |history| {
            let history = history.ok_or_else(|| not_enrolled(&tenant))?;
            let missing = history.import(&tenant, Chunk { snapshot, records: &records })?;
            let last = history.head() + missing.len() as u64;
            if records.is_empty() {
                return Ok((Imported { last, snapshot: history.snapshot }, None));
            }
            let entry = JournalEntry {
                records: missing,
                snapshot: Some(snapshot),
                ..JournalEntry::default()
            };
            let known = entry.records.is_empty() && history.snapshot == entry.snapshot;
            Ok((Imported { last, snapshot: entry.snapshot }, (!known).then_some(entry)))
        });
        written.await.map_err(|e| e.in_operation(KIND, "import"))
    }

    async fn read_back(&self, _tenants: &[TenantId]) -> Result<Box<dyn ReadBack>> {
        Ok(Box::new(JournalView::open(self.clone())?))
    }

    fn fence(&self) -> &dyn Fence {
        self
    }
}
