//! Time as an adapter is given it, so that a test can hold it still.

use crate::timestamp::Timestamp;
use futures::future::BoxFuture;
use std::fmt;
use std::time::Duration;

/// Tells the time and waits.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The wall clock.
    fn now(&self) -> Timestamp;

    /// Completes when `pause` is over on this clock.
    fn sleep(&self, pause: Duration) -> BoxFuture<'static, ()>;
}
