//! The machine's own clock.

use flowcontrol_contract::{Clock, Timestamp};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use std::time::Duration;

/// The wall clock and real waiting.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn sleep(&self, pause: Duration) -> BoxFuture<'static, ()> {
        tokio::time::sleep(pause).boxed()
    }
}
