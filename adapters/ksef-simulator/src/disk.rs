//! Files of the simulator's state: logs of lines that are only appended to, and small documents
//! that are replaced as a whole.

use flowcontrol_contract::{Error, ErrorKind, Result};
use flowcontrol_files::{Access, AtPath as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

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
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(path).at_path("open", path)?;
        let mut reader = BufReader::new(&file);
        let (mut line, mut end, mut number) = (Vec::new(), 0, 0);
        let mut torn = None;
        loop {
            line.clear();
            let read = reader.read_until(b'\n', &mut line).at_path("read", path)?;
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
            std::fs::write(&aside, &rest).at_path("write", &aside)?;
            file.set_len(end).and_then(|()| file.sync_all()).at_path("truncate", path)?;
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
        self.file.write_all_at(&line, place).at_path("write", &self.path)?;
        self.end += line.len() as u64;
        Ok(place)
    }

    /// Makes what was appended durable.
    pub fn sync(&self) -> Result<()> {
        Ok(self.file.sync_data().at_path("write", &self.path)?)
    }
}

/// Reads the line of a log that begins at `place`.
pub(super) fn line_at<T: DeserializeOwned>(path: &Path, place: u64) -> Result<T> {
    use std::io::{Seek as _, SeekFrom};
    let mut file = File::open(path).at_path("read", path)?;
    file.seek(SeekFrom::Start(place)).at_path("read", path)?;
    let mut line = Vec::new();
    BufReader::new(file).read_until(b'\n', &mut line).at_path("read", path)?;
    serde_json::from_slice(&line)
        .map_err(|e| damaged(path, &format!("is damaged at byte {place}: {e}")))
}

/// Replaces a document as a whole, its owner's alone: after a crash the old one or the new one is
/// there.
pub(super) fn replace(path: &Path, content: &[u8]) -> Result<()> {
    Ok(flowcontrol_files::replace(path, content, Access::Owner)?)
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
