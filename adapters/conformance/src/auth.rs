//! The suite for `AuthProvider.v1`.
//!
//! Each case asks one adapter, configured for [`rosters`], and checks one promise of the contract.
//! The fixture makes what callers present: headers, or tokens of a provider that it controls.

mod admits;
mod refuses;
mod sample;
mod says;

use crate::report::{Report, caught};
use crate::store::expect::Outcome;
use async_trait::async_trait;
use flowcontrol_contract::AuthProvider;
use futures::future::BoxFuture;
use std::fmt;
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

type Check = for<'a> fn(&'a dyn AuthFixture) -> BoxFuture<'a, Outcome>;

/// One promise of the contract and how it is checked.
#[derive(Clone, Copy)]
pub struct Case {
    name: &'static str,
    check: Check,
}

impl Case {
    /// The case's stable name: `verb/promise`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Checks the promise on an adapter from the fixture.
    ///
    /// # Errors
    /// What was expected and what came; a panic of the adapter counts as a failure too.
    pub async fn run(&self, fixture: &dyn AuthFixture) -> Result<(), String> {
        caught((self.check)(fixture)).await
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Names a case after its module and function.
macro_rules! suite {
    ($verb:literal: $($check:ident),+ $(,)?) => {
        pub(super) const CASES: &[super::Case] = &[$(super::Case {
            name: concat!($verb, "/", stringify!($check)),
            check: |fixture| Box::pin($check(fixture)),
        }),+];
    };
}
use suite;

/// Every case, in the order of reports.
pub fn cases() -> Vec<Case> {
    [says::CASES, admits::CASES, refuses::CASES].concat()
}

/// Runs every case, one after the other.
pub async fn run(fixture: &dyn AuthFixture) -> Report {
    let mut report = Report::default();
    for case in cases() {
        report.add(case.name, case.run(fixture).await);
    }
    report
}

/// Runs every case and demands that all pass.
///
/// # Panics
/// With every failure, when there is one.
pub async fn assert_all(fixture: &dyn AuthFixture) {
    let report = run(fixture).await;
    assert!(report.failed.is_empty(), "{report}");
}
