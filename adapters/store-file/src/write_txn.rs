//! A write transaction: what happens while the write lock is held.

use crate::disk;
use crate::failure::{AtPath as _, io_error};
use crate::fence;
use crate::files::{Files, Recovered, lock};
use crate::frame::Header;
use crate::index::Role;
use crate::lock::{NAME, Note, WriteLock};
use crate::roster::{Enrolled, merge};
use crate::rules::{self, Decision, StoredRecord};
use crate::tenant::{Tenant, Torn, id_of};
use crate::trail;
use flowcontrol_contract::store::{Appended, Chunk, Expected, Imported};
use flowcontrol_contract::{
    AuditEvent, CallCx, Digest, Error, ErrorKind, NewRecord, Record, RecordId, Result, Retry,
    Roster, TenantId, audit,
};
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::OwnedMutexGuard;

/// What this process remembers of its last write transaction.
#[derive(Debug, Default)]
pub(crate) struct LastWrite {
    /// The last commit number of the store, if nobody has written since.
    commit: Option<u64>,
}

/// A write transaction: holds the write lock until dropped.
pub(crate) struct WriteTxn {
    files: Arc<Files>,
    lock: WriteLock,
    memory: OwnedMutexGuard<LastWrite>,
    note: Note,
}

impl WriteTxn {
    /// Begins a transaction for `tenant`; `memory` is locked by one transaction at a time.
    pub(crate) fn begin(
        files: Arc<Files>,
        lock: WriteLock,
        memory: OwnedMutexGuard<LastWrite>,
        tenant: &TenantId,
    ) -> Result<Self> {
        let note = Note::peek(&files.dir)?;
        let mut txn = Self { files, lock, memory, note };
        if !note.clean || txn.memory.commit != Some(note.commit) {
            txn.recover(tenant)?;
        }
        Ok(txn)
    }

    /// Finds the last commit number, and cuts off what a dead writer left.
    fn recover(&mut self, on_behalf: &TenantId) -> Result<()> {
        let mut commit = self.note.commit;
        for enrolled in self.files.all()? {
            commit = commit.max(enrolled.commit);
            let tenant = self.files.tenant(&enrolled.roster.tenant);
            let mut tenant = lock(&tenant);
            if enrolled.commit > self.note.commit {
                sync_folders(&self.files.dir, &tenant.dir)?;
            }
            match self.refresh(&mut tenant).and_then(|()| self.sync_found_frame(&tenant)) {
                Ok(()) => commit = commit.max(tenant.tail.commit),
                // Damage of one tenant must not stop the others.
                Err(e) if e.kind() == ErrorKind::Corrupt && tenant.id != *on_behalf => {
                    tracing::warn!(tenant = %tenant.id, error = %e.chain(), "damaged log");
                }
                Err(e) => return Err(e),
            }
        }
        self.memory.commit = Some(commit);
        Ok(())
    }

    fn refresh(&self, tenant: &mut Tenant) -> Result<()> {
        match tenant.refresh(Role::Writer, self.note.commit)? {
            Some(torn) => self.cut_torn_end(tenant, torn),
            None => Ok(()),
        }
    }

    /// Syncs a complete frame whose writer may have died before it could: from now on it counts as
    /// stored, and a repeated append is answered accordingly.
    fn sync_found_frame(&self, tenant: &Tenant) -> Result<()> {
        if tenant.tail.commit <= self.note.commit {
            return Ok(());
        }
        let path = &tenant.log;
        let mut options = disk::private();
        let file = options.write(true).open(path).at_path("open", path)?;
        file.sync_all().at_path("sync", path)
    }

    /// Cuts off a torn end, and keeps its bytes in another file.
    fn cut_torn_end(&self, tenant: &mut Tenant, torn: Torn) -> Result<()> {
        let path = &tenant.log.clone();
        let mut file = disk::private();
        let file = file.read(true).write(true).open(path).at_path("open", path)?;
        let kept = save_torn_end(&file, path, torn)?;
        let mut reason = torn.reason.to_owned();
        if tenant.torn_after_acknowledgement() {
            reason.push_str(", although it had been acknowledged");
        }
        tenant.give_up_torn_end()?;
        file.set_len(torn.at)
            .and_then(|()| file.sync_all())
            .at_path("cut the torn end of", path)?;
        self.files.report(Recovered {
            tenant: tenant.id.clone(),
            at: torn.at,
            bytes: torn.bytes,
            reason,
            kept_in: Some(kept),
        });
        Ok(())
    }

    /// Refuses a write while a freeze window of its tenant is in force.
    pub(crate) fn admit(&self, cx: &CallCx) -> Result<()> {
        fence::admit(&self.files.dir, cx)
    }

    /// The tenant's roster, which must be enrolled before its records.
    fn roster(&self, tenant: &TenantId) -> Result<Roster> {
        self.files.enrolled(tenant)?.map(|e| e.roster).ok_or_else(|| {
            Error::invalid(format!("tenant {tenant} is not enrolled"))
                .hint("enroll the tenant with its actors first")
        })
    }

    /// The next commit number, recorded in the note as begun.
    fn next_commit(&mut self) -> Result<u64> {
        let last = self.memory.commit.take().unwrap_or(self.note.commit);
        self.lock.write_note(false, last)?;
        Ok(last + 1)
    }

    fn done(&mut self, commit: u64) {
        match self.lock.write_note(true, commit) {
            Ok(()) => self.memory.commit = Some(commit),
            // The write itself is durable; the next transaction checks every log.
            Err(e) => tracing::warn!(error = %e.chain(), "the lock file's note was not written"),
        }
    }

    /// See the contract's `enroll`.
    pub(crate) fn enroll(&mut self, given: &Roster) -> Result<()> {
        let known = self.files.enrolled(&given.tenant)?;
        let roster = merge(known.as_ref().map(|e| &e.roster), given)?;
        if known.as_ref().is_some_and(|known| known.roster == roster) {
            return Ok(());
        }
        let dir = self.files.folder(&given.tenant);
        if known.is_none() {
            disk::create_dir(&dir)?;
            sync_folders(&self.files.dir, &dir)?;
        }
        let commit = self.next_commit()?;
        Enrolled { commit, roster }.write(&dir)?;
        self.done(commit);
        Ok(())
    }

    /// See the contract's `append`.
    pub(crate) fn append(
        &mut self,
        cx: &CallCx,
        expected: Expected,
        batch: Vec<NewRecord>,
    ) -> Result<Appended> {
        let id = &cx.tenant;
        let roster = self.roster(id)?;
        rules::check_caller(&roster, cx.actor.as_ref())?;
        rules::check_batch(&roster, &batch)?;
        let tenant = self.files.tenant(id);
        let mut tenant = lock(&tenant);
        self.refresh(&mut tenant)?;
        let standing = stored_records(&mut tenant, &batch)?;
        let count = batch.len() as u64;
        if count == 0 {
            rules::decide_append(expected, tenant.tail.head, &batch, &standing)?;
            return Ok(Appended { first: 0, last: 0, replayed: false });
        }
        match rules::decide_append(expected, tenant.tail.head, &batch, &standing)? {
            Decision::Replayed(first) => {
                Ok(Appended { first, last: first + count - 1, replayed: true })
            }
            Decision::Append(first) => {
                let events = audit::append_events(cx, first, &batch)?;
                let records: Vec<Record> = batch
                    .into_iter()
                    .zip(first..)
                    .map(|(new, seq)| new.placed(id.clone(), seq))
                    .collect();
                self.write_frame(&mut tenant, &records, &events, None)?;
                Ok(Appended { first, last: tenant.tail.head, replayed: false })
            }
        }
    }

    /// See the contract's `import`.
    pub(crate) fn import(&mut self, id: &TenantId, chunk: Chunk<'_>) -> Result<Imported> {
        let roster = self.roster(id)?;
        let tenant = self.files.tenant(id);
        let mut tenant = lock(&tenant);
        self.refresh(&mut tenant)?;
        let there = rules::check_chunk(&roster, tenant.tail.head, tenant.tail.imported, &chunk)?;
        let (old, new) = chunk.records.split_at(there);
        if let Some(first) = old.first()
            && let Some(mut cursor) = tenant.cursor(first.seq - 1)?
        {
            for record in old {
                if cursor.line_at_seq(record.seq)? != record.to_line() {
                    return Err(rules::taken(record, record.seq));
                }
            }
        }
        if !new.is_empty() {
            let (ids, mut other) = (new.iter().map(|r| &r.id).collect::<Vec<_>>(), None);
            find_stored(&mut tenant, &ids, |place, seq, _| other = other.or(Some((place, seq))))?;
            if let Some((place, seq)) = other {
                return Err(rules::taken(&new[place], seq));
            }
            self.write_frame(&mut tenant, new, &[], Some(chunk.snapshot))?;
        }
        Ok(Imported { last: tenant.tail.head, snapshot: tenant.tail.imported })
    }

    /// Writes `records`, at least one, with their audit events as a frame; durable on return.
    fn write_frame(
        &mut self,
        tenant: &mut Tenant,
        records: &[Record],
        events: &[AuditEvent],
        snapshot: Option<Digest>,
    ) -> Result<()> {
        let mut body = String::new();
        for record in records {
            record.write_line(&mut body);
            body.push('\n');
        }
        trail::write(&mut body, events);
        let commit = self.next_commit()?;
        let header = Header {
            commit,
            first: tenant.tail.head + 1,
            count: records.len() as u64,
            bytes: body.len() as u64,
            snapshot,
            body: Digest::of(&body),
        };
        let frame = [header.encode().as_bytes(), body.as_bytes()].concat();
        drop(body);
        self.put(tenant, &frame)?;
        tenant.appended(&header, records.iter().map(|r| &r.id));
        self.done(commit);
        Ok(())
    }

    fn put(&self, tenant: &Tenant, frame: &[u8]) -> Result<()> {
        let (path, end) = (&tenant.log, tenant.tail.end);
        let mut options = disk::private();
        let options = options.write(true).create(true).truncate(false);
        let mut file = options.open(path).at_path("open", path)?;
        if end == 0 {
            disk::sync_parent(path)?;
        }
        file.seek(SeekFrom::Start(end)).at_path("write", path)?;
        let (error, dead) = match self.files.faults.write(&mut file, frame) {
            Ok(()) => match self.files.faults.sync(&file) {
                Ok(()) => return Ok(()),
                Err(e) => (e, false),
            },
            Err(failed) => failed,
        };
        let error = io_error("write", path, error);
        if dead {
            return Err(error.retry(Retry::Ambiguous));
        }
        Err(undo_write(&file, end, error))
    }
}

/// Makes a tenant's folder and its files durable, even if a process that died created them.
fn sync_folders(store: &Path, tenant: &Path) -> Result<()> {
    disk::sync_parent(&tenant.join(crate::roster::NAME))?;
    disk::sync_parent(tenant)?;
    disk::sync_parent(&store.join(NAME))
}

/// Copies a torn end into a new file beside the log.
fn save_torn_end(log: &File, path: &Path, torn: Torn) -> Result<PathBuf> {
    for number in 1u32.. {
        let kept = path.with_file_name(format!("torn-{}-{number}", torn.at));
        let mut target = match disk::private().write(true).create_new(true).open(&kept) {
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => continue,
            other => other.at_path("create", &kept)?,
        };
        let mut source = log;
        source.seek(SeekFrom::Start(torn.at)).at_path("read", path)?;
        std::io::copy(&mut source.take(torn.bytes), &mut target)
            .and_then(|_| target.sync_all())
            .at_path("write", &kept)?;
        disk::sync_parent(&kept)?;
        return Ok(kept);
    }
    Err(Error::new(ErrorKind::Exhausted, format!("too many torn ends beside {}", path.display())))
}

/// Removes a failed write, so that the log is as before.
fn undo_write(file: &File, end: u64, error: Error) -> Error {
    match file.set_len(end).and_then(|()| file.sync_all()) {
        Ok(()) => error,
        // The next writer finds out whether the frame is complete; the caller must look it up.
        Err(e) => {
            tracing::warn!(error = %e, "a failed write could not be undone");
            error.retry(Retry::Ambiguous)
        }
    }
}

/// Calls `each` with (position in `ids`, sequence number, line) for every stored record whose id is
/// in `ids`.
fn find_stored(
    tenant: &mut Tenant,
    ids: &[&RecordId],
    mut each: impl FnMut(usize, u64, &str),
) -> Result<()> {
    let candidates = tenant.candidates(ids.iter().copied(), Role::Writer)?;
    if candidates.is_empty() {
        return Ok(());
    }
    let Some(mut cursor) = tenant.cursor(0)? else { return Ok(()) };
    // Different ids with one hash lead to the same record, which is read once.
    for same in candidates.chunk_by(|a, b| a.1 == b.1) {
        let seq = same[0].1;
        let line = cursor.line_at_seq(seq)?;
        let id = id_of(&tenant.log, seq, line)?;
        if let Some((place, _)) = same.iter().find(|(place, _)| *ids[*place] == id) {
            each(*place, seq, line);
        }
    }
    Ok(())
}

fn stored_records(tenant: &mut Tenant, batch: &[NewRecord]) -> Result<Vec<Option<StoredRecord>>> {
    let ids: Vec<_> = batch.iter().map(|r| &r.id).collect();
    let (id, mut standing) = (tenant.id.clone(), vec![None; batch.len()]);
    find_stored(tenant, &ids, |place, seq, line| {
        let same = batch[place].clone().placed(id.clone(), seq).to_line() == line;
        standing[place] = Some(StoredRecord { seq, same });
    })?;
    Ok(standing)
}
