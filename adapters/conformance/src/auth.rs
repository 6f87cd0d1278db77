//! The suite for `AuthProvider.v1`.
//!
//! Each case calls one adapter, configured for [`rosters`], and checks one promise of the contract.
//! The fixture creates the credentials: headers, or tokens of a provider that it controls.

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

/// Request headers; names in lower case.
pub type Headers = Vec<(String, Vec<u8>)>;

/// Creates the adapter under test, and the credentials of callers.
///
/// A fixture that cannot do so panics: there is nothing to test then.
#[async_trait]
pub trait AuthFixture: Send + Sync {
    /// An adapter that admits the actors of [`rosters`] and nobody else.
    async fn provider(&self) -> Arc<dyn AuthProvider>;

    /// The credentials of `caller`. An absent member is left out without a substitute.
    async fn present(&self, caller: &Caller) -> Headers;
}

/// One promise of the contract and its check.
pub type Case = suite::Case<dyn AuthFixture>;

/// Every case, in the order of the report.
pub fn cases() -> Vec<Case> {
    [says::CASES, admits::CASES, refuses::CASES].concat()
}

/// Runs every case, one after the other.
pub async fn run(fixture: &(dyn AuthFixture + 'static)) -> Report {
    suite::run(cases(), fixture).await
}

/// Runs every case and requires that all pass.
///
/// # Panics
/// With every failure, if there is one.
pub async fn assert_all(fixture: &(dyn AuthFixture + 'static)) {
    let report = run(fixture).await;
    assert!(report.failed.is_empty(), "{report}");
}
