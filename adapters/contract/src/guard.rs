//! Wraps every call to an outside service, always in the same order: tracing span, retries, a
//! timeout for each attempt, and the place of a failure.

use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result, Retry};
use futures::future::{Either, select};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tracing::Instrument;

/// The effect of a call on the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// None, or the same however often it is repeated: an attempt that timed out is repeated.
    Repeatable,
    /// Something that must happen once: an attempt that timed out may have happened.
    Once,
}

/// Retries and timeouts of an adapter's calls.
#[derive(Clone, Debug)]
pub struct Guard {
    /// The adapter's kind.
    pub adapter: &'static str,
    /// The clock for pauses and timeouts.
    pub clock: Arc<dyn Clock>,
    /// Most attempts of a call, at least 1.
    pub attempts: u32,
    /// Timeout of one attempt.
    pub timeout: Duration,
    /// Pause before the second attempt; it doubles with each further one.
    pub pause: Duration,
    /// Longest pause. If the other side asks for a longer one, the call fails at once and says so;
    /// repeating earlier would only prolong it.
    pub longest_pause: Duration,
}

impl Guard {
    /// Repeats the call until it succeeds, fails permanently, may have happened, or attempts run
    /// out. Only a [`Retry::Temporary`] failure is retried, after the pause that the other side
    /// asked for, if it did.
    ///
    /// # Errors
    /// The last attempt's error; `Timeout` for one that timed out, which is ambiguous for calls
    /// that write.
    pub async fn call<T, F>(
        &self,
        operation: &'static str,
        effect: Effect,
        mut attempt: impl FnMut() -> F,
    ) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let span = tracing::debug_span!("call", adapter = self.adapter, operation);
        let work = async {
            let mut attempts = 1;
            loop {
                let failure = match self.attempt(effect, attempt()).await {
                    Ok(value) => return Ok(value),
                    Err(failure) => failure,
                };
                if failure.retryable() != Retry::Temporary || attempts >= self.attempts.max(1) {
                    return Err(failure);
                }
                let Some(pause) = self.pause_before(attempts, &failure) else {
                    return Err(failure);
                };
                tracing::debug!(attempt = attempts, pause = ?pause, reason = failure.message(), "again");
                self.clock.sleep(pause).await;
                attempts += 1;
            }
        };
        work.instrument(span).await.map_err(|e: Error| e.in_operation(self.adapter, operation))
    }

    async fn attempt<T>(&self, effect: Effect, work: impl Future<Output = Result<T>>) -> Result<T> {
        match select(pin!(work), self.clock.sleep(self.timeout)).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(_) => Err(Error::new(
                ErrorKind::Timeout,
                format!("no answer within {} seconds", self.timeout.as_secs_f32()),
            )
            .retry(match effect {
                Effect::Repeatable => Retry::Temporary,
                Effect::Once => Retry::Ambiguous,
            })),
        }
    }

    fn pause_before(&self, attempts: u32, failure: &Error) -> Option<Duration> {
        match failure.reported().and_then(|r| r.retry_after).map(Duration::from_secs) {
            Some(asked) => (asked <= self.longest_pause).then_some(asked),
            None => {
                let doubled = 2u32.saturating_pow(attempts.saturating_sub(1).min(20));
                Some(self.pause.saturating_mul(doubled).min(self.longest_pause))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Effect, Guard};
    use crate::clock::Clock;
    use crate::error::{Error, ErrorKind, Reported, Result, Retry};
    use crate::timestamp::Timestamp;
    use futures::FutureExt;
    use futures::executor::block_on;
    use futures::future::{BoxFuture, pending, ready};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    /// Waits for nothing and records the pauses. Its timeouts never fire.
    #[derive(Debug, Default)]
    struct Hasty(Mutex<Vec<u64>>);

    const LIMIT: Duration = Duration::from_secs(7);

    impl Clock for Hasty {
        fn now(&self) -> Timestamp {
            Timestamp::from_micros(0).unwrap()
        }
        fn sleep(&self, pause: Duration) -> BoxFuture<'static, ()> {
            if pause != LIMIT {
                self.0.lock().unwrap().push(pause.as_secs());
            }
            ready(()).boxed()
        }
    }

    fn guard(clock: &Arc<Hasty>) -> Guard {
        Guard {
            adapter: "mock",
            clock: clock.clone(),
            attempts: 4,
            timeout: LIMIT,
            pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(60),
        }
    }

    fn answer(retry_after: Option<u64>) -> Error {
        Error::new(ErrorKind::Unavailable, "busy").because(Reported {
            status: 429,
            retry_after,
            ..Reported::default()
        })
    }

    #[test]
    fn a_temporary_failure_is_tried_again_after_what_was_asked_for_and_never_too_long() {
        for (asked, pauses) in [(None, &[1, 2, 4][..]), (Some(30), &[30, 30, 30]), (Some(61), &[])]
        {
            let clock = Arc::new(Hasty::default());
            let mut attempts = 0;
            let outcome: Result<()> =
                block_on(guard(&clock).call("ask", Effect::Repeatable, || {
                    attempts += 1;
                    ready(Err(answer(asked)))
                }));
            assert_eq!(outcome.unwrap_err().to_string(), "mock ask: busy");
            assert_eq!((attempts, &*clock.0.lock().unwrap()), (pauses.len() + 1, &pauses.to_vec()));
        }
    }

    #[test]
    fn what_may_have_happened_is_not_tried_again() {
        let clock = Arc::new(Hasty::default());
        let mut attempts = 0;
        let outcome: Result<()> = block_on(guard(&clock).call("send", Effect::Once, || {
            attempts += 1;
            pending()
        }));
        let failure = outcome.unwrap_err();
        assert_eq!((failure.kind(), failure.retryable()), (ErrorKind::Timeout, Retry::Ambiguous));
        assert_eq!(attempts, 1);
        let outcome: Result<()> = block_on(guard(&clock).call("ask", Effect::Repeatable, pending));
        assert_eq!(outcome.unwrap_err().retryable(), Retry::Temporary);
    }
}
