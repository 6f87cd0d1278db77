//! The contract's calls.

use crate::fence;
use crate::history::History;
use crate::journal::{Entry, Journal};
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

/// Records in one batch of a read.
const BATCH: usize = 500;

/// The journal and what it says.
#[derive(Debug)]
pub(crate) struct ChainSet {
    pub(crate) journal: Journal,
    pub(crate) windows: Windows,
    pub(crate) tenants: BTreeMap<TenantId, History>,
}

/// A store in one journal file. It holds the file's lock until it is dropped.
#[derive(Clone, Debug)]
pub struct JournalStore {
    endpoint: String,
    book: Arc<Mutex<ChainSet>>,
}

impl JournalStore {
    /// Opens the journal, or makes an empty one.
    ///
    /// # Errors
    /// `Unavailable` when another process holds it, `Corrupt` when a line before the last commit
    /// cannot be read, and whatever the file system says.
    pub async fn open(path: PathBuf) -> Result<Self> {
        let opened = blocking(move || {
            let mut tenants = BTreeMap::new();
            let (journal, windows) =
                Journal::open(path, |tenant, entry| take_over(&mut tenants, tenant, entry))?;
            Ok(ChainSet { journal, windows, tenants })
        });
        let book = opened.await.map_err(|e| e.at(KIND, "open"))?;
        let endpoint = book.journal.path().display().to_string();
        Ok(Self { endpoint, book: Arc::new(Mutex::new(book)) })
    }

    /// Looks at the book; never waits for the disk longer than one write takes.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&ChainSet) -> T) -> Result<T> {
        let book = self.book.lock().map_err(|_| panicked())?;
        Ok(look(&book))
    }

    /// Looks at one tenant's history, if there is one.
    pub(crate) fn history<T>(
        &self,
        tenant: &TenantId,
        look: impl FnOnce(&History) -> T,
    ) -> Result<Option<T>> {
        self.look(|book| book.tenants.get(tenant).map(look))
    }

    /// Works on the book on a thread of its own, so that a caller who stops waiting does not stop
    /// it half-way.
    pub(crate) async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut ChainSet) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let book = Arc::clone(&self.book);
        blocking(move || work(&mut *book.lock().map_err(|_| panicked())?)).await
    }

    /// Decides under the lock, writes the entry if there is one, then lets others see it. A call
    /// that `writes` is refused while a freeze window is in force.
    async fn write<T: Send + 'static>(
        &self,
        cx: &CallCx,
        writes: bool,
        decide: impl FnOnce(Option<&History>) -> Result<(T, Option<Entry>)> + Send + 'static,
    ) -> Result<T> {
        let cx = cx.clone();
        self.change(move |book| {
            if writes {
                fence::admit(book, &cx)?;
            }
            let (tenant, ChainSet { journal, tenants, .. }) = (cx.tenant, book);
            let (answer, entry) = decide(tenants.get(&tenant))?;
            if let Some(entry) = entry {
                journal.commit(&tenant, &entry)?;
                take_over(tenants, tenant, entry)?;
            }
            Ok(answer)
        })
        .await
    }

    /// The records above `after` and up to `last`; a later append does not change them.
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

/// Brings the tenants up to date with an entry of the journal.
fn take_over(
    tenants: &mut BTreeMap<TenantId, History>,
    tenant: TenantId,
    entry: Entry,
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
    Error::invalid(format!("tenant {tenant} was not enrolled")).hint("enroll its roster first")
}

#[async_trait]
impl ScenarioStore for JournalStore {
    fn info(&self) -> AdapterInfo {
        AdapterInfo { port: Port::Store, kind: KIND, mode: MODE, endpoint: self.endpoint.clone() }
    }

    async fn tenants(&self) -> Result<Vec<TenantId>> {
        self.look(|book| book.tenants.keys().cloned().collect())
    }

    async fn enroll(&self, cx: &CallCx, roster: &Roster) -> Result<()> {
        if roster.tenant != cx.tenant {
            return Err(Error::invalid(format!(
                "tenant {} cannot enroll tenant {}",
                cx.tenant, roster.tenant
            ))
            .at(KIND, "enroll"));
        }
        let new = roster.clone();
        let written = self.write(cx, true, move |history| {
            let roster = match history {
                Some(history) => history.merged(&new)?,
                None => new,
            };
            let unchanged = history.is_some_and(|history| history.roster == roster);
            let entry = Entry { roster: Some(roster), ..Entry::default() };
            Ok(((), (!unchanged).then_some(entry)))
        });
        written.await.map_err(|e| e.at(KIND, "enroll"))
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
        written.await.map_err(|e| e.at(KIND, "append"))
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
        // All rosters and heads under one lock: that is the moment of the copy.
        let moment = self.look(|book| {
            let one = |tenant: &TenantId| match book.tenants.get(tenant) {
                Some(history) => Ok((history.roster.clone(), history.head())),
                None => Err(Error::new(
                    ErrorKind::NotFound,
                    format!("tenant {tenant} was never enrolled"),
                )
                .at(KIND, "export")),
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
            let entry = Entry { records: missing, snapshot: Some(snapshot), ..Entry::default() };
            let known = entry.records.is_empty() && history.snapshot == entry.snapshot;
            Ok((Imported { last, snapshot: entry.snapshot }, (!known).then_some(entry)))
        });
        written.await.map_err(|e| e.at(KIND, "import"))
    }

    async fn read_back(&self, _tenants: &[TenantId]) -> Result<Box<dyn ReadBack>> {
        Ok(Box::new(JournalView::open(self.clone())?))
    }

    fn fence(&self) -> &dyn Fence {
        self
    }
}
