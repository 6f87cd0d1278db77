//! Sorted runs: immutable files of (hash of a record's id, its sequence number).

use crate::disk;
use crate::failure::AtPath as _;
use flowcontrol_contract::{Digest, Hasher, RecordId, Result};
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// Length of an entry in bytes: two big-endian numbers, so that bytes sort as entries do.
const ENTRY: usize = 16;

/// Entries read at once; the first hash of each such page is kept in memory.
const PAGE: usize = 512;

/// The hash of an id, and the record's sequence number.
pub(crate) type IndexEntry = (u64, u64);

/// The hash by which an id is sorted and found; ids that share it are told apart by reading the
/// log.
pub(crate) fn hash(id: &RecordId) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = Digest::of(id.as_str()).0;
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// A run, open for reading.
#[derive(Debug)]
pub(crate) struct SortedRun {
    /// Its path; the name is derived from the content.
    pub(crate) path: PathBuf,
    /// Number of entries.
    pub(crate) entries: u64,
    /// SHA-256 of the file.
    pub(crate) digest: Digest,
    file: File,
    /// The first hash of each page.
    fences: Vec<u64>,
}

fn decode(bytes: &[u8]) -> IndexEntry {
    let number = |part: &[u8]| part.iter().fold(0, |n, b| (n << 8) | u64::from(*b));
    (number(&bytes[..8]), number(&bytes[8..ENTRY]))
}

fn name(digest: &Digest) -> String {
    format!("{digest}.run")
}

impl SortedRun {
    /// Writes a run of `entries`, which must be sorted, into `dir`.
    ///
    /// It is not synced: a run damaged by a power failure is detected by its digest and rebuilt.
    pub(crate) fn write(
        dir: &Path,
        entries: impl Iterator<Item = io::Result<IndexEntry>>,
    ) -> Result<Self> {
        let temporary = dir.join("run.new");
        let mut file = disk::private();
        let file = file.write(true).read(true).create(true).truncate(true);
        let file = file.open(&temporary).at_path("create", &temporary)?;
        let mut out = BufWriter::with_capacity(64 * 1024, file);
        let (mut hasher, mut fences, mut count) = (Hasher::new(), Vec::new(), 0u64);
        let mut page = Vec::with_capacity(PAGE * ENTRY);
        let written = || {
            for entry in entries {
                let (hash, seq) = entry?;
                if page.is_empty() {
                    fences.push(hash);
                }
                page.extend_from_slice(&hash.to_be_bytes());
                page.extend_from_slice(&seq.to_be_bytes());
                count += 1;
                if page.len() == PAGE * ENTRY {
                    hasher.update(&page);
                    out.write_all(&page)?;
                    page.clear();
                }
            }
            hasher.update(&page);
            out.write_all(&page)
        };
        let file = written()
            .and_then(|()| out.into_inner().map_err(io::IntoInnerError::into_error))
            .at_path("write", &temporary)
            .map_err(|e| disk::discard(&temporary, e))?;
        let digest = hasher.current();
        let path = dir.join(name(&digest));
        fs::rename(&temporary, &path).at_path("replace", &path)?;
        Ok(Self { path, entries: count, digest, file, fences })
    }

    /// Opens a run and verifies every byte; `None` when it is missing or damaged.
    pub(crate) fn open(dir: &Path, digest: Digest, entries: u64) -> Result<Option<Self>> {
        let path = dir.join(name(&digest));
        let Some(file) = disk::if_exists(File::open(&path)).at_path("open", &path)? else {
            return Ok(None);
        };
        let mut run = Self { path, entries, digest, file, fences: Vec::new() };
        let mut hasher = Hasher::new();
        let mut input = BufReader::with_capacity(64 * 1024, &run.file);
        let (mut page, mut left) = (vec![0; PAGE * ENTRY], entries.saturating_mul(ENTRY as u64));
        while left > 0 {
            let piece = left.min((PAGE * ENTRY) as u64) as usize;
            match input.read_exact(&mut page[..piece]) {
                Ok(()) => {}
                Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
                Err(e) => return Err(e).at_path("read", &run.path),
            }
            run.fences.push(decode(&page).0);
            hasher.update(&page[..piece]);
            left -= piece as u64;
        }
        let more = input.read(&mut page).at_path("read", &run.path)?;
        Ok((more == 0 && hasher.current() == digest).then_some(run))
    }

    /// Adds to `found` every (position in `wanted`, sequence number) whose hash is in the run.
    /// `wanted` must be sorted by hash.
    pub(crate) fn find(
        &self,
        wanted: &[(u64, usize)],
        found: &mut Vec<(usize, u64)>,
    ) -> Result<()> {
        let (mut page, mut loaded) = (Vec::new(), usize::MAX);
        for (hash, place) in wanted {
            // Equal hashes may start on the page before the first page whose first hash is not
            // smaller.
            let mut number = self.fences.partition_point(|f| f < hash).saturating_sub(1);
            while self.fences.get(number).is_some_and(|f| f <= hash) {
                if loaded != number {
                    self.load(number, &mut page).at_path("read", &self.path)?;
                    loaded = number;
                }
                let from = page.partition_point(|(h, _): &IndexEntry| h < hash);
                let same = page[from..].iter().take_while(|(h, _)| h == hash);
                found.extend(same.map(|(_, seq)| (*place, *seq)));
                number += 1;
            }
        }
        Ok(())
    }

    fn load(&self, number: usize, page: &mut Vec<IndexEntry>) -> io::Result<()> {
        let from = (number * PAGE) as u64;
        let count = (self.entries - from).min(PAGE as u64) as usize;
        let mut bytes = [0; PAGE * ENTRY];
        let bytes = &mut bytes[..count * ENTRY];
        (&self.file).seek(SeekFrom::Start(from * ENTRY as u64))?;
        (&self.file).read_exact(bytes)?;
        page.clear();
        page.extend(bytes.chunks_exact(ENTRY).map(decode));
        Ok(())
    }

    /// All entries in order. Only one iterator of a run at a time: they share the file's position.
    pub(crate) fn iter(&self) -> io::Result<impl Iterator<Item = io::Result<IndexEntry>> + '_> {
        (&self.file).seek(SeekFrom::Start(0))?;
        let mut input = BufReader::with_capacity(32 * 1024, &self.file);
        Ok((0..self.entries).map(move |_| {
            let mut entry = [0; ENTRY];
            input.read_exact(&mut entry).map(|()| decode(&entry))
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::{IndexEntry, PAGE, SortedRun};
    use proptest::prelude::*;

    fn write(dir: &std::path::Path, entries: &[IndexEntry]) -> SortedRun {
        SortedRun::write(dir, entries.iter().map(|e| Ok(*e))).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn a_run_finds_what_a_scan_finds(
            // Few different hashes, so that equal ones cross the edges of pages.
            mut entries in prop::collection::vec((0u64..40, 1u64..1000), 0..3 * PAGE),
            wanted in prop::collection::vec(0u64..42, 0..20),
        ) {
            let dir = tempfile::tempdir().unwrap();
            entries.sort_unstable();
            let written = write(dir.path(), &entries);
            let run = SortedRun::open(dir.path(), written.digest, written.entries).unwrap().unwrap();
            let mut wanted: Vec<_> = wanted.into_iter().enumerate().map(|(i, h)| (h, i)).collect();
            wanted.sort_unstable();
            let mut found = Vec::new();
            run.find(&wanted, &mut found).unwrap();
            let mut scan = Vec::new();
            for (hash, place) in &wanted {
                scan.extend(entries.iter().filter(|e| e.0 == *hash).map(|e| (*place, e.1)));
            }
            prop_assert_eq!(found, scan);
            let all: Vec<IndexEntry> = run.iter().unwrap().map(Result::unwrap).collect();
            prop_assert_eq!(all, entries);
        }
    }

    #[test]
    fn a_run_that_is_not_as_it_was_written_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let entries: Vec<IndexEntry> = (0..1000).map(|i| (i * 7, i)).collect();
        let run = write(dir.path(), &entries);
        let (path, digest) = (run.path.clone(), run.digest);
        let good = std::fs::read(&path).unwrap();
        let open = || SortedRun::open(dir.path(), digest, 1000).unwrap();
        assert!(open().is_some());
        let mut flipped = good.clone();
        flipped[8000] ^= 4;
        for bad in [flipped, good[..good.len() - 1].to_vec(), [&good[..], b"x"].concat()] {
            std::fs::write(&path, bad).unwrap();
            assert!(open().is_none());
        }
        std::fs::remove_file(&path).unwrap();
        assert!(open().is_none());
    }
}
