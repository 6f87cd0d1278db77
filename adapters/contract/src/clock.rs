//! The clock that adapters use, so that a test can replace it.

use crate::timestamp::Timestamp;
use futures::future::BoxFuture;
use std::fmt;
use std::time::Duration;

/// Reads the time and waits.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The wall clock.
    fn now(&self) -> Timestamp;

    /// Completes after `pause` on this clock.
    fn sleep(&self, pause: Duration) -> BoxFuture<'static, ()>;
}
