//! Conformance suites: one for each port, which every adapter must pass.
//!
//! An adapter's tests pass a fixture to the suite and require that all cases pass:
//!
//! ```no_run
//! # use flowcontrol_conformance::store::{StoreFixture, assert_all};
//! # async fn test(fixture: &(dyn StoreFixture + 'static)) {
//! assert_all(fixture).await;
//! # }
//! ```

pub mod auth;
pub mod ksef;
pub mod memory;
mod report;
pub mod store;
mod suite;

pub use suite::Case;

#[cfg(test)]
mod broken;
#[cfg(test)]
mod broken_auth;
#[cfg(test)]
mod broken_ksef;
