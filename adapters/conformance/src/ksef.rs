//! The suite for `KsefProvider.v1`.
//!
//! Each case has one adapter with its own KSeF and checks one promise of the contract. The fixture
//! creates valid invoices, counts what KSeF received, and makes KSeF decide.

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

/// Creates the adapter under test.
///
/// A fixture that cannot do so panics: there is nothing to test then.
#[async_trait]
pub trait KsefFixture: Send + Sync {
    /// The adapter, as after a restart of the program: what it recorded and what KSeF received is
    /// kept.
    async fn provider(&self) -> Arc<dyn KsefProvider>;

    /// The tenant that the adapter's context belongs to.
    fn tenant(&self) -> TenantId;

    /// A valid invoice with this number; the same bytes for the same number.
    fn invoice(&self, number: &str) -> Vec<u8>;

    /// The number of invoices that KSeF has received so far.
    async fn received(&self) -> usize;

    /// Returns after KSeF has decided on everything it received.
    async fn decide(&self);
}

/// One promise of the contract and its check.
pub type Case = suite::Case<dyn KsefFixture>;

/// Every case, in the order of the report.
pub fn cases() -> Vec<Case> {
    [sends::CASES, proves::CASES, refuses::CASES].concat()
}

/// Runs every case, one after the other.
pub async fn run(fixture: &(dyn KsefFixture + 'static)) -> Report {
    suite::run(cases(), fixture).await
}

/// Runs every case and requires that all pass.
///
/// # Panics
/// With every failure, if there is one.
pub async fn assert_all(fixture: &(dyn KsefFixture + 'static)) {
    let report = run(fixture).await;
    assert!(report.failed.is_empty(), "{report}");
}

/// A call of the fixture's tenant.
fn cx(fixture: &dyn KsefFixture) -> CallCx {
    CallCx::tenant(fixture.tenant())
}

/// The usual submission of an invoice.
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
