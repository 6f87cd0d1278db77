//! What crashes, full disks and damage do, and what must survive them.

#![allow(clippy::unwrap_used, reason = "what fails here is a failed test")]

mod support;

use flowcontrol_contract::store::Expected;
use flowcontrol_contract::{Error, ErrorKind, RecordId, Retry, ScenarioStore};
use flowcontrol_store_file::{Fault, Faults, FileStore};
use proptest::prelude::*;
use std::fs::{self, OpenOptions};
use std::path::Path;
use support::{
    all, append, batch, chunk, cx, drain, log_of, new_with, only_folder, placed, roster,
    store_with, tenant,
};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn cut(path: &Path, len: u64) {
    OpenOptions::new().write(true).open(path).unwrap().set_len(len).unwrap();
}

fn len(path: &Path) -> u64 {
    fs::metadata(path).unwrap().len()
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

async fn try_append(store: &FileStore, ids: std::ops::RangeInclusive<u64>) -> Result<u64, Error> {
    store.append(&cx("bfg"), Expected::Any, &batch(ids)).await.map(|a| a.last)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// A writer that dies after any number of bytes leaves what was acknowledged, no more and no
    /// less, and the next writer goes on from there.
    #[test]
    fn a_crash_at_any_byte_loses_nothing_that_was_acknowledged(at in 0usize..700) {
        runtime().block_on(async {
            let dir = tempfile::tempdir().unwrap();
            let faults = Faults::default();
            let store = FileStore::open_with(dir.path(), faults.clone()).unwrap();
            store.enroll(&cx("bfg"), &roster("bfg")).await.unwrap();
            append(&store, "bfg", 1..=3).await;
            let whole = len(&log_of(dir.path()));
            faults.plan(Fault::Crash(at));
            let error = try_append(&store, 4..=7).await.unwrap_err();
            assert_eq!(error.retryable(), Retry::Ambiguous);

            let reader = FileStore::open(dir.path()).unwrap();
            let before = support::everything(dir.path());
            assert_eq!(all(&reader, "bfg").await.unwrap(), placed("bfg", 1, 3));
            assert_eq!(support::everything(dir.path()), before, "a reader changed something");
            let seen = reader.recovered();
            assert_eq!(seen.len(), usize::from(at > 0));
            assert!(seen.iter().all(|r| r.kept_in.is_none() && r.at == whole));

            let next = FileStore::open(dir.path()).unwrap();
            assert_eq!(try_append(&next, 4..=5).await.unwrap(), 5);
            let recovered = next.recovered();
            assert_eq!(recovered.len(), usize::from(at > 0));
            for found in recovered {
                assert_eq!((found.tenant, found.at, found.bytes), (tenant("bfg"), whole, at as u64));
                assert_eq!(len(&found.kept_in.unwrap()), at as u64);
            }
            for store in [&store, &reader, &next] {
                assert_eq!(all(store, "bfg").await.unwrap(), placed("bfg", 1, 5));
            }
            // The store whose writer "died" is used on: it finds out what the other one did.
            assert_eq!(try_append(&store, 6..=6).await.unwrap(), 6);
        });
    }

    #[test]
    fn a_flip_before_the_last_frame_is_corrupt_and_nothing_is_cut(at in 0usize..100_000) {
        runtime().block_on(async {
            let dir = tempfile::tempdir().unwrap();
            let store = store_with(dir.path(), &["bfg"]).await;
            append(&store, "bfg", 1..=2).await;
            append(&store, "bfg", 3..=4).await;
            let log = log_of(dir.path());
            let earlier = len(&log) as usize;
            append(&store, "bfg", 5..=5).await;
            flip(&log, at % earlier);
            let before = fs::read(&log).unwrap();
            let fresh = FileStore::open(dir.path()).unwrap();
            assert_eq!(all(&fresh, "bfg").await.unwrap_err().kind(), ErrorKind::Corrupt);
            let refused = try_append(&fresh, 6..=6).await.unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Corrupt);
            assert!(refused.message().contains(&log.display().to_string()), "{refused}");
            assert_eq!(fs::read(&log).unwrap(), before);
            // A process that has read those frames already finds the damage when it reads again.
            assert_eq!(all(&store, "bfg").await.unwrap_err().kind(), ErrorKind::Corrupt);
        });
    }
}

#[tokio::test]
async fn a_log_cut_from_outside_recovers_the_whole_frames_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    append(&store_with(dir.path(), &["bfg"]).await, "bfg", 1..=2).await;
    append(&FileStore::open(dir.path()).unwrap(), "bfg", 3..=4).await;
    let log = log_of(dir.path());
    cut(&log, len(&log) - 5);
    let store = FileStore::open(dir.path()).unwrap();
    assert_eq!(store.head(&cx("bfg")).await.unwrap(), 2);
    assert_eq!(store.recovered().len(), 1);
    assert_eq!(append(&store, "bfg", [3]).await, 3);
    assert_eq!(store.recovered().len(), 2);
    assert_eq!(all(&store, "bfg").await.unwrap(), placed("bfg", 1, 3));
}

#[tokio::test]
async fn an_acknowledged_last_frame_that_rots_is_corrupt() {
    let dir = tempfile::tempdir().unwrap();
    append(&store_with(dir.path(), &["bfg"]).await, "bfg", 1..=2).await;
    let log = log_of(dir.path());
    flip(&log, len(&log) as usize - 9);
    let store = FileStore::open(dir.path()).unwrap();
    assert_eq!(store.head(&cx("bfg")).await.unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(try_append(&store, 3..=3).await.unwrap_err().kind(), ErrorKind::Corrupt);
}

#[tokio::test]
async fn one_tenants_damage_does_not_stop_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_with(dir.path(), &["bfg"]).await;
    append(&store, "bfg", 1..=2).await;
    append(&store, "bfg", 3..=3).await;
    flip(&log_of(dir.path()), 100);
    let store = FileStore::open(dir.path()).unwrap();
    store.enroll(&cx("other"), &roster("other")).await.unwrap();
    assert_eq!(append(&store, "other", 1..=2).await, 2);
    assert_eq!(all(&store, "other").await.unwrap().len(), 2);
    assert_eq!(try_append(&store, 4..=4).await.unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(store.head(&cx("bfg")).await.unwrap_err().kind(), ErrorKind::Corrupt);
}

#[tokio::test]
async fn a_full_disk_is_named_and_the_next_append_is_right() {
    let dir = tempfile::tempdir().unwrap();
    let faults = Faults::default();
    let store = FileStore::open_with(dir.path(), faults.clone()).unwrap();
    store.enroll(&cx("bfg"), &roster("bfg")).await.unwrap();
    append(&store, "bfg", 1..=2).await;
    let log = log_of(dir.path());
    let before = fs::read(&log).unwrap();
    for fault in [Fault::Full(0), Fault::Full(100), Fault::Full(400), Fault::Sync] {
        faults.plan(fault);
        let error = try_append(&store, 3..=4).await.unwrap_err();
        let full = fault != Fault::Sync;
        assert_eq!(error.kind() == ErrorKind::Exhausted, full, "{fault:?}: {error}");
        assert!(error.message().contains(&log.display().to_string()), "{error}");
        assert_eq!(fs::read(&log).unwrap(), before, "{fault:?}");
        assert_eq!(all(&store, "bfg").await.unwrap(), placed("bfg", 1, 2));
    }
    assert_eq!(try_append(&store, 3..=4).await.unwrap(), 4);
    assert_eq!(all(&store, "bfg").await.unwrap(), placed("bfg", 1, 4));
    assert!(store.recovered().is_empty());
}

#[tokio::test]
async fn a_missing_or_foreign_file_is_corrupt_and_not_an_empty_store() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_with(dir.path(), &["bfg"]).await;
    append(&store, "bfg", 1..=2).await;
    let folder = only_folder(dir.path());
    fs::rename(folder.join("log"), dir.path().join("aside")).unwrap();
    assert_eq!(store.head(&cx("bfg")).await.unwrap_err().kind(), ErrorKind::Corrupt);
    fs::rename(dir.path().join("aside"), folder.join("log")).unwrap();
    assert_eq!(store.head(&cx("bfg")).await.unwrap(), 2);
    fs::remove_file(folder.join("roster")).unwrap();
    for store in [store, FileStore::open(dir.path()).unwrap()] {
        assert_eq!(store.roster(&cx("bfg")).await.unwrap_err().kind(), ErrorKind::Corrupt);
        assert_eq!(store.tenants().await.unwrap_err().kind(), ErrorKind::Corrupt);
        assert_eq!(try_append(&store, 3..=3).await.unwrap_err().kind(), ErrorKind::Corrupt);
    }
}

/// Two chunks that fill the index beyond what stays in memory, then a tail of three.
async fn indexed(dir: &Path) -> FileStore {
    let store = store_with(dir, &["bfg"]).await;
    for from in [1, 10_001] {
        store.import(&cx("bfg"), chunk(&placed("bfg", from, from + 9_999))).await.unwrap();
    }
    append(&store, "bfg", 20_001..=20_003).await;
    store
}

/// The store finds every tenth record, refuses what is there, and reads from the middle.
async fn works(store: &FileStore) {
    for seq in (1..=20_003).step_by(997).chain([20_000, 20_001, 20_003]) {
        let found = store.get(&cx("bfg"), &RecordId::new(format!("r{seq}")).unwrap()).await;
        assert_eq!(found.unwrap().unwrap().seq, seq);
    }
    let absent = RecordId::new("r20004").unwrap();
    assert_eq!(store.get(&cx("bfg"), &absent).await.unwrap(), None);
    let rest = drain(store.read(&cx("bfg"), 14_321).await.unwrap()).await.unwrap();
    assert_eq!(rest, placed("bfg", 14_322, 20_003));
}

async fn refuses_duplicates(store: &FileStore) {
    let again = store.append(&cx("bfg"), Expected::Any, &batch(7..=9)).await.unwrap();
    assert_eq!((again.first, again.last, again.replayed), (7, 9, true));
    let other = [new_with("r12345", "{\"other\":true}")];
    let error = store.append(&cx("bfg"), Expected::Any, &other).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.message().contains("number 12345"), "{error}");
}

#[tokio::test]
async fn an_index_that_is_missing_stale_or_damaged_is_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = indexed(dir.path()).await;
    works(&store).await;
    refuses_duplicates(&store).await;
    let index = only_folder(dir.path()).join("index");
    let files = support::everything(&index);
    let runs: Vec<_> = files.iter().filter(|(p, _)| p.extension().is_some()).collect();
    assert!(!runs.is_empty() && files.len() > runs.len());
    let spoil: [&dyn Fn(); 5] = [
        &|| fs::remove_dir_all(&index).unwrap(),
        &|| fs::remove_file(&runs[0].0).unwrap(),
        &|| flip(&runs[0].0, 77),
        &|| flip(&index.join("manifest"), 90),
        &|| fs::write(index.join("manifest"), "").unwrap(),
    ];
    for (i, spoil) in spoil.iter().enumerate() {
        spoil();
        let before = support::everything(dir.path());
        works(&FileStore::open(dir.path()).unwrap()).await;
        assert_eq!(support::everything(dir.path()), before, "{i}: a reader changed something");
        let writer = FileStore::open(dir.path()).unwrap();
        refuses_duplicates(&writer).await;
        works(&writer).await;
        // The writer made the very same index again, so the next process need not.
        assert_eq!(support::everything(&index), files, "{i}");
    }
    // Stale: an older index beside a longer log.
    let old = files;
    let store = FileStore::open(dir.path()).unwrap();
    append(&store, "bfg", 30_000..=40_000).await;
    fs::remove_dir_all(&index).unwrap();
    fs::create_dir(&index).unwrap();
    for (path, content) in old {
        fs::write(path, content).unwrap();
    }
    let store = FileStore::open(dir.path()).unwrap();
    assert_eq!(store.head(&cx("bfg")).await.unwrap(), 30_004);
    let late = RecordId::new("r39999").unwrap();
    assert_eq!(store.get(&cx("bfg"), &late).await.unwrap().unwrap().seq, 30_003);
    refuses_duplicates(&store).await;
}

#[tokio::test]
async fn frames_that_the_index_knows_cannot_vanish_unnoticed() {
    let dir = tempfile::tempdir().unwrap();
    drop(indexed(dir.path()).await);
    let log = log_of(dir.path());
    let bytes = fs::read(&log).unwrap();
    let headers: Vec<usize> =
        bytes.windows(8).enumerate().filter(|(_, w)| w == b"bfglog1 ").map(|(i, _)| i).collect();
    assert_eq!(headers.len(), 3);
    cut(&log, headers[1] as u64);
    let store = FileStore::open(dir.path()).unwrap();
    let error = store.head(&cx("bfg")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.hint_text().unwrap().contains("index"), "{:?}", error.hint_text());
    // Cut within the frame it shows as a torn end, which is reported with what is known of it.
    fs::write(&log, &bytes[..headers[2] - 1]).unwrap();
    let store = FileStore::open(dir.path()).unwrap();
    assert_eq!(append(&store, "bfg", [10_001]).await, 10_001);
    let reason = &store.recovered()[0].reason;
    assert!(reason.contains("had been acknowledged"), "{reason}");
    let store = FileStore::open(dir.path()).unwrap();
    assert_eq!(store.head(&cx("bfg")).await.unwrap(), 10_001);
}

#[tokio::test]
async fn two_stores_of_one_folder_see_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let one = store_with(dir.path(), &["a", "b"]).await;
    let two = FileStore::open(dir.path()).unwrap();
    for i in 0..30u64 {
        let (writer, reader) = if i % 3 == 0 { (&one, &two) } else { (&two, &one) };
        append(writer, "a", [i]).await;
        append(reader, "b", [i]).await;
        assert_eq!(reader.head(&cx("a")).await.unwrap(), i + 1);
        let error = try_conflict(reader, "a", i).await;
        assert_eq!(error.kind(), ErrorKind::Conflict);
    }
    // Far more than stays in memory, added by one and found by the other.
    for from in (100..30_100).step_by(5_000) {
        append(&one, "a", from..from + 5_000).await;
        let last = RecordId::new(format!("r{}", from + 4_999)).unwrap();
        assert!(two.get(&cx("a"), &last).await.unwrap().is_some());
    }
    let again = two.append(&cx("a"), Expected::Any, &batch(200..=300)).await.unwrap();
    assert!(again.replayed);
    append(&two, "a", 50_000..60_000).await;
    append(&one, "a", 60_000..70_000).await;
    let fresh = FileStore::open(dir.path()).unwrap();
    for id in [0, 29, 100, 30_099, 50_000, 69_999] {
        let id = RecordId::new(format!("r{id}")).unwrap();
        for store in [&one, &two, &fresh] {
            assert!(store.get(&cx("a"), &id).await.unwrap().is_some(), "{id}");
        }
    }
}

async fn try_conflict(store: &FileStore, id: &str, i: u64) -> Error {
    let other = [new_with(&format!("r{i}"), "{\"other\":1}")];
    store.append(&cx(id), Expected::Any, &other).await.unwrap_err()
}
