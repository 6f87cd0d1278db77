//! Reads and verifies a snapshot line by line, in constant memory.

use super::Summary;
use super::format::{Header, Progression, Trailer};
use flowcontrol_base::user_file::cannot_read;
use flowcontrol_base::{Exit, Failure, Result};
use flowcontrol_contract::record::MAX_PAYLOAD_BYTES;
use flowcontrol_contract::{Digest, Hasher, Record, TenantId};
use flowcontrol_files::FileError;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use tokio::sync::mpsc;

/// The longest line of a record, in bytes; its fields besides the payload need far less than 16 KiB.
const MAX_LINE: usize = MAX_PAYLOAD_BYTES + 16 * 1024;
/// The longest header, in bytes; enough for some hundred thousand actors.
const MAX_HEADER: usize = 64 * 1024 * 1024;

/// Iterates over a snapshot's records; ends with an error unless everything, including the trailer,
/// is unchanged.
pub struct Reader {
    path: PathBuf,
    input: Box<dyn BufRead + Send>,
    header: Header,
    hasher: Hasher,
    progression: Progression,
    line: Vec<u8>,
    line_no: u64,
    bytes: u64,
    summary: Option<Summary>,
}

impl Reader {
    /// Opens a snapshot, compressed or not, and reads its header.
    ///
    /// # Errors
    /// When the file cannot be read, is empty, or is not a snapshot of this version.
    pub fn open(path: &Path) -> Result<Self> {
        let at = |e| cannot_read(FileError::new("read", path, e));
        let file = File::open(path).map_err(at)?;
        let mut plain = BufReader::with_capacity(1 << 18, file);
        // zstd's magic number, little-endian FD2FB528.
        let compressed = plain.fill_buf().map_err(at)?.starts_with(&[0x28, 0xB5, 0x2F, 0xFD]);
        let input: Box<dyn BufRead + Send> = if compressed {
            let decoder = zstd::Decoder::with_buffer(plain).map_err(at)?;
            Box::new(BufReader::with_capacity(1 << 18, decoder))
        } else {
            Box::new(plain)
        };
        let empty = Header { schema: String::new(), session: session_unknown()?, tenants: vec![] };
        let mut reader = Self {
            path: path.to_owned(),
            input,
            progression: Progression::new(&empty),
            header: empty,
            hasher: Hasher::new(),
            line: Vec::new(),
            line_no: 0,
            bytes: 0,
            summary: None,
        };
        if !reader.next_line(MAX_HEADER)? {
            return Err(reader.damaged("the file is empty"));
        }
        let text = reader.text()?;
        let header =
            Header::parse(text.trim_end_matches('\n')).map_err(|e| reader.damaged(e.message()))?;
        reader.hasher.update(&reader.line);
        reader.progression = Progression::new(&header);
        reader.header = header;
        Ok(reader)
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Uncompressed bytes read so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The summary; `None` until the trailer was read and verified.
    pub fn summary(&self) -> Option<&Summary> {
        self.summary.as_ref()
    }

    fn damaged(&self, why: &str) -> Failure {
        Failure::new(
            Exit::Check,
            format!("snapshot {}, line {}: {why}", self.path.display(), self.line_no.max(1)),
        )
        .hint("the file differs from the one that was frozen: freeze it again or copy it again")
    }

    /// Reads one line, including its line break, into `self.line`; false at the end.
    fn next_line(&mut self, limit: usize) -> Result<bool> {
        self.line.clear();
        let read = (&mut self.input)
            .take(limit as u64 + 1)
            .read_until(b'\n', &mut self.line)
            .map_err(|e| match e.kind() {
                std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::Other => {
                    self.damaged(&format!("the compressed data is truncated or damaged ({e})"))
                }
                _ => cannot_read(FileError::new("read", &self.path, e)),
            })?;
        if read == 0 {
            return Ok(false);
        }
        self.line_no += 1;
        self.bytes += read as u64;
        if self.line.len() > limit {
            return Err(self.damaged(&format!("the line is longer than {limit} bytes")));
        }
        if self.line.last() != Some(&b'\n') {
            return Err(self.damaged("the file ends within this line: it is truncated"));
        }
        Ok(true)
    }

    fn text(&self) -> Result<&str> {
        std::str::from_utf8(&self.line).map_err(|_| self.damaged("the line is not UTF-8"))
    }

    /// The next record, or `None` after a valid trailer.
    ///
    /// # Errors
    /// A failure that names the line and what is wrong with it.
    pub fn next_record(&mut self) -> Result<Option<Record>> {
        if self.summary.is_some() {
            return Ok(None);
        }
        if !self.next_line(MAX_LINE)? {
            return Err(self.damaged("the file ends without its trailer: it is truncated"));
        }
        if Trailer::is_one(&self.line) {
            self.finish()?;
            return Ok(None);
        }
        let record = Record::from_line(self.text()?.trim_end_matches('\n'))
            .map_err(|e| self.damaged(e.message()))?;
        self.progression.accept(&record).map_err(|e| self.damaged(e.message()))?;
        self.hasher.update(&self.line);
        Ok(Some(record))
    }

    fn finish(&mut self) -> Result<()> {
        let trailer = Trailer::parse(self.text()?.trim_end_matches('\n'))
            .map_err(|e| self.damaged(e.message()))?;
        let sha256 = self.hasher.current();
        if trailer.sha256 != sha256 {
            return Err(self.damaged(&format!(
                "the content was changed: its SHA-256 is {sha256}, but the trailer says {}",
                trailer.sha256
            )));
        }
        if trailer.records != self.progression.records || trailer.counts != self.progression.counts
        {
            return Err(self.damaged("the trailer's counts differ from the records"));
        }
        if self.next_line(MAX_LINE)? {
            return Err(self.damaged("there is data after the trailer"));
        }
        self.summary = Some(Summary {
            header: self.header.clone(),
            sha256,
            records: trailer.records,
            counts: trailer.counts,
            bytes: self.bytes,
        });
        Ok(())
    }
}

fn session_unknown() -> Result<flowcontrol_contract::SessionId> {
    Ok(flowcontrol_contract::SessionId::new("unknown")?)
}

/// Reads a whole snapshot and checks all of it.
///
/// # Errors
/// A failure that names the file, the line and what is wrong.
pub fn verify(path: &Path, mut on_bytes: impl FnMut(u64)) -> Result<Summary> {
    let mut reader = Reader::open(path)?;
    let mut reported = 0;
    while reader.next_record()?.is_some() {
        if reader.bytes() - reported > 1 << 22 {
            on_bytes(reader.bytes() - reported);
            reported = reader.bytes();
        }
    }
    match reader.summary() {
        Some(summary) => Ok(summary.clone()),
        None => Err(reader.damaged("the file ends without its trailer")),
    }
}

/// Chunks of a snapshot, read on a separate thread while the receiver processes the last one.
#[derive(Debug)]
pub struct Chunks {
    receiver: mpsc::Receiver<Result<Vec<Record>>>,
}

impl Chunks {
    /// Starts reading `path`, whose digest must still be `expected`: chunks of
    /// at most `records` records and about `bytes` bytes, of one
    /// tenant each. Records in `skip` (by tenant, the last sequence number that is already
    /// written) are read and checked but not sent.
    pub fn start(
        path: PathBuf,
        expected: Digest,
        records: usize,
        bytes: usize,
        skip: Vec<(TenantId, u64)>,
    ) -> Self {
        let (sender, receiver) = mpsc::channel(1);
        tokio::task::spawn_blocking(move || {
            if let Err(failure) = send_chunks(&path, expected, records, bytes, &skip, &sender) {
                // The receiver is dropped when the replay stopped; then the result is not needed.
                let _ = sender.blocking_send(Err(failure));
            }
        });
        Self { receiver }
    }

    /// The next chunk; `None` after the last one, when the trailer was verified.
    pub async fn next(&mut self) -> Option<Result<Vec<Record>>> {
        self.receiver.recv().await
    }
}

fn send_chunks(
    path: &Path,
    expected: Digest,
    records: usize,
    bytes: usize,
    skip: &[(TenantId, u64)],
    sender: &mpsc::Sender<Result<Vec<Record>>>,
) -> Result<()> {
    let mut reader = Reader::open(path)?;
    let mut chunk: Vec<Record> = Vec::new();
    let mut size = 0;
    let mut there: Option<(TenantId, u64)> = None;
    while let Some(record) = reader.next_record()? {
        let tenant_ends = chunk.last().is_some_and(|last| last.tenant != record.tenant);
        if chunk.len() >= records || size >= bytes || tenant_ends {
            size = 0;
            if sender.blocking_send(Ok(std::mem::take(&mut chunk))).is_err() {
                return Ok(());
            }
        }
        if there.as_ref().is_none_or(|(tenant, _)| *tenant != record.tenant) {
            let found = skip.iter().find(|(tenant, _)| *tenant == record.tenant);
            there = Some(found.cloned().unwrap_or((record.tenant.clone(), 0)));
        }
        if there.as_ref().is_some_and(|(_, last)| record.seq <= *last) {
            continue;
        }
        size += record.payload.as_str().len() + 200;
        chunk.push(record);
    }
    if !chunk.is_empty() {
        // As above: a dropped receiver needs no chunk.
        let _ = sender.blocking_send(Ok(chunk));
    }
    match reader.summary() {
        Some(summary) if summary.sha256 == expected => Ok(()),
        found => Err(Failure::check(format!(
            "snapshot {} was changed while it was in use: its digest was {} and is now {}",
            path.display(),
            expected.short(),
            found.map_or_else(|| "damaged".to_owned(), |s| s.sha256.short())
        ))
        .hint("freeze again, and do not change the file while it is in use")),
    }
}
