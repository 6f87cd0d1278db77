//! Reads the lines of a log in order; each frame is verified before its first line is returned.

use crate::disk;
use crate::failure::{AtPath as _, corrupt};
use crate::frame::{HEADER, Header};
use crate::index::Marks;
use crate::log::{Tail, body_is_valid, header_at, line_at};
use crate::read_buffer::ReadBuffer;
use flowcontrol_contract::{Record, Result, TenantId};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Most records in a batch, and most bytes of their lines (one record may be larger).
pub(crate) const BATCH_RECORDS: usize = 1000;
const BATCH_BYTES: usize = 1024 * 1024;

/// A fixed part of a log: everything up to `end`; frames may be added after it.
#[derive(Clone, Debug)]
pub(crate) struct Extent {
    /// The path of the log.
    pub(crate) path: PathBuf,
    /// The tenant.
    pub(crate) tenant: TenantId,
    /// What the log contains up to the end.
    pub(crate) tail: Tail,
    /// Known starts of frames.
    pub(crate) marks: Marks,
}

/// A position in an [`Extent`].
pub(crate) struct Cursor {
    extent: Extent,
    buffer: ReadBuffer,
    /// Where the next frame's header starts.
    at: u64,
    /// The sequence number that the next frame must start with.
    first: u64,
    /// The remaining lines of the frame that was verified last.
    body: Option<Body>,
}

#[derive(Clone, Copy)]
struct Body {
    at: u64,
    end: u64,
    seq: u64,
    last: u64,
}

impl Cursor {
    /// A cursor before the first record above `after`; `None` when there is none.
    pub(crate) fn open(extent: Extent, after: u64) -> Result<Option<Self>> {
        if after >= extent.tail.head {
            return Ok(None);
        }
        let file = disk::if_exists(File::open(&extent.path)).at_path("open", &extent.path)?;
        let file = file.ok_or_else(|| corrupt(&extent.path, "the log is missing"))?;
        let (first, at) = extent.marks.before(after + 1);
        let mut cursor = Self { extent, buffer: ReadBuffer::new(file), at, first, body: None };
        cursor.seek(after + 1)?;
        Ok(Some(cursor))
    }

    /// Moves forward to `seq`, which is at most the head.
    fn seek(&mut self, seq: u64) -> Result<()> {
        loop {
            if let Some(body) = self.body.filter(|body| seq <= body.last) {
                self.skip_lines(body, seq)?;
                return Ok(());
            }
            let (first, at) = self.extent.marks.before(seq);
            if at > self.at {
                (self.first, self.at) = (first, at);
            }
            self.body = None;
            let header = self.header()?;
            if header.last() >= seq {
                self.enter(&header)?;
            } else {
                self.pass(&header);
            }
        }
    }

    fn skip_lines(&mut self, mut body: Body, seq: u64) -> Result<()> {
        while body.seq < seq {
            let (_, next) = line_at(&mut self.buffer, &self.extent.path, body.at, body.end)?;
            (body.at, body.seq) = (next, body.seq + 1);
        }
        self.body = Some(body);
        Ok(())
    }

    /// The next frame's header. There is one: the extent has whole frames only.
    fn header(&mut self) -> Result<Header> {
        let (path, end) = (&self.extent.path, self.extent.tail.end);
        let header = header_at(&mut self.buffer, path, self.at, end)?;
        header
            .filter(|h| h.first == self.first && h.len() <= end - self.at)
            .ok_or_else(|| corrupt(path, format!("no valid frame starts at byte {}", self.at)))
    }

    fn pass(&mut self, header: &Header) {
        self.at += header.len();
        self.first = header.last() + 1;
    }

    fn enter(&mut self, header: &Header) -> Result<()> {
        let path = &self.extent.path;
        if !body_is_valid(&mut self.buffer, path, self.at, header)? {
            let (from, to) = (header.first, header.last());
            return Err(corrupt(
                path,
                format!(
                    "the frame at byte {}, records {from} to {to}, does not match its checksum",
                    self.at
                ),
            ));
        }
        let at = self.at + HEADER as u64;
        let end = at + header.bytes;
        self.body = Some(Body { at, end, seq: header.first, last: header.last() });
        self.pass(header);
        Ok(())
    }

    /// The next sequence number and line, verified by its frame; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, &str)>> {
        let mut body = match self.body {
            Some(body) if body.seq <= body.last => body,
            _ if self.at >= self.extent.tail.end => return Ok(None),
            _ => {
                let header = self.header()?;
                self.enter(&header)?;
                match self.body {
                    Some(body) => body,
                    None => return Ok(None),
                }
            }
        };
        let (line, next) = line_at(&mut self.buffer, &self.extent.path, body.at, body.end)?;
        let seq = body.seq;
        (body.at, body.seq) = (next, seq + 1);
        self.body = Some(body);
        Ok(Some((seq, line)))
    }

    /// The line of `seq`; calls must be in ascending order.
    pub(crate) fn line_at_seq(&mut self, seq: u64) -> Result<&str> {
        self.seek(seq)?;
        let path = self.extent.path.clone();
        match self.next()? {
            Some((_, line)) => Ok(line),
            None => Err(corrupt(&path, format!("record {seq} is missing"))),
        }
    }

    /// The next lines, each converted by `read`; empty at the end.
    pub(crate) fn batch<T>(&mut self, read: impl Fn(u64, &str) -> Result<T>) -> Result<Vec<T>> {
        let (mut out, mut bytes) = (Vec::new(), 0);
        while out.len() < BATCH_RECORDS && bytes < BATCH_BYTES {
            let Some((seq, line)) = self.next()? else { break };
            bytes += line.len();
            out.push(read(seq, line)?);
        }
        Ok(out)
    }

    /// The next records; empty at the end.
    pub(crate) fn records(&mut self) -> Result<Vec<Record>> {
        let (path, tenant) = (self.extent.path.clone(), self.extent.tenant.clone());
        self.batch(|seq, line| record(&path, &tenant, seq, line))
    }
}

/// Parses the line of the record with number `seq` of `tenant`.
pub(crate) fn record(path: &Path, tenant: &TenantId, seq: u64, line: &str) -> Result<Record> {
    let record = Record::from_line(line).map_err(|e| {
        corrupt(path, format!("the line of record {seq} is not a valid record")).source(e)
    })?;
    if record.seq != seq || record.tenant != *tenant {
        return Err(corrupt(
            path,
            format!("record {seq} says it is record {} of tenant {}", record.seq, record.tenant),
        ));
    }
    Ok(record)
}
