//! One suite for each port, which every adapter passes.
//!
//! An adapter's tests give the suite a fixture and demand that all cases pass:
//!
//! ```no_run
//! # use flowcontrol_conformance::store::{StoreFixture, assert_all};
//! # async fn test(fixture: &dyn StoreFixture) {
//! assert_all(fixture).await;
//! # }
//! ```

pub mod memory;
pub mod store;

#[cfg(test)]
mod broken;
