//! Files of the simulator's state: logs of lines that are only appended to, and small documents
//! that are replaced as a whole.

use flowcontrol_contract::{Error, ErrorKind, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// A failure of the disk, with the file's name.
pub(super) fn failed(path: &Path, what: &str, error: &io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::Exhausted,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorKind::Denied,
        _ => ErrorKind::Unavailable,
    };
    Error::new(kind, format!("cannot {what} {}: {error}", path.display()))
}

/// A file of the state is damaged.
pub(super) fn damaged(path: &Path, what: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("{} {what}", path.display()))
        .hint("a simulator's state has no legal value: move its folder away and start again")
}

/// JSON, a value a line.
#[derive(Debug)]
pub(super) struct Log {
    file: File,
    path: PathBuf,
    end: u64,
}

impl Log {
    /// Opens a log and hands over every line with its place. A last line without its end was never
    /// acknowledged: it is moved into `<name>.torn`, and the answer says so.
    ///
    /// # Errors
    /// What `each` says of a line, with file and line; failures of the disk.
    pub fn open<T: DeserializeOwned>(
        path: &Path,
        mut each: impl FnMut(u64, T) -> Result<()>,
    ) -> Result<(Self, Option<String>)> {
        let fail = |what: &str, error: &io::Error| failed(path, what, error);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(path).map_err(|e| fail("open", &e))?;
        let mut reader = BufReader::new(&file);
        let (mut line, mut end, mut number) = (Vec::new(), 0, 0);
        let mut torn = None;
        loop {
            line.clear();
            let read = reader.read_until(b'\n', &mut line).map_err(|e| fail("read", &e))?;
            if read == 0 {
                break;
            }
            number += 1;
            if line.last() != Some(&b'\n') {
                torn = Some(std::mem::take(&mut line));
                break;
            }
            let value = serde_json::from_slice(&line)
                .map_err(|e| damaged(path, &format!("is damaged in line {number}: {e}")))?;
            each(end, value)?;
            end += read as u64;
        }
        let mut repaired = None;
        if let Some(rest) = torn {
            let aside = path.with_extension("torn");
            std::fs::write(&aside, &rest).map_err(|e| failed(&aside, "write", &e))?;
            file.set_len(end).and_then(|()| file.sync_all()).map_err(|e| fail("cut", &e))?;
            repaired = Some(format!(
                "{} ended in half a line, {} bytes that were never acknowledged; they are in {}",
                path.display(),
                rest.len(),
                aside.display()
            ));
        }
        Ok((Self { file, path: path.to_owned(), end }, repaired))
    }

    /// Appends a value; where it stands.
    pub fn append(&mut self, value: &impl Serialize) -> Result<u64> {
        let mut line = serde_json::to_vec(value)
            .map_err(|e| damaged(&self.path, &format!("a value cannot be serialized: {e}")))?;
        line.push(b'\n');
        let place = self.end;
        self.file.write_all_at(&line, place).map_err(|e| failed(&self.path, "write", &e))?;
        self.end += line.len() as u64;
        Ok(place)
    }

    /// Makes what was appended durable.
    pub fn sync(&self) -> Result<()> {
        self.file.sync_data().map_err(|e| failed(&self.path, "write", &e))
    }
}

/// Reads the line of a log that begins at `place`.
pub(super) fn line_at<T: DeserializeOwned>(path: &Path, place: u64) -> Result<T> {
    use std::io::{Seek as _, SeekFrom};
    let fail = |error: &io::Error| failed(path, "read", error);
    let mut file = File::open(path).map_err(|e| fail(&e))?;
    file.seek(SeekFrom::Start(place)).map_err(|e| fail(&e))?;
    let mut line = Vec::new();
    BufReader::new(file).read_until(b'\n', &mut line).map_err(|e| fail(&e))?;
    serde_json::from_slice(&line)
        .map_err(|e| damaged(path, &format!("is damaged at byte {place}: {e}")))
}

/// Replaces a document as a whole: after a crash the old one or the new one is there. Mode 0600.
pub(super) fn replace(path: &Path, content: &[u8]) -> Result<()> {
    let fail = |error: &io::Error| failed(path, "write", error);
    let fresh = path.with_extension("new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&fresh).map_err(|e| fail(&e))?;
    file.write_all(content).and_then(|()| file.sync_all()).map_err(|e| fail(&e))?;
    std::fs::rename(&fresh, path).map_err(|e| fail(&e))?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// Makes names in a folder durable.
pub(super) fn sync_folder(folder: &Path) -> Result<()> {
    let synced = File::open(folder).and_then(|f| f.sync_all());
    synced.map_err(|e| failed(folder, "write", &e))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(path: &Path) -> (Vec<u32>, Option<String>) {
        let mut seen = Vec::new();
        let (_, repaired) = Log::open(path, |_, value| {
            seen.push(value);
            Ok(())
        })
        .unwrap();
        (seen, repaired)
    }

    #[test]
    fn half_a_line_at_the_end_is_set_aside_and_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        std::fs::write(&path, "1\n2\n3").unwrap();
        let (seen, repaired) = open(&path);
        assert_eq!(seen, [1, 2]);
        assert!(repaired.unwrap().contains("journal.jsonl ended in half a line, 1 bytes"));
        assert_eq!(std::fs::read(folder.path().join("journal.torn")).unwrap(), b"3");
        assert_eq!(open(&path), (vec![1, 2], None));
    }

    #[test]
    fn damage_before_the_end_is_refused_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        std::fs::write(&path, "1\nx\n3\n").unwrap();
        let error = Log::open(&path, |_, _: u32| Ok(())).unwrap_err();
        assert!(error.to_string().contains("journal.jsonl is damaged in line 2"), "{error}");
    }

    #[test]
    fn a_line_is_found_by_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let (mut log, _) = Log::open(&path, |_, _: String| Ok(())).unwrap();
        let places = ["a", "bc", "d"].map(|text| log.append(&text).unwrap());
        log.sync().unwrap();
        assert_eq!(line_at::<String>(&path, places[1]).unwrap(), "bc");
    }
}
