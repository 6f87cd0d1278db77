//! What stands around every call to an outside service, in one fixed order: span, retry, a limit on
//! each attempt, and where a failure happened.

use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result, Retry};
use futures::future::{Either, select};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tracing::Instrument;

/// What a call does to the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing, or the same however often it is called: one that was cut short is called again.
    Repeatable,
    /// Something that must happen once: one that was cut short may have happened.
    Once,
}

/// Guards an adapter's calls.
#[derive(Clone, Debug)]
pub struct Guard {
    /// The adapter's kind.
    pub adapter: &'static str,
    /// Where pauses and limits come from.
    pub clock: Arc<dyn Clock>,
    /// Most attempts of one call, at least 1.
    pub attempts: u32,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// The pause before the second attempt; it doubles from there.
    pub pause: Duration,
    /// The longest pause. Where the other side asks for a longer one the call fails at once, and says
    /// so: asking earlier would only make it longer.
    pub longest_pause: Duration,
}

impl Guard {
    /// Calls until it succeeds, fails for good, may have happened, or attempts run out. Only a
    /// [`Retry::Temporary`] failure is tried again, after the pause that the other side asked for,
    /// where it did.
    ///
    /// # Errors
    /// The last attempt's failure; `Timeout` for one that was cut short, which is ambiguous where
    /// the call writes.
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
            let mut made = 1;
            loop {
                let failure = match self.once(effect, attempt()).await {
                    Ok(value) => return Ok(value),
                    Err(failure) => failure,
                };
                if failure.retryable() != Retry::Temporary || made >= self.attempts.max(1) {
                    return Err(failure);
                }
                let Some(pause) = self.pause_before(made, &failure) else { return Err(failure) };
                tracing::debug!(attempt = made, pause = ?pause, reason = failure.message(), "again");
                self.clock.sleep(pause).await;
                made += 1;
            }
        };
        work.instrument(span).await.map_err(|e: Error| e.at(self.adapter, operation))
    }

    async fn once<T>(&self, effect: Effect, work: impl Future<Output = Result<T>>) -> Result<T> {
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

    fn pause_before(&self, made: u32, failure: &Error) -> Option<Duration> {
        match failure.reported().and_then(|r| r.retry_after).map(Duration::from_secs) {
            Some(asked) => (asked <= self.longest_pause).then_some(asked),
            None => {
                let doubled = 2u32.saturating_pow(made.saturating_sub(1).min(20));
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

    /// Waits for nothing and remembers what was asked. The limit on an attempt never ends first.
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
            let mut made = 0;
            let outcome: Result<()> =
                block_on(guard(&clock).call("ask", Effect::Repeatable, || {
                    made += 1;
                    ready(Err(answer(asked)))
                }));
            assert_eq!(outcome.unwrap_err().to_string(), "mock ask: busy");
            assert_eq!((made, &*clock.0.lock().unwrap()), (pauses.len() + 1, &pauses.to_vec()));
        }
    }

    #[test]
    fn what_may_have_happened_is_not_tried_again() {
        let clock = Arc::new(Hasty::default());
        let mut made = 0;
        let outcome: Result<()> = block_on(guard(&clock).call("send", Effect::Once, || {
            made += 1;
            pending()
        }));
        let failure = outcome.unwrap_err();
        assert_eq!((failure.kind(), failure.retryable()), (ErrorKind::Timeout, Retry::Ambiguous));
        assert_eq!(made, 1);
        let outcome: Result<()> = block_on(guard(&clock).call("ask", Effect::Repeatable, pending));
        assert_eq!(outcome.unwrap_err().retryable(), Retry::Temporary);
    }
}
