//! Writes a snapshot atomically: the complete file appears under its final name, or none.

use super::Summary;
use super::format::{Header, Progression, Trailer};
use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::{Hasher, Record};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// zstd's default level: about a tenth of the size at several hundred MB/s.
const ZSTD_LEVEL: i32 = 3;

enum Sink {
    Plain(BufWriter<NamedTempFile>),
    Zstd(zstd::Encoder<'static, BufWriter<NamedTempFile>>),
}

impl Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(w) => w.write_all(bytes),
            Self::Zstd(w) => w.write_all(bytes),
        }
    }

    fn finish(self) -> io::Result<NamedTempFile> {
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
        let folder = match path.parent() {
            Some(p) if !p.as_os_str().is_empty() => p,
            _ => Path::new("."),
        };
        let at = |e: io::Error| io_failure("write", path, &e);
        // Checked before the work, not only when the finished file is renamed.
        if path.is_dir() {
            return Err(at(io::ErrorKind::IsADirectory.into()));
        }
        let file = tempfile::Builder::new().prefix(".snapshot-").tempfile_in(folder).map_err(at)?;
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
        self.sink.write(self.line.as_bytes()).map_err(|e| io_failure("write", &self.path, &e))?;
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
        let at = |e: &io::Error| io_failure("write", &self.path, e);
        self.sink.write(trailer.as_bytes()).map_err(|e| at(&e))?;
        let file = self.sink.finish().map_err(|e| at(&e))?;
        file.as_file().sync_all().map_err(|e| at(&e))?;
        file.persist(&self.path).map_err(|e| at(&e.error))?;
        let folder = match self.path.parent() {
            Some(p) if !p.as_os_str().is_empty() => p,
            _ => Path::new("."),
        };
        File::open(folder).and_then(|f| f.sync_all()).map_err(|e| at(&e))?;
        let bytes = self.bytes + trailer.len() as u64;
        Ok(Summary { header: self.header, sha256, records, counts, bytes })
    }
}

/// An I/O failure that names the file: a usage failure for a wrong path, otherwise an environment
/// failure.
pub(super) fn io_failure(verb: &str, path: &Path, error: &io::Error) -> Failure {
    let name = path.display();
    match error.kind() {
        io::ErrorKind::NotFound if verb == "read" => {
            Failure::usage(format!("there is no file {name}")).hint("check the path")
        }
        io::ErrorKind::NotFound => {
            Failure::usage(format!("cannot write {name}: its folder does not exist"))
                .hint("create the folder first, or name another one")
        }
        io::ErrorKind::IsADirectory => {
            Failure::usage(format!("{name} is a folder, not a file")).hint("name a file")
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Failure::environment(format!("cannot {verb} {name}: the disk is full"))
                .hint("free space on that disk, or name another folder")
        }
        io::ErrorKind::PermissionDenied => {
            Failure::environment(format!("cannot {verb} {name}: permission denied"))
                .hint("check the permissions of the file and its folder")
        }
        _ => Failure::environment(format!("cannot {verb} {name}: {error}")),
    }
}
