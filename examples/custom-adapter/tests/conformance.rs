//! The journal passes the suite, is built by a registry, and survives a torn write.

#![expect(clippy::unwrap_used, reason = "a fixture that cannot be made leaves nothing to test")]

use async_trait::async_trait;
use custom_adapter::{JournalStore, KIND, MODE, build};
use flowcontrol_conformance::store::{StoreFixture, assert_all};
use flowcontrol_contract::registry::{BuildCx, Registration, Registry};
use flowcontrol_contract::secret::{Secret, SecretRef, Secrets};
use flowcontrol_contract::store::Expected;
use flowcontrol_contract::{
    Actor, ActorId, CallCx, Error, ErrorKind, NewRecord, Result, Roster, ScenarioStore, TenantId,
};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;

struct Fixture {
    folder: TempDir,
    made: AtomicUsize,
}

#[async_trait]
impl StoreFixture for Fixture {
    async fn fresh(&self) -> Arc<dyn ScenarioStore> {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        Arc::new(opened(&self.folder.path().join(format!("{number}.jsonl"))).await.unwrap())
    }

    async fn reopen(&self, store: Arc<dyn ScenarioStore>) -> Arc<dyn ScenarioStore> {
        let path = PathBuf::from(store.info().endpoint);
        // The old store holds the file's lock.
        drop(store);
        Arc::new(opened(&path).await.unwrap())
    }
}

async fn opened(path: &Path) -> Result<JournalStore> {
    JournalStore::open(path.to_owned()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_passes_the_suite() {
    let folder = tempfile::tempdir().unwrap();
    assert_all(&Fixture { folder, made: AtomicUsize::new(0) }).await;
}

struct NoSecrets;

impl Secrets for NoSecrets {
    fn resolve(&self, reference: &SecretRef) -> Result<Secret> {
        Err(Error::new(ErrorKind::Configuration, format!("no {reference} here")))
    }
}

#[tokio::test]
async fn a_registry_builds_it_from_its_configuration() {
    let mut registry = Registry::new();
    registry.register(Registration::store(KIND, MODE, build));
    let folder = tempfile::tempdir().unwrap();
    let cx = BuildCx { secrets: &NoSecrets, base: folder.path() };
    let config = serde_json::json!({ "path": "scenario.jsonl" });
    let store = registry.build_store("journal", config, cx).await.unwrap();
    let expected = folder.path().join("scenario.jsonl");
    assert_eq!(store.info().endpoint, expected.display().to_string());
    for (config, why) in [
        (serde_json::json!({ "path": "x", "pth": "y" }), "unknown field `pth`"),
        (serde_json::json!({}), "missing field `path`"),
    ] {
        let error = registry.build_store("journal", config, cx).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains(why), "{error}");
    }
}

fn cx() -> CallCx {
    CallCx::tenant(TenantId::new("bfg").unwrap())
}

fn record(n: u64) -> NewRecord {
    NewRecord::from_json(&format!(
        r#"{{"id":"r{n}","kind":"risk","actor":"anna",
            "occurred_at":"2026-03-01T06:30:00Z","payload":{{"n":{n}}}}}"#
    ))
    .unwrap()
}

/// A journal of one tenant with records 1 and 2, closed.
async fn closed(folder: &Path) -> PathBuf {
    let path = folder.join("scenario.jsonl");
    let store = opened(&path).await.unwrap();
    let anna = Actor {
        id: ActorId::new("anna").unwrap(),
        display_name: "Anna".into(),
        organisation: "BFG".into(),
        role: "dispatcher".into(),
        permissions: Vec::new(),
    };
    let roster = Roster::new(cx().tenant, "BFG", vec![anna]).unwrap();
    store.enroll(&cx(), &roster).await.unwrap();
    for n in 1..=2 {
        store.append(&cx(), Expected::Any, &[record(n)]).await.unwrap();
    }
    path
}

#[tokio::test]
async fn a_torn_write_is_set_aside_and_no_acknowledged_record_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = closed(folder.path()).await;
    let whole = std::fs::read(&path).unwrap();
    let next = record(3).placed(cx().tenant, 3).to_line() + "\n{\"commit\":{\"tenant\":\"bfg\"";
    for length in 1..=next.len() {
        std::fs::write(&path, &whole).unwrap();
        let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(&next.as_bytes()[..length]).unwrap();
        drop(file);
        let store = opened(&path).await.unwrap();
        assert_eq!(store.head(&cx()).await.unwrap(), 2, "{length} bytes of a write");
        assert_eq!(std::fs::read(&path).unwrap(), whole);
        let torn = std::fs::read(folder.path().join("scenario.jsonl.torn")).unwrap();
        assert_eq!(torn, &next.as_bytes()[..length]);
    }
    let store = opened(&path).await.unwrap();
    let appended = store.append(&cx(), Expected::Head(2), &[record(3)]).await.unwrap();
    assert_eq!(appended.first, 3);
}

#[tokio::test]
async fn a_damaged_line_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = closed(folder.path()).await;
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen("\"seq\":1", "\"seq\":7", 1)).unwrap();
    let error = opened(&path).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.chain().contains("scenario.jsonl line 5"), "{}", error.chain());
}

#[tokio::test]
async fn a_second_opening_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = closed(folder.path()).await;
    let first = opened(&path).await.unwrap();
    let error = opened(&path).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    drop(first);
    opened(&path).await.unwrap();
}
