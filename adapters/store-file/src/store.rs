//! The calls of the contract, each run on a blocking thread.

use crate::KIND;
use crate::cursor::record;
use crate::faults::Faults;
use crate::files::{Files, Recovered};
use crate::index::Role;
use crate::lock::{self, Note, WriteLock};
use crate::read_back::FolderView;
use crate::stream::stream;
use crate::tenant::{Tenant, id_of};
use crate::trail;
use crate::view::{TenantView, at_one_moment, read_after, read_all};
use crate::write_txn::{LastWrite, WriteTxn};
use async_trait::async_trait;
use flowcontrol_contract::fence::Fence;
use flowcontrol_contract::store::{
    Appended, Batches, Chunk, Expected, Export, Imported, ReadBack, ScenarioStore,
};
use flowcontrol_contract::{
    AdapterInfo, AuditEvent, CallCx, Error, ErrorKind, Mode, NewRecord, Port, Record, RecordId,
    Result, Roster, TenantId,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::Instant;

/// How long a writer without a deadline waits for the lock.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// Pauses between two tries of the lock file: the first, and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(20));

/// A store in a folder; see the crate's description.
#[derive(Clone, Debug)]
pub struct FileStore {
    pub(crate) files: Arc<Files>,
    memory: Arc<Mutex<LastWrite>>,
}

/// Runs `f` on a blocking thread, and adds the operation to its error.
pub(crate) async fn blocking<T: Send + 'static>(
    operation: &'static str,
    f: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(f).await {
        Ok(result) => result.map_err(|e| e.in_operation(KIND, operation)),
        Err(e) => Err(Error::new(ErrorKind::Unexpected, "the file operation was aborted")
            .source(e)
            .in_operation(KIND, operation)),
    }
}

impl FileStore {
    /// The store in `dir`. Nothing is created before the first write.
    ///
    /// # Errors
    /// `Configuration` when `dir` is something else than a folder.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self> {
        Self::open_with(dir, Faults::default())
    }

    /// The same with faults that a test has planned.
    ///
    /// # Errors
    /// As [`FileStore::open`].
    pub fn open_with(dir: impl Into<PathBuf>, faults: Faults) -> Result<Self> {
        let dir = dir.into();
        if dir.exists() && !dir.is_dir() {
            return Err(Error::new(
                ErrorKind::Configuration,
                format!("{} is not a folder", dir.display()),
            )
            .hint("set `dir` of the file-local store to a folder")
            .in_operation(KIND, "open"));
        }
        let files = Arc::new(Files::new(dir, faults));
        Ok(Self { files, memory: Arc::default() })
    }

    /// The torn ends of logs found since the store was opened, each once. They contained nothing
    /// that was acknowledged, unless the reason says so.
    pub fn recovered(&self) -> Vec<Recovered> {
        self.files.recovered()
    }

    /// Takes the write lock, waiting up to the call's deadline, and runs `f` in a write
    /// transaction.
    ///
    /// `f` runs to its end even when the caller stops waiting, so nothing is left half-done.
    async fn transaction<T: Send + 'static>(
        &self,
        operation: &'static str,
        cx: &CallCx,
        f: impl FnOnce(&mut WriteTxn) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        check_deadline(operation, cx)?;
        let (memory, lock) = self.wait(operation, cx.deadline).await?;
        let (files, tenant) = (Arc::clone(&self.files), cx.tenant.clone());
        blocking(operation, move || f(&mut WriteTxn::begin(files, lock, memory, &tenant)?)).await
    }

    /// The same for a write, which a freeze window refuses.
    async fn write<T: Send + 'static>(
        &self,
        operation: &'static str,
        cx: &CallCx,
        f: impl FnOnce(&mut WriteTxn) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let call = cx.clone();
        self.transaction(operation, cx, move |txn| {
            txn.admit(&call)?;
            f(txn)
        })
        .await
    }

    /// Takes the write lock and runs `f` on the store's folder, without reading any log.
    pub(crate) async fn with_lock<T: Send + 'static>(
        &self,
        operation: &'static str,
        f: impl FnOnce(&Path) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (memory, lock) = self.wait(operation, None).await?;
        let files = Arc::clone(&self.files);
        blocking(operation, move || {
            let done = f(&files.dir);
            drop((lock, memory));
            done
        })
        .await
    }

    /// Waits for the other writers of this process and then for the write lock.
    async fn wait(
        &self,
        operation: &'static str,
        deadline: Option<std::time::Instant>,
    ) -> Result<(OwnedMutexGuard<LastWrite>, WriteLock)> {
        let until = deadline.map_or_else(|| Instant::now() + LOCK_TIMEOUT, Instant::from_std);
        let memory = Arc::clone(&self.memory).lock_owned();
        let Ok(memory) = tokio::time::timeout_at(until, memory).await else {
            return Err(self.busy(deadline).in_operation(KIND, operation));
        };
        Ok((memory, self.lock(operation, deadline, until).await?))
    }

    async fn lock(
        &self,
        operation: &'static str,
        deadline: Option<std::time::Instant>,
        until: Instant,
    ) -> Result<WriteLock> {
        let mut pause = PAUSE.0;
        loop {
            let dir = self.files.dir.clone();
            if let Some(lock) = blocking(operation, move || WriteLock::try_take(&dir)).await? {
                return Ok(lock);
            }
            if Instant::now() >= until {
                return Err(self.busy(deadline).in_operation(KIND, operation));
            }
            tokio::time::sleep_until((Instant::now() + pause).min(until)).await;
            pause = (pause * 2).min(PAUSE.1);
        }
    }

    fn busy(&self, deadline: Option<std::time::Instant>) -> Error {
        let who = match Note::peek(&self.files.dir) {
            Ok(note) if note.pid != 0 => format!(" (last seen: process {})", note.pid),
            _ => String::new(),
        };
        let kind = match deadline {
            Some(_) => ErrorKind::Timeout,
            None => ErrorKind::Unavailable,
        };
        let file = self.files.dir.join(lock::NAME);
        Error::new(kind, format!("another writer holds the lock file {}{who}", file.display()))
            .hint("repeat the command after the other writer has finished")
    }

    async fn read_tenant<T: Send + 'static>(
        &self,
        operation: &'static str,
        cx: &CallCx,
        f: impl FnOnce(&mut Tenant) -> Result<T> + Send + 'static,
    ) -> Result<Option<T>> {
        check_deadline(operation, cx)?;
        let (files, tenant) = (Arc::clone(&self.files), cx.tenant.clone());
        blocking(operation, move || files.reading(&tenant, f)).await
    }
}

fn check_deadline(operation: &'static str, cx: &CallCx) -> Result<()> {
    match cx.deadline {
        Some(deadline) if deadline <= Instant::now().into_std() => {
            Err(Error::new(ErrorKind::Timeout, "the deadline had passed before the call started")
                .in_operation(KIND, operation))
        }
        _ => Ok(()),
    }
}

fn find(tenant: &mut Tenant, id: &RecordId) -> Result<Option<Record>> {
    for (_, seq) in tenant.candidates(std::iter::once(id), Role::Reader)? {
        if let Some(mut cursor) = tenant.cursor(seq - 1)?
            && let Some((seq, line)) = cursor.next()?
            && id_of(&tenant.log, seq, line)? == *id
        {
            return record(&tenant.log, &tenant.id, seq, line).map(Some);
        }
    }
    Ok(None)
}

#[async_trait]
impl ScenarioStore for FileStore {
    fn info(&self) -> AdapterInfo {
        AdapterInfo {
            port: Port::Store,
            kind: KIND,
            mode: Mode::Local,
            endpoint: self.files.dir.display().to_string(),
        }
    }

    async fn tenants(&self) -> Result<Vec<TenantId>> {
        let files = Arc::clone(&self.files);
        blocking("tenants", move || Ok(files.all()?.into_iter().map(|e| e.roster.tenant).collect()))
            .await
    }

    async fn enroll(&self, cx: &CallCx, roster: &Roster) -> Result<()> {
        if roster.tenant != cx.tenant {
            return Err(Error::invalid(format!(
                "the roster is of tenant {}, but the call of tenant {}",
                roster.tenant, cx.tenant
            ))
            .in_operation(KIND, "enroll"));
        }
        let roster = roster.clone();
        self.write("enroll", cx, move |txn| txn.enroll(&roster)).await
    }

    async fn roster(&self, cx: &CallCx) -> Result<Option<Roster>> {
        check_deadline("roster", cx)?;
        let (files, tenant) = (Arc::clone(&self.files), cx.tenant.clone());
        blocking("roster", move || Ok(files.enrolled(&tenant)?.map(|e| e.roster))).await
    }

    async fn append(
        &self,
        cx: &CallCx,
        expected: Expected,
        batch: &[NewRecord],
    ) -> Result<Appended> {
        let empty = batch.is_empty();
        let (call, batch) = (cx.clone(), batch.to_vec());
        let append = move |txn: &mut WriteTxn| txn.append(&call, expected, batch);
        match empty {
            true => self.transaction("append", cx, append).await,
            false => self.write("append", cx, append).await,
        }
    }

    async fn get(&self, cx: &CallCx, id: &RecordId) -> Result<Option<Record>> {
        let id = id.clone();
        Ok(self.read_tenant("get", cx, move |tenant| find(tenant, &id)).await?.flatten())
    }

    async fn head(&self, cx: &CallCx) -> Result<u64> {
        let head = self.read_tenant("head", cx, |tenant| Ok(tenant.tail.head)).await?;
        Ok(head.unwrap_or(0))
    }

    async fn read(&self, cx: &CallCx, after: u64) -> Result<Batches> {
        let extent = self.read_tenant("read", cx, |tenant| Ok(tenant.extent())).await?;
        Ok(stream(move |sender| match extent {
            Some(extent) => read_after(extent, after, sender)
                .map(drop)
                .map_err(|e| e.in_operation(KIND, "read")),
            None => Ok(()),
        }))
    }

    async fn trail(&self, cx: &CallCx, after: u64) -> Result<Vec<AuditEvent>> {
        let trail = move |tenant: &mut Tenant| trail::read(&tenant.extent(), after);
        Ok(self.read_tenant("trail", cx, trail).await?.unwrap_or_default())
    }

    async fn export(&self, tenants: &[TenantId]) -> Result<Export> {
        let (files, tenants) = (Arc::clone(&self.files), tenants.to_vec());
        let parts = blocking("export", move || at_one_moment(&files, &tenants)).await?;
        let (rosters, extents) =
            parts.into_iter().map(|TenantView { roster, extent }| (roster, extent)).unzip();
        let batches = stream(move |sender| {
            read_all(extents, sender).map_err(|e| e.in_operation(KIND, "export"))
        });
        Ok(Export { rosters, batches })
    }

    async fn import(&self, cx: &CallCx, chunk: Chunk<'_>) -> Result<Imported> {
        let (tenant, snapshot) = (cx.tenant.clone(), chunk.snapshot);
        let records = chunk.records.to_vec();
        let import =
            move |txn: &mut WriteTxn| txn.import(&tenant, Chunk { snapshot, records: &records });
        match chunk.records.is_empty() {
            true => self.transaction("import", cx, import).await,
            false => self.write("import", cx, import).await,
        }
    }

    async fn read_back(&self, _tenants: &[TenantId]) -> Result<Box<dyn ReadBack>> {
        // The folder can be listed, so every tenant in it is read, also those that were not asked
        // for.
        let files = Arc::clone(&self.files);
        let parts = blocking("read back", move || {
            let tenants: Vec<_> = files.all()?.into_iter().map(|e| e.roster.tenant).collect();
            at_one_moment(&files, &tenants)
        })
        .await?;
        Ok(Box::new(FolderView::new(parts)))
    }

    fn fence(&self) -> &dyn Fence {
        self
    }
}
