//! The suite that every store passes.

use async_trait::async_trait;
use flowcontrol_conformance::store::{StoreFixture, assert_all};
use flowcontrol_contract::ScenarioStore;
use flowcontrol_store_file::FileStore;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;

/// A folder for each store.
struct Folders {
    root: TempDir,
    made: AtomicUsize,
}

#[async_trait]
impl StoreFixture for Folders {
    async fn fresh(&self) -> Arc<dyn ScenarioStore> {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        Arc::new(FileStore::open(self.root.path().join(number.to_string())).unwrap())
    }

    async fn reopen(&self, store: Arc<dyn ScenarioStore>) -> Arc<dyn ScenarioStore> {
        Arc::new(FileStore::open(store.info().endpoint).unwrap())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_file_store_passes_the_suite() {
    let root = tempfile::tempdir().unwrap();
    assert_all(&Folders { root, made: AtomicUsize::new(0) }).await;
}
