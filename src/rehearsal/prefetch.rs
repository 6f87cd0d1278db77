//! Opens connections for the next step while the current one runs: over TLS each takes a tenth of
//! a second, nearly all of it waiting.

use flowcontrol_base::{Failure, Result};
use tokio::task::JoinHandle;

/// Background work for a later step. Dropping it aborts it.
#[derive(Debug)]
pub struct Prefetch<T>(JoinHandle<Result<T>>);

impl<T: Send + 'static> Prefetch<T> {
    /// Starts `work`.
    pub fn start(work: impl Future<Output = Result<T>> + Send + 'static) -> Self {
        Self(tokio::spawn(work))
    }

    /// Waits for its result.
    ///
    /// # Errors
    /// The work's own.
    pub async fn done(mut self) -> Result<T> {
        let ended = (&mut self.0).await;
        ended.map_err(|e| {
            Failure::environment(format!("the task that opens a connection failed: {e}"))
        })?
    }
}

impl<T> Drop for Prefetch<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
