//! The suite for `AuthProvider.v1`.
//!
//! Each case asks one adapter, configured for [`rosters`], and checks one promise of the contract.
//! The fixture makes what callers present: headers, or tokens of a provider that it controls.

mod admits;
mod refuses;
mod sample;
mod says;

use crate::report::Report;
use crate::suite::{self, suite};
use async_trait::async_trait;
use flowcontrol_contract::AuthProvider;
use std::sync::Arc;

#[cfg(test)]
pub(crate) use sample::callers;
pub use sample::{Caller, rosters};

/// Headers as they come: names in lower case.
pub type Headers = Vec<(String, Vec<u8>)>;

/// Makes the adapter that the cases ask, and what callers present to it.
///
/// A fixture that cannot do so panics: there is nothing to test then.
#[async_trait]
pub trait AuthFixture: Send + Sync {
    /// An adapter that admits the actors of [`rosters`] and nobody else.
    async fn provider(&self) -> Arc<dyn AuthProvider>;

    /// What `caller` presents. A member that is absent is left out, and nothing stands in for it.
    async fn present(&self, caller: &Caller) -> Headers;
}

/// One promise of the contract and how it is checked.
pub type Case = suite::Case<dyn AuthFixture>;

/// Every case, in the order of reports.
pub fn cases() -> Vec<Case> {
    [says::CASES, admits::CASES, refuses::CASES].concat()
}

/// Runs every case, one after the other.
pub async fn run(fixture: &(dyn AuthFixture + 'static)) -> Report {
    suite::run(cases(), fixture).await
}

/// Runs every case and demands that all pass.
///
/// # Panics
/// With every failure, when there is one.
pub async fn assert_all(fixture: &(dyn AuthFixture + 'static)) {
    let report = run(fixture).await;
    assert!(report.failed.is_empty(), "{report}");
}
