//! The journal file: JSON lines, valid up to the last commit line.
//!
//! A write consists of the lines of its records or roster and then a commit line, in one call and
//! followed by a sync. A crash can leave lines without a commit; they were never acknowledged, and
//! opening the journal moves them into a file beside it.

use flowcontrol_contract::error::{Error, ErrorKind, Result, Retry};
use flowcontrol_contract::fence::Windows;
use flowcontrol_contract::{
    ActorId, AuditEvent, Digest, EventId, Payload, Record, Roster, TenantId,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A line that is not a record. A record's line starts with its key `actor`, none of these does.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Mark {
    Roster(Roster),
    Commit {
        tenant: TenantId,
        snapshot: Option<Digest>,
    },
    /// The audit events of the records before it.
    Audit {
        id: EventId,
        actor: ActorId,
        source: String,
        payload: Value,
    },
    /// All freeze windows as of now; it needs no commit line.
    Windows(Windows),
}

/// One acknowledged write.
#[derive(Debug, Default)]
pub(crate) struct JournalEntry {
    /// The tenant's new roster, if it changed.
    pub(crate) roster: Option<Roster>,
    /// Records at the end of the tenant's history.
    pub(crate) records: Vec<Record>,
    /// The snapshot that the records were imported from.
    pub(crate) snapshot: Option<Digest>,
    /// The audit events of the records.
    pub(crate) events: Vec<AuditEvent>,
}

/// What a line completes.
enum Completed {
    /// Nothing yet.
    Part,
    /// An entry of this tenant.
    JournalEntry(TenantId),
    /// The freeze windows.
    Windows(Windows),
}

#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
    path: PathBuf,
    /// Whether a write has failed; it may have left a partial line, so nothing may follow it.
    failed: bool,
}

fn io_error(path: &Path, what: &str, error: std::io::Error) -> Error {
    let kind = match error.kind() {
        std::io::ErrorKind::StorageFull => ErrorKind::Exhausted,
        std::io::ErrorKind::PermissionDenied => ErrorKind::Denied,
        _ => ErrorKind::Unavailable,
    };
    Error::new(kind, format!("{what} {}", path.display())).source(error)
}

impl Journal {
    /// Opens or creates the file, locks it, and passes every entry to `apply`; returns the freeze
    /// windows too.
    pub(crate) fn open(
        path: PathBuf,
        mut apply: impl FnMut(TenantId, JournalEntry) -> Result<()>,
    ) -> Result<(Self, Windows)> {
        let opened = OpenOptions::new().read(true).append(true).create(true).open(&path);
        let mut file = opened.map_err(|e| io_error(&path, "cannot open", e))?;
        file.try_lock().map_err(|e| {
            io_error(&path, "cannot lock", e.into()).hint("another process has this journal open")
        })?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|e| io_error(&path, "cannot read", e))?;
        let (mut acknowledged, mut at) = (0, 0);
        let (mut entry, mut windows) = (JournalEntry::default(), Windows::default());
        for (number, line) in (1..).zip(bytes.split_inclusive(|b| *b == b'\n')) {
            at += line.len();
            let Some(line) = line.strip_suffix(b"\n") else { break };
            let damaged = |e: Error| {
                Error::new(ErrorKind::Corrupt, format!("{} line {number}", path.display()))
                    .source(e)
            };
            match entry.take_line(line).map_err(damaged)? {
                Completed::Part => continue,
                Completed::JournalEntry(tenant) => {
                    apply(tenant, std::mem::take(&mut entry)).map_err(damaged)?;
                }
                Completed::Windows(last) => windows = last,
            }
            acknowledged = at;
        }
        let mut journal = Self { file, path, failed: false };
        journal.cut(&bytes, acknowledged).map_err(|e| io_error(&journal.path, "cannot mend", e))?;
        Ok((journal, windows))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Moves what follows the last commit line into another file.
    fn cut(&mut self, bytes: &[u8], acknowledged: usize) -> std::io::Result<()> {
        let torn = &bytes[acknowledged..];
        if !torn.is_empty() {
            let mut name = self.path.clone().into_os_string();
            name.push(".torn");
            let mut beside = File::create(name)?;
            beside.write_all(torn)?;
            beside.sync_all()?;
            self.file.set_len(acknowledged as u64)?;
            self.file.seek(SeekFrom::End(0))?;
        }
        // The name of a new file is durable once its folder is synced.
        match self.path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            Some(folder) => File::open(folder)?.sync_all(),
            None => File::open(".")?.sync_all(),
        }
    }

    /// Writes an entry; durable on return.
    pub(crate) fn commit(&mut self, tenant: &TenantId, entry: &JournalEntry) -> Result<()> {
        let mut text = String::new();
        if let Some(roster) = &entry.roster {
            text.push_str(&mark(&Mark::Roster(roster.clone()))?);
        }
        for record in &entry.records {
            record.write_line(&mut text);
            text.push('\n');
        }
        for event in &entry.events {
            let payload = serde_json::from_str(event.payload.as_str())
                .map_err(|e| Error::invalid(e.to_string()))?;
            let (id, actor, source) = (event.id.clone(), event.actor.clone(), event.source.clone());
            text.push_str(&mark(&Mark::Audit { id, actor, source, payload })?);
        }
        let commit = Mark::Commit { tenant: tenant.clone(), snapshot: entry.snapshot };
        text.push_str(&mark(&commit)?);
        self.add(&text)
    }

    /// Writes the freeze windows; durable on return.
    pub(crate) fn fence(&mut self, windows: &Windows) -> Result<()> {
        self.add(&mark(&Mark::Windows(windows.clone()))?)
    }

    fn add(&mut self, text: &str) -> Result<()> {
        if self.failed {
            return Err(Error::new(ErrorKind::Unavailable, "an earlier write failed")
                .hint("open the store again"));
        }
        let written = self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_data());
        written.map_err(|e| {
            self.failed = true;
            io_error(&self.path, "cannot write to", e).retry(Retry::Ambiguous)
        })
    }
}

fn mark(mark: &Mark) -> Result<String> {
    let mut line = serde_json::to_string(mark).map_err(|e| Error::invalid(e.to_string()))?;
    line.push('\n');
    Ok(line)
}

impl JournalEntry {
    /// Parses one line, and returns what it completes.
    fn take_line(&mut self, line: &[u8]) -> Result<Completed> {
        let line = std::str::from_utf8(line).map_err(|e| Error::invalid(e.to_string()))?;
        if line.starts_with("{\"actor\":") {
            self.records.push(Record::from_line(line)?);
            return Ok(Completed::Part);
        }
        match serde_json::from_str(line).map_err(|e| Error::invalid(e.to_string()))? {
            Mark::Roster(roster) => {
                self.roster = Some(roster);
                Ok(Completed::Part)
            }
            Mark::Audit { id, actor, source, payload } => {
                let payload = Payload::parse(&payload.to_string())?;
                self.events.push(AuditEvent::new(id, actor, source, payload)?);
                Ok(Completed::Part)
            }
            Mark::Commit { tenant, snapshot } => {
                self.snapshot = snapshot;
                Ok(Completed::JournalEntry(tenant))
            }
            Mark::Windows(windows) => Ok(Completed::Windows(windows)),
        }
    }
}
