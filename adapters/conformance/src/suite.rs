//! The basis of every suite: named cases that call a fixture's adapter, one after the other.

use crate::report::{Report, caught};
use crate::store::expect::Outcome;
use futures::future::BoxFuture;
use std::fmt;

/// One promise of a contract and its check, for fixtures of type `F`.
pub struct Case<F: ?Sized + 'static> {
    pub(crate) name: &'static str,
    pub(crate) check: for<'a> fn(&'a F) -> BoxFuture<'a, Outcome>,
}

impl<F: ?Sized> Case<F> {
    /// The case's stable name: `verb/promise`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Checks the promise with an adapter from the fixture.
    ///
    /// # Errors
    /// The expected and the actual result; a panic of the adapter counts as a failure.
    pub async fn run(&self, fixture: &F) -> Result<(), String> {
        caught((self.check)(fixture)).await
    }
}

// A derived implementation would require the same of the fixture.
impl<F: ?Sized> Copy for Case<F> {}

impl<F: ?Sized> Clone for Case<F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F: ?Sized> fmt::Debug for Case<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Runs every case, one after the other.
pub(crate) async fn run<F: ?Sized>(cases: Vec<Case<F>>, fixture: &F) -> Report {
    let mut report = Report::default();
    for case in cases {
        report.add(case.name, case.run(fixture).await);
    }
    report
}

/// A module's cases, each named after the module and its function.
macro_rules! suite {
    ($module:literal: $($check:ident),+ $(,)?) => {
        pub(super) const CASES: &[super::Case] = &[$(crate::suite::Case {
            name: concat!($module, "/", stringify!($check)),
            check: |fixture| Box::pin($check(fixture)),
        }),+];
    };
}
pub(crate) use suite;
