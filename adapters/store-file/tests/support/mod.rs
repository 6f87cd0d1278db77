//! Rosters and records for the tests of this crate.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a fixture that fails is a failed test")]

use flowcontrol_contract::store::{Batches, Chunk, Expected};
use flowcontrol_contract::{
    Actor, ActorId, CallCx, Digest, Kind, NewRecord, Payload, Record, RecordId, Roster,
    ScenarioStore, TenantId, Timestamp,
};
use flowcontrol_store_file::FileStore;
use futures::StreamExt as _;
use std::path::{Path, PathBuf};

pub fn tenant(id: &str) -> TenantId {
    TenantId::new(id).unwrap()
}

pub fn cx(id: &str) -> CallCx {
    CallCx::tenant(tenant(id))
}

pub fn roster(id: &str) -> Roster {
    let actor = |id: &str| Actor {
        id: ActorId::new(id).unwrap(),
        display_name: "Olena Shevchenko".into(),
        organisation: "Finance".into(),
        role: "accountant".into(),
        permissions: vec!["invoice.read".into()],
    };
    Roster::new(tenant(id), "BFG", vec![actor("olena"), actor("marek")]).unwrap()
}

pub fn new(id: &str) -> NewRecord {
    new_with(id, "{}")
}

pub fn new_with(id: &str, payload: &str) -> NewRecord {
    NewRecord::new(
        RecordId::new(id).unwrap(),
        Kind::Risk,
        ActorId::new("olena").unwrap(),
        Timestamp::parse("2026-03-01T06:30:00Z").unwrap(),
        Payload::parse(payload).unwrap(),
    )
    .unwrap()
}

pub fn batch(ids: impl IntoIterator<Item = u64>) -> Vec<NewRecord> {
    ids.into_iter().map(|i| new(&format!("r{i}"))).collect()
}

/// Records `from..=to`, each with the id `r<seq>`.
pub fn placed(id: &str, from: u64, to: u64) -> Vec<Record> {
    batch(from..=to).into_iter().zip(from..).map(|(r, seq)| r.placed(tenant(id), seq)).collect()
}

pub fn chunk(records: &[Record]) -> Chunk<'_> {
    Chunk { snapshot: Digest::of("snapshot"), records }
}

pub async fn store_with(dir: &Path, tenants: &[&str]) -> FileStore {
    let store = FileStore::open(dir).unwrap();
    for id in tenants {
        store.enroll(&cx(id), &roster(id)).await.unwrap();
    }
    store
}

pub async fn append(store: &FileStore, id: &str, ids: impl IntoIterator<Item = u64>) -> u64 {
    store.append(&cx(id), Expected::Any, &batch(ids)).await.unwrap().last
}

pub async fn drain(mut batches: Batches) -> flowcontrol_contract::Result<Vec<Record>> {
    let mut out = Vec::new();
    while let Some(batch) = batches.next().await {
        let batch = batch?;
        assert!(!batch.is_empty());
        out.extend(batch);
    }
    Ok(out)
}

pub async fn all(store: &FileStore, id: &str) -> flowcontrol_contract::Result<Vec<Record>> {
    drain(store.read(&cx(id), 0).await?).await
}

/// The folder of the only tenant of a store.
pub fn only_folder(dir: &Path) -> PathBuf {
    let mut folders = std::fs::read_dir(dir.join("tenants")).unwrap();
    let folder = folders.next().unwrap().unwrap().path();
    assert!(folders.next().is_none(), "more than one tenant");
    folder
}

pub fn log_of(dir: &Path) -> PathBuf {
    only_folder(dir).join("log")
}

/// Every file under `dir` with its content, to show that nothing changed.
pub fn everything(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            out.extend(everything(&path));
        } else {
            let content = std::fs::read(&path).unwrap();
            out.push((path, content));
        }
    }
    out.sort();
    out
}
