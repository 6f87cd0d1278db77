//! The suite for `ScenarioStore.v1`.
//!
//! Each case starts with an empty store from the fixture and checks one promise of the contract;
//! its name is stable, so that reports can be compared. The cases run inside a Tokio runtime; the
//! ones about concurrency prove more on a runtime with several threads.

mod append;
mod atomic;
mod audit;
mod awkward;
mod concurrent;
mod content;
mod durable;
pub(crate) mod expect;
mod export;
mod fence;
mod idempotent;
mod import;
mod isolation;
mod read;
mod read_back;
mod roster;
mod sample;
mod scale;
mod scene;

use crate::suite::{self, suite};
use async_trait::async_trait;
use flowcontrol_contract::ScenarioStore;
use std::sync::Arc;

pub use crate::report::Report;
pub use sample::tenants;

/// Creates the stores under test.
///
/// A fixture that cannot create a store panics: there is nothing to test then.
#[async_trait]
pub trait StoreFixture: Send + Sync {
    /// An empty store that can hold each of [`tenants`]. Earlier stores may still be in use, and
    /// must not be seen through the new one.
    async fn fresh(&self) -> Arc<dyn ScenarioStore>;

    /// The same store, closed and opened again as another process would. The endpoint in
    /// [`ScenarioStore::info`] can tell which of the fixture's stores it is. The case has no other
    /// handle, so dropping `store` closes it and releases its locks.
    async fn reopen(&self, store: Arc<dyn ScenarioStore>) -> Arc<dyn ScenarioStore>;

    /// Number of records that the large case writes.
    fn scale(&self) -> u64 {
        100_000
    }
}

/// One promise of the contract and its check.
pub type Case = suite::Case<dyn StoreFixture>;

/// Every case, in the order of the report.
pub fn cases() -> Vec<Case> {
    [
        roster::CASES,
        append::CASES,
        atomic::CASES,
        idempotent::CASES,
        concurrent::CASES,
        audit::CASES,
        read::CASES,
        content::CASES,
        isolation::CASES,
        export::CASES,
        import::CASES,
        fence::CASES,
        durable::CASES,
        read_back::CASES,
        scale::CASES,
    ]
    .concat()
}

/// Runs every case, one after the other.
pub async fn run(fixture: &(dyn StoreFixture + 'static)) -> Report {
    suite::run(cases(), fixture).await
}

/// Runs every case and requires that all pass.
///
/// # Panics
/// With every failure, if there is one.
pub async fn assert_all(fixture: &(dyn StoreFixture + 'static)) {
    let report = run(fixture).await;
    assert!(report.failed.is_empty(), "{report}");
}
