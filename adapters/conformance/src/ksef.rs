//! The suite for `KsefProvider.v1`.
//!
//! Each case has one adapter before a KSeF of its own and checks one promise of the contract. The
//! fixture writes invoices that are right, counts what KSeF was sent, and lets KSeF decide.

mod proves;
mod refuses;
mod sends;

use crate::report::Report;
use crate::store::expect::{Outcome, done};
use crate::suite::{self, suite};
use async_trait::async_trait;
use flowcontrol_contract::ksef::{Submission, Submitted};
use flowcontrol_contract::{CallCx, Digest, KsefProvider, TenantId};
use std::sync::Arc;

/// Makes the adapter that the cases ask.
///
/// A fixture that cannot do so panics: there is nothing to test then.
#[async_trait]
pub trait KsefFixture: Send + Sync {
    /// The adapter, as new after each call as after a restart of the program; what was written down
    /// and what KSeF has stays.
    async fn provider(&self) -> Arc<dyn KsefProvider>;

    /// The tenant that the adapter's context belongs to.
    fn tenant(&self) -> TenantId;

    /// An invoice of this number that KSeF accepts; the same bytes for the same number.
    fn invoice(&self, number: &str) -> Vec<u8>;

    /// How many invoices KSeF has been sent so far.
    async fn received(&self) -> usize;

    /// Returns when KSeF has decided what it has.
    async fn decide(&self);
}

/// One promise of the contract and how it is checked.
pub type Case = suite::Case<dyn KsefFixture>;

/// Every case, in the order of reports.
pub fn cases() -> Vec<Case> {
    [sends::CASES, proves::CASES, refuses::CASES].concat()
}

/// Runs every case, one after the other.
pub async fn run(fixture: &(dyn KsefFixture + 'static)) -> Report {
    suite::run(cases(), fixture).await
}

/// Runs every case and demands that all pass.
///
/// # Panics
/// With every failure, when there is one.
pub async fn assert_all(fixture: &(dyn KsefFixture + 'static)) {
    let report = run(fixture).await;
    assert!(report.failed.is_empty(), "{report}");
}

/// A call of the fixture's tenant.
fn cx(fixture: &dyn KsefFixture) -> CallCx {
    CallCx::tenant(fixture.tenant())
}

/// An invoice as most are sent.
fn plain(invoice: &[u8]) -> Submission<'_> {
    Submission { invoice, offline: false, corrects: None }
}

/// Submits an invoice and waits until KSeF has decided.
async fn decided(fixture: &dyn KsefFixture, invoice: &[u8]) -> Outcome<Submitted> {
    let provider = fixture.provider().await;
    done("submit", provider.submit(&cx(fixture), &plain(invoice)).await)?;
    fixture.decide().await;
    done("status", provider.status(&cx(fixture), &Digest::of(invoice)).await)
}
