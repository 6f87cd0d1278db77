//! The index of a log: its record ids, and the positions of its sequence numbers.
//!
//! The index is derived: when it is missing, stale or damaged it is rebuilt from the log. The ids
//! are in sorted runs on disk and in a bounded set in memory, so that memory does not grow with the
//! log. The writer keeps the runs in the tenant's folder and saves a manifest of how far they
//! reach; a reader that is ahead of the manifest keeps its own runs in a temporary folder.

use crate::disk;
use crate::failure::{AtPath as _, from_file_error, io_error};
use crate::log::Tail;
use crate::sorted_run::{IndexEntry, SortedRun};
use flowcontrol_contract::{Digest, Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::io;
use std::iter::Peekable;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Most ids in memory before they are written as a run.
pub(crate) const RECENT: usize = 8192;

/// Bytes of log between two marks.
const MARK_EVERY: u64 = 256 * 1024;

/// The folder's name in the tenant's folder, and the manifest's name in it.
const FOLDER: &str = "index";
const MANIFEST: &str = "manifest";

/// Who uses the index, which decides where new runs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Holds the write lock.
    Writer,
    /// Must not change the store's folder.
    Reader,
}

/// Known starts of frames: (first sequence number, byte), one for every stretch of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Marks(Vec<(u64, u64)>);

impl Marks {
    /// Records that a frame starting with `seq` is at `at`.
    pub(crate) fn note(&mut self, seq: u64, at: u64) {
        if self.0.last().is_none_or(|(_, last)| at - last >= MARK_EVERY) {
            self.0.push((seq, at));
        }
    }

    /// The nearest known frame that starts at or before `seq`.
    pub(crate) fn before(&self, seq: u64) -> (u64, u64) {
        let after = self.0.partition_point(|(first, _)| *first <= seq);
        after.checked_sub(1).map_or((1, 0), |i| self.0[i])
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    end: u64,
    head: u64,
    commit: u64,
    imported: Option<Digest>,
    last: (u64, Digest),
    marks: Marks,
    runs: Vec<(Digest, u64)>,
}

/// The index of the ids of one tenant.
#[derive(Debug)]
pub(crate) struct Index {
    dir: PathBuf,
    /// Runs that the manifest names and that were not opened yet.
    listed: Vec<(Digest, u64)>,
    runs: Vec<SortedRun>,
    recent: BTreeSet<IndexEntry>,
    private: Option<TempDir>,
}

impl Index {
    /// An empty index of the tenant whose folder is `tenant`.
    pub(crate) fn empty(tenant: &Path) -> Self {
        Self {
            dir: tenant.join(FOLDER),
            listed: Vec::new(),
            runs: Vec::new(),
            recent: BTreeSet::new(),
            private: None,
        }
    }

    /// The index of the manifest; `None` when there is no valid one.
    pub(crate) fn load(tenant: &Path) -> Result<Option<(Self, Tail, Marks)>> {
        let mut index = Self::empty(tenant);
        let Some(bytes) = disk::read(&index.dir.join(MANIFEST))? else { return Ok(None) };
        let Some(manifest) = parse(&bytes) else {
            tracing::warn!(index = %index.dir.display(), "damaged index; it is rebuilt");
            return Ok(None);
        };
        let tail = Tail {
            end: manifest.end,
            head: manifest.head,
            commit: manifest.commit,
            imported: manifest.imported,
            last: Some(manifest.last),
        };
        index.listed = manifest.runs;
        Ok(Some((index, tail, manifest.marks)))
    }

    /// Removes the manifest, because the log does not reach as far as it says.
    pub(crate) fn discard_manifest(tenant: &Path) -> Result<()> {
        let path = tenant.join(FOLDER).join(MANIFEST);
        flowcontrol_files::remove(&path).map(drop).map_err(from_file_error)
    }

    /// Adds the hash of an id with its record's sequence number.
    pub(crate) fn insert(&mut self, entry: IndexEntry) {
        self.recent.insert(entry);
    }

    /// Number of ids in memory.
    pub(crate) fn recent(&self) -> usize {
        self.recent.len()
    }

    /// The (position in `wanted`, sequence number) of every hash of `wanted` that is known, several
    /// for one position when ids share a hash; `None` when a run is damaged. `wanted` must be
    /// sorted.
    pub(crate) fn find(&mut self, wanted: &[(u64, usize)]) -> Result<Option<Vec<(usize, u64)>>> {
        if !self.open_runs()? {
            return Ok(None);
        }
        let mut found = Vec::new();
        for (hash, place) in wanted {
            let same = self.recent.range((*hash, 0)..=(*hash, u64::MAX));
            found.extend(same.map(|(_, seq)| (*place, *seq)));
        }
        for run in &self.runs {
            run.find(wanted, &mut found)?;
        }
        Ok(Some(found))
    }

    fn open_runs(&mut self) -> Result<bool> {
        while let Some((digest, entries)) = self.listed.last().copied() {
            let Some(run) = SortedRun::open(&self.dir, digest, entries)? else {
                tracing::warn!(index = %self.dir.display(), run = %digest,
                    "missing or damaged index run; the index is rebuilt");
                return Ok(false);
            };
            self.runs.push(run);
            self.listed.pop();
        }
        Ok(true)
    }

    /// Writes the ids in memory into a run, merged with runs of similar size; false when a run is
    /// damaged. A writer also saves how far the index reaches: `tail` and `marks`.
    pub(crate) fn flush(&mut self, role: Role, tail: &Tail, marks: &Marks) -> Result<bool> {
        if !self.open_runs()? {
            return Ok(false);
        }
        let dir = match role {
            Role::Writer => {
                disk::create_dir(&self.dir)?;
                self.dir.clone()
            }
            Role::Reader => self.private_dir()?,
        };
        let merged = self.choose(role);
        let run = {
            let parts: Vec<&SortedRun> = merged.iter().map(|i| &self.runs[*i]).collect();
            let recent = self.recent.iter().map(|e| Ok(*e));
            SortedRun::write(&dir, merge(recent, &parts).at_path("read the index in", &self.dir)?)?
        };
        for i in merged.into_iter().rev() {
            self.runs.remove(i);
        }
        self.runs.push(run);
        self.runs.sort_by_key(|run| std::cmp::Reverse(run.entries));
        self.recent.clear();
        if role == Role::Writer {
            self.save(tail, marks)?;
        }
        Ok(true)
    }

    /// The runs to merge, ascending by position: the smaller ones while each is at most twice what
    /// is merged so far, and for a writer those outside the shared folder.
    fn choose(&self, role: Role) -> Vec<usize> {
        let shared = |run: &SortedRun| run.path.starts_with(&self.dir) && run.path.exists();
        let mut size = self.recent.len() as u64;
        let mut chosen = Vec::new();
        for (i, run) in self.runs.iter().enumerate().rev() {
            if run.entries <= size.saturating_mul(2) || (role == Role::Writer && !shared(run)) {
                size += run.entries;
                chosen.push(i);
            }
        }
        chosen.reverse();
        chosen
    }

    fn private_dir(&mut self) -> Result<PathBuf> {
        let dir = match self.private.take() {
            Some(dir) => dir,
            None => tempfile::Builder::new()
                .prefix("flowcontrol-index-")
                .tempdir()
                .map_err(|e| io_error("create a folder in", &std::env::temp_dir(), e))?,
        };
        let path = dir.path().to_owned();
        self.private = Some(dir);
        Ok(path)
    }

    fn save(&self, tail: &Tail, marks: &Marks) -> Result<()> {
        let Some(last) = tail.last else { return Ok(()) };
        let manifest = Manifest {
            end: tail.end,
            head: tail.head,
            commit: tail.commit,
            imported: tail.imported,
            last,
            marks: marks.clone(),
            runs: self.runs.iter().map(|run| (run.digest, run.entries)).collect(),
        };
        let json = serde_json::to_string(&manifest).map_err(|e| {
            Error::new(ErrorKind::Unexpected, "the index manifest cannot be serialized").source(e)
        })?;
        let content = format!("{}\n{json}", Digest::of(&json));
        disk::replace(&self.dir.join(MANIFEST), content.as_bytes())?;
        self.sweep()
    }

    /// Removes runs that the manifest no longer names. Readers that have them open can still read
    /// them.
    fn sweep(&self) -> Result<()> {
        for entry in std::fs::read_dir(&self.dir).at_path("list", &self.dir)? {
            let path = entry.at_path("list", &self.dir)?.path();
            let is_run = path.extension().is_some_and(|e| e == "run");
            if is_run && !self.runs.iter().any(|run| run.path == path) {
                std::fs::remove_file(&path).at_path("remove", &path)?;
            }
        }
        Ok(())
    }
}

fn parse(bytes: &[u8]) -> Option<Manifest> {
    let (digest, json) = std::str::from_utf8(bytes).ok()?.split_once('\n')?;
    if Digest::parse(digest).ok()? != Digest::of(json) {
        return None;
    }
    serde_json::from_str(json).ok()
}

/// The entries in memory and of `runs`, in order.
fn merge<'a>(
    recent: impl Iterator<Item = io::Result<IndexEntry>> + 'a,
    runs: &[&'a SortedRun],
) -> io::Result<impl Iterator<Item = io::Result<IndexEntry>> + 'a> {
    type Source<'s> = Peekable<Box<dyn Iterator<Item = io::Result<IndexEntry>> + 's>>;
    let mut sources: Vec<Source<'a>> = Vec::new();
    let recent: Box<dyn Iterator<Item = _>> = Box::new(recent);
    sources.push(recent.peekable());
    for run in runs {
        let entries: Box<dyn Iterator<Item = _>> = Box::new(run.iter()?);
        sources.push(entries.peekable());
    }
    Ok(std::iter::from_fn(move || {
        let mut least: Option<(usize, IndexEntry)> = None;
        for (i, source) in sources.iter_mut().enumerate() {
            match source.peek() {
                Some(Ok(entry)) if least.is_none_or(|(_, l)| *entry < l) => {
                    least = Some((i, *entry));
                }
                Some(Err(_)) => return source.next(),
                _ => {}
            }
        }
        least.and_then(|(i, _)| sources[i].next())
    }))
}

#[cfg(test)]
mod tests {
    use super::{Index, Marks, Role};
    use crate::log::Tail;
    use flowcontrol_contract::Digest;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(30))]
        #[test]
        fn every_id_is_found_however_it_was_flushed(
            batches in prop::collection::vec((1u64..60, any::<bool>(), any::<bool>()), 1..25),
        ) {
            let dir = tempfile::tempdir().unwrap();
            let (mut index, mut seq) = (Index::empty(dir.path()), 0u64);
            let tail = Tail { last: Some((0, Digest::of(""))), ..Tail::default() };
            for (count, writer, reopen) in batches {
                for _ in 0..count {
                    seq += 1;
                    index.insert((seq.wrapping_mul(0x9E37_79B9_7F4A_7C15), seq));
                }
                let role = if writer { Role::Writer } else { Role::Reader };
                prop_assert!(index.flush(role, &tail, &Marks::default()).unwrap());
                if writer && reopen {
                    index = Index::load(dir.path()).unwrap().unwrap().0;
                }
            }
            let mut wanted: Vec<_> = (0..seq + 5)
                .map(|s| (s.wrapping_mul(0x9E37_79B9_7F4A_7C15), s as usize))
                .collect();
            wanted.sort_unstable();
            let mut found = index.find(&wanted).unwrap().unwrap();
            found.sort_unstable();
            let all: Vec<_> = (1..=seq).map(|s| (s as usize, s)).collect();
            prop_assert_eq!(found, all);
            // Sizes at least triple from run to run, so there are few.
            prop_assert!(index.runs.len() <= 8, "{} runs", index.runs.len());
        }
    }

    #[test]
    fn marks_lead_to_the_frame_before() {
        let mut marks = Marks::default();
        assert_eq!(marks.before(9), (1, 0));
        for (seq, at) in [(1, 0), (2, 500), (10, 300_000), (11, 300_900), (50, 900_000)] {
            marks.note(seq, at);
        }
        assert_eq!(marks.before(9), (1, 0));
        assert_eq!(marks.before(10), (10, 300_000));
        assert_eq!(marks.before(49), (10, 300_000));
        assert_eq!(marks.before(50), (50, 900_000));
    }
}
