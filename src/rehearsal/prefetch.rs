//! Connections that the next step needs, opened while this one works: over TLS each takes a tenth of
//! a second, nearly all of it waiting.

use flowcontrol_base::{Failure, Result};
use tokio::task::JoinHandle;

/// Work that goes on beside the steps. Dropping it stops it.
#[derive(Debug)]
pub struct Prefetch<T>(JoinHandle<Result<T>>);

impl<T: Send + 'static> Prefetch<T> {
    /// Starts `work`.
    pub fn start(work: impl Future<Output = Result<T>> + Send + 'static) -> Self {
        Self(tokio::spawn(work))
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// The work's own.
    pub async fn done(mut self) -> Result<T> {
        let ended = (&mut self.0).await;
        ended.map_err(|e| Failure::environment(format!("opening a connection stopped: {e}")))?
    }
}

impl<T> Drop for Prefetch<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
