//! The store's folder: its tenants, and what this process knows of each.

use crate::cursor::Extent;
use crate::disk;
use crate::failure::{AtPath as _, corrupt};
use crate::faults::Faults;
use crate::index::Role;
use crate::lock::{self, Note};
use crate::roster::{self, Enrolled};
use crate::tenant::{LOG, Tenant, Torn};
use flowcontrol_contract::{ErrorKind, Result, TenantId};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The folder of the tenants' folders.
const TENANTS: &str = "tenants";

/// How often a reader reads again before it reports damage, which a write in progress may have
/// caused.
const READ_ATTEMPTS: usize = 3;

/// A torn end of a log: the bytes of a batch whose writer died before it was acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// The tenant of the log.
    pub tenant: TenantId,
    /// The start of the torn frame, in bytes.
    pub at: u64,
    /// Number of bytes that were, or will be, cut off.
    pub bytes: u64,
    /// The reason for treating it as torn.
    pub reason: String,
    /// The file with the bytes that a writer cut off; `None` while only readers, which ignore the
    /// bytes, have found them.
    pub kept_in: Option<PathBuf>,
}

/// The files of a store, shared by all calls in this process.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) dir: PathBuf,
    pub(crate) faults: Faults,
    tenants: Mutex<HashMap<TenantId, Arc<Mutex<Tenant>>>>,
    recovered: Mutex<Vec<Recovered>>,
}

/// Locks a mutex, ignoring poison: the data is refreshed from the files before each use.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Files {
    pub(crate) fn new(dir: PathBuf, faults: Faults) -> Self {
        Self { dir, faults, tenants: Mutex::default(), recovered: Mutex::default() }
    }

    /// A tenant's folder, whether it exists or not.
    pub(crate) fn folder(&self, tenant: &TenantId) -> PathBuf {
        self.dir.join(TENANTS).join(roster::folder(tenant))
    }

    /// The roster of a tenant; `None` when it is not enrolled.
    pub(crate) fn enrolled(&self, tenant: &TenantId) -> Result<Option<Enrolled>> {
        roster_in(&self.folder(tenant))
    }

    /// Every roster of the store, by tenant. A folder without one is from an interrupted enrolment
    /// and skipped.
    pub(crate) fn all(&self) -> Result<Vec<Enrolled>> {
        let dir = self.dir.join(TENANTS);
        let Some(entries) = disk::if_exists(std::fs::read_dir(&dir)).at_path("list", &dir)? else {
            return Ok(Vec::new());
        };
        let mut all = Vec::new();
        for entry in entries {
            let path = entry.at_path("list", &dir)?.path();
            if path.is_dir() {
                all.extend(roster_in(&path)?);
            }
        }
        all.sort_by(|a, b| a.roster.tenant.cmp(&b.roster.tenant));
        Ok(all)
    }

    /// What this process knows of an enrolled tenant.
    pub(crate) fn tenant(&self, id: &TenantId) -> Arc<Mutex<Tenant>> {
        let new = || Arc::new(Mutex::new(Tenant::new(id.clone(), self.folder(id))));
        Arc::clone(lock(&self.tenants).entry(id.clone()).or_insert_with(new))
    }

    /// Refreshes a tenant as a reader and runs `f` on it; `None` when it is not enrolled.
    pub(crate) fn reading<T>(
        &self,
        id: &TenantId,
        f: impl FnOnce(&mut Tenant) -> Result<T>,
    ) -> Result<Option<T>> {
        if self.enrolled(id)?.is_none() {
            return Ok(None);
        }
        let tenant = self.tenant(id);
        let mut tenant = lock(&tenant);
        if let Some(torn) = self.look(&mut tenant)? {
            // A writer may be writing that frame; if not, nobody will complete it.
            if lock::nobody_writes(&self.dir)? && self.look(&mut tenant)? == Some(torn) {
                self.report(Recovered {
                    tenant: id.clone(),
                    at: torn.at,
                    bytes: torn.bytes,
                    reason: torn.reason.to_owned(),
                    kept_in: None,
                });
            }
        }
        f(&mut tenant).map(Some)
    }

    fn look(&self, tenant: &mut Tenant) -> Result<Option<Torn>> {
        let mut looks = 1;
        loop {
            let note = Note::peek(&self.dir)?;
            match tenant.refresh(Role::Reader, note.commit) {
                Err(e) if e.kind() == ErrorKind::Corrupt && looks < READ_ATTEMPTS => looks += 1,
                other => return other,
            }
        }
    }

    /// The log of a tenant as of now; `None` when it is not enrolled.
    pub(crate) fn extent(&self, id: &TenantId) -> Result<Option<Extent>> {
        self.reading(id, |tenant| Ok(tenant.extent()))
    }

    /// Records a torn end and logs it, once.
    pub(crate) fn report(&self, found: Recovered) {
        let mut recovered = lock(&self.recovered);
        if recovered.contains(&found) {
            return;
        }
        match &found.kept_in {
            Some(path) => tracing::warn!(
                tenant = %found.tenant, at = found.at, bytes = found.bytes,
                reason = %found.reason, kept_in = %path.display(),
                "cut a torn end off a log",
            ),
            None => tracing::warn!(
                tenant = %found.tenant, at = found.at, bytes = found.bytes,
                reason = %found.reason,
                "a log has a torn end; the next write will cut it off",
            ),
        }
        recovered.push(found);
    }

    /// Every torn end found so far.
    pub(crate) fn recovered(&self) -> Vec<Recovered> {
        lock(&self.recovered).clone()
    }
}

fn roster_in(dir: &Path) -> Result<Option<Enrolled>> {
    let enrolled = Enrolled::read(dir)?;
    let log = dir.join(LOG);
    if enrolled.is_none() && log.exists() {
        return Err(corrupt(&log, "the roster file beside it, which names its tenant, is missing"));
    }
    Ok(enrolled)
}
