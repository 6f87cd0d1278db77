//! What this process knows of one tenant's files, refreshed before each use.

use crate::cursor::{Cursor, Extent};
use crate::disk;
use crate::failure::{AtPath as _, corrupt};
use crate::frame::{HEADER, Header};
use crate::index::{Index, Marks, RECENT, Role};
use crate::log::{NextFrame, Tail, examine_next, line_at};
use crate::read_buffer::ReadBuffer;
use crate::sorted_run::hash;
use flowcontrol_contract::{Digest, RecordId, Result, TenantId};
use serde::Deserialize;
use std::borrow::Cow;
use std::fs::File;
use std::path::{Path, PathBuf};

/// The log's name in the tenant's folder.
pub(crate) const LOG: &str = "log";

/// Bytes of log after which the writer saves the index even if it has few new ids.
const SAVE_EVERY: u64 = 64 * 1024 * 1024;

/// A torn end: its start, its length, and the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Torn {
    pub(crate) at: u64,
    pub(crate) bytes: u64,
    pub(crate) reason: &'static str,
}

/// One tenant's log as this process knows it.
#[derive(Debug)]
pub(crate) struct Tenant {
    pub(crate) id: TenantId,
    pub(crate) dir: PathBuf,
    pub(crate) log: PathBuf,
    pub(crate) tail: Tail,
    marks: Marks,
    index: Index,
    loaded: bool,
    /// The highest commit known to have been acknowledged in this log.
    promised: u64,
    /// Bytes of log since the manifest was saved, and the number of ids to wait for.
    unsaved: u64,
    patience: usize,
}

/// The one field of a line that the index needs.
#[derive(Deserialize)]
pub(crate) struct LineId<'a> {
    #[serde(borrow)]
    pub(crate) id: Cow<'a, str>,
}

/// The id in a line.
pub(crate) fn id_of(path: &Path, seq: u64, line: &str) -> Result<RecordId> {
    let wrong = || corrupt(path, format!("the line of record {seq} has no id"));
    let named: LineId<'_> = serde_json::from_str(line).map_err(|e| wrong().source(e))?;
    RecordId::new(named.id).map_err(|e| wrong().source(e))
}

impl Tenant {
    /// A tenant of which only the folder is known.
    pub(crate) fn new(id: TenantId, dir: PathBuf) -> Self {
        let (index, log) = (Index::empty(&dir), dir.join(LOG));
        Self {
            id,
            dir,
            log,
            tail: Tail::default(),
            marks: Marks::default(),
            index,
            loaded: false,
            promised: 0,
            unsaved: 0,
            patience: RECENT,
        }
    }

    /// Reads what was added to the log since the last call; returns a torn end without changing it.
    /// `acknowledged` is as in [`examine_next`].
    pub(crate) fn refresh(&mut self, role: Role, acknowledged: u64) -> Result<Option<Torn>> {
        self.load()?;
        let file = disk::if_exists(File::open(&self.log)).at_path("open", &self.log)?;
        let Some(mut buffer) = file.map(ReadBuffer::narrow) else {
            self.forget();
            return self.check_acknowledged(None);
        };
        let len = buffer.file_len().at_path("measure", &self.log)?;
        if !self.last_frame_unchanged(&mut buffer, len)? {
            // A frame was removed that could not be made durable, or the file was replaced: what
            // this process knew of it is void.
            self.forget();
        }
        loop {
            if len - self.tail.end > 64 * 1024 {
                buffer.widen();
            }
            match examine_next(&mut buffer, &self.log, &self.tail, len, acknowledged)? {
                NextFrame::Frame(header) => self.take(&mut buffer, &header, role)?,
                NextFrame::End => return self.check_acknowledged(None),
                NextFrame::Torn(reason) => {
                    let at = self.tail.end;
                    return self.check_acknowledged(Some(Torn { at, bytes: len - at, reason }));
                }
                NextFrame::Damaged(what) => {
                    return Err(corrupt(&self.log, format!("byte {}: {what}", self.tail.end)));
                }
            }
        }
    }

    fn load(&mut self) -> Result<()> {
        if !self.loaded {
            if let Some((index, tail, marks)) = Index::load(&self.dir)? {
                self.promised = self.promised.max(tail.commit);
                (self.index, self.tail, self.marks) = (index, tail, marks);
            }
            self.loaded = true;
        }
        Ok(())
    }

    /// Whether the last known frame is unchanged.
    fn last_frame_unchanged(&self, buffer: &mut ReadBuffer, len: u64) -> Result<bool> {
        let Some((at, digest)) = self.tail.last else { return Ok(true) };
        if len < self.tail.end {
            return Ok(false);
        }
        Ok(Digest::of(buffer.slice(at, HEADER).at_path("read", &self.log)?) == digest)
    }

    /// Starts over from the log.
    fn forget(&mut self) {
        self.tail = Tail::default();
        self.marks = Marks::default();
        self.index = Index::empty(&self.dir);
        self.unsaved = 0;
    }

    /// Checks that acknowledged frames still exist: a log that lost them must not count as empty.
    fn check_acknowledged(&self, torn: Option<Torn>) -> Result<Option<Torn>> {
        if torn.is_none() && self.tail.commit < self.promised {
            return Err(corrupt(
                &self.log,
                format!(
                    "it ends at commit {}, but commit {} was acknowledged",
                    self.tail.commit, self.promised
                ),
            )
            .hint(format!(
                "restore the file from a backup; if an older log was restored on purpose, delete {}",
                self.dir.join("index").display()
            )));
        }
        Ok(torn)
    }

    fn take(&mut self, buffer: &mut ReadBuffer, header: &Header, role: Role) -> Result<()> {
        let mut at = self.tail.end + HEADER as u64;
        let end = self.tail.end + header.len();
        let mut entries = Vec::with_capacity(header.count.min(1 << 16) as usize);
        for seq in header.first..=header.last() {
            let (line, next) = line_at(buffer, &self.log, at, end)?;
            entries.push((hash(&id_of(&self.log, seq, line)?), seq));
            at = next;
        }
        self.extend(header, entries, role);
        Ok(())
    }

    /// Records one more frame at the end of the log.
    fn extend(&mut self, header: &Header, entries: Vec<(u64, u64)>, role: Role) {
        self.marks.note(header.first, self.tail.end);
        self.tail = self.tail.after(header);
        self.unsaved += header.len();
        for entry in entries {
            self.index.insert(entry);
        }
        let many = self.index.recent() >= self.patience;
        if many || (role == Role::Writer && self.unsaved >= SAVE_EVERY) {
            match self.index.flush(role, &self.tail, &self.marks) {
                Ok(true) => (self.unsaved, self.patience) = (0, RECENT),
                // The next search finds the damage and rebuilds the index.
                Ok(false) => self.patience = self.index.recent() * 2,
                Err(e) => {
                    // The records are safe; only finding them would be slow after a restart.
                    tracing::warn!(tenant = %self.id, error = %e.chain(), "the index could not be saved");
                    self.patience = self.index.recent() * 2;
                }
            }
        }
    }

    /// Records that this process made the frame of `header` durable, with records of these ids.
    pub(crate) fn appended<'a>(
        &mut self,
        header: &Header,
        ids: impl Iterator<Item = &'a RecordId>,
    ) {
        let entries = ids.map(hash).zip(header.first..).collect();
        self.promised = header.commit;
        self.extend(header, entries, Role::Writer);
    }

    /// Whether the torn end contained acknowledged data: something other than a crash of its writer
    /// has cut the file.
    pub(crate) fn torn_after_acknowledgement(&self) -> bool {
        self.promised > self.tail.commit
    }

    /// Resets what was acknowledged, before the torn end is cut off.
    pub(crate) fn give_up_torn_end(&mut self) -> Result<()> {
        if self.torn_after_acknowledgement() {
            Index::discard_manifest(&self.dir)?;
            self.promised = self.tail.commit;
        }
        Ok(())
    }

    /// The log as known now.
    pub(crate) fn extent(&self) -> Extent {
        Extent {
            path: self.log.clone(),
            tenant: self.id.clone(),
            tail: self.tail.clone(),
            marks: self.marks.clone(),
        }
    }

    /// A cursor before the first record above `after`; `None` when there is none.
    pub(crate) fn cursor(&self, after: u64) -> Result<Option<Cursor>> {
        Cursor::open(self.extent(), after)
    }

    /// The candidates for ids of this hash: (position in `ids`, sequence number), by sequence
    /// number.
    pub(crate) fn candidates<'a>(
        &mut self,
        ids: impl Iterator<Item = &'a RecordId>,
        role: Role,
    ) -> Result<Vec<(usize, u64)>> {
        let mut wanted: Vec<_> = ids.enumerate().map(|(place, id)| (hash(id), place)).collect();
        wanted.sort_unstable();
        let mut found = self.index.find(&wanted)?;
        // Another process may have merged the runs that this one knows; the manifest then names
        // others. Otherwise the index is damaged and rebuilt from the log.
        for reload in [true, false] {
            if found.is_none() {
                self.forget();
                self.loaded = !reload;
                self.refresh(role, 0)?;
                found = self.index.find(&wanted)?;
            }
        }
        let mut found = found.ok_or_else(|| {
            corrupt(&self.dir, "the index is damaged again right after it was rebuilt")
        })?;
        found.sort_unstable_by_key(|(_, seq)| *seq);
        Ok(found)
    }
}
