//! Writes a snapshot atomically: the complete file appears under its final name, or none.

use super::Summary;
use super::format::{Header, Progression, Trailer};
use flowcontrol_base::Result;
use flowcontrol_base::user_file::cannot_write;
use flowcontrol_contract::{Hasher, Record};
use flowcontrol_files::{Access, AtPath as _, FileError, Staged};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// zstd's default level: about a tenth of the size at several hundred MB/s.
const ZSTD_LEVEL: i32 = 3;

enum Sink {
    Plain(BufWriter<Staged>),
    Zstd(zstd::Encoder<'static, BufWriter<Staged>>),
}

impl Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(w) => w.write_all(bytes),
            Self::Zstd(w) => w.write_all(bytes),
        }
    }

    fn finish(self) -> io::Result<Staged> {
        let buffered = match self {
            Self::Plain(w) => w,
            Self::Zstd(w) => w.finish()?,
        };
        buffered.into_inner().map_err(io::IntoInnerError::into_error)
    }
}

/// Writes records to a temporary file beside the final one; [`Writer::finish`] renames it.
pub struct Writer {
    path: PathBuf,
    sink: Sink,
    header: Header,
    hasher: Hasher,
    progression: Progression,
    bytes: u64,
    line: String,
}

impl Writer {
    /// Starts a snapshot at `path`; a name that ends in `.zst` is compressed.
    ///
    /// # Errors
    /// When the folder cannot be written to, or the header cannot be serialized.
    pub fn create(path: &Path, header: Header) -> Result<Self> {
        let at = |e: io::Error| cannot_write(FileError::new("write", path, e));
        // Found here, before the work, and not when the finished file is put in its place.
        if path.is_dir() {
            return Err(at(io::ErrorKind::IsADirectory.into()));
        }
        // It holds a copy of the scenario, so it is for its owner alone.
        let file = Staged::prefixed(path, ".snapshot-", Access::Owner).map_err(cannot_write)?;
        let buffered = BufWriter::with_capacity(1 << 18, file);
        let sink = if path.extension().is_some_and(|e| e == "zst") {
            Sink::Zstd(zstd::Encoder::new(buffered, ZSTD_LEVEL).map_err(at)?)
        } else {
            Sink::Plain(buffered)
        };
        let line = header.line()?;
        let mut writer = Self {
            path: path.to_owned(),
            sink,
            progression: Progression::new(&header),
            header,
            hasher: Hasher::new(),
            bytes: 0,
            line,
        };
        writer.flush_line()?;
        Ok(writer)
    }

    fn flush_line(&mut self) -> Result<()> {
        let written = self.sink.write(self.line.as_bytes());
        written.at_path("write", &self.path).map_err(cannot_write)?;
        self.hasher.update(self.line.as_bytes());
        self.bytes += self.line.len() as u64;
        self.line.clear();
        Ok(())
    }

    /// Adds the next record.
    ///
    /// # Errors
    /// When the record is out of order, or the file cannot be written.
    pub fn push(&mut self, record: &Record) -> Result<()> {
        self.progression.accept(record)?;
        record.write_line(&mut self.line);
        self.line.push('\n');
        self.flush_line()
    }

    /// Writes the trailer, syncs the file and renames it to its final name.
    ///
    /// # Errors
    /// When the file cannot be written; no file is left under the final name then.
    pub fn finish(mut self) -> Result<Summary> {
        let sha256 = self.hasher.current();
        let (counts, records) = (self.progression.counts, self.progression.records);
        let trailer = Trailer { counts: counts.clone(), records, sha256 }.line()?;
        let at = |e: io::Error| cannot_write(FileError::new("write", &self.path, e));
        self.sink.write(trailer.as_bytes()).map_err(at)?;
        self.sink.finish().map_err(at)?.replace().map_err(cannot_write)?;
        let bytes = self.bytes + trailer.len() as u64;
        Ok(Summary { header: self.header, sha256, records, counts, bytes })
    }
}
