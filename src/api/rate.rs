//! Rate limits: one token bucket for each caller. The caller passes the time in.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Most callers remembered at once. When that many have asked recently, a new one is refused for a
/// second.
const MAX_CALLERS: usize = 10_000;

/// The buckets of all callers.
#[derive(Debug)]
pub struct Rates<K> {
    burst: f64,
    a_second: f64,
    buckets: Mutex<HashMap<K, (f64, Instant)>>,
}

impl<K: Eq + Hash> Rates<K> {
    /// Every caller may send `burst` requests at once and `a_second` requests a second on average.
    pub fn new(a_second: u32, burst: u32) -> Self {
        Self {
            burst: f64::from(burst.max(1)),
            a_second: f64::from(a_second.max(1)),
            buckets: Mutex::default(),
        }
    }

    /// Takes one token of the caller at `now`.
    ///
    /// # Errors
    /// The seconds until the next token.
    pub fn take(&self, who: K, now: Instant) -> Result<(), f64> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MAX_CALLERS && !buckets.contains_key(&who) {
            let full = self.burst / self.a_second;
            buckets.retain(|_, (_, last)| now.duration_since(*last).as_secs_f64() < full);
            if buckets.len() >= MAX_CALLERS {
                return Err(1.0);
            }
        }
        let (tokens, last) = buckets.entry(who).or_insert((self.burst, now));
        let earned = now.duration_since(*last).as_secs_f64() * self.a_second;
        *tokens = (*tokens + earned).min(self.burst);
        *last = now;
        if *tokens >= 1.0 {
            *tokens -= 1.0;
            return Ok(());
        }
        Err((1.0 - *tokens) / self.a_second)
    }
}

#[cfg(test)]
mod tests {
    use super::Rates;
    use flowcontrol_base::clock;
    use std::time::Duration;

    #[test]
    fn a_burst_then_the_rate_and_nobody_pays_for_another() {
        let (rates, start) = (Rates::new(2, 3), clock::instant());
        for _ in 0..3 {
            assert!(rates.take("a", start).is_ok());
        }
        let wait = rates.take("a", start).unwrap_err();
        assert!((wait - 0.5).abs() < 0.001, "{wait}");
        assert!(rates.take("b", start).is_ok());
        let later = start + Duration::from_millis(500);
        assert!(rates.take("a", later).is_ok());
        assert!(rates.take("a", later).is_err());
        // Rest fills the bucket and no more.
        let rested = later + Duration::from_secs(60);
        assert_eq!((0..9).filter(|_| rates.take("a", rested).is_ok()).count(), 3);
    }

    #[test]
    fn so_many_strangers_do_not_fill_the_memory() {
        let (rates, start) = (Rates::new(1, 1), clock::instant());
        let let_in = (0..super::MAX_CALLERS * 2).filter(|n| rates.take(*n, start).is_ok()).count();
        assert_eq!(let_in, super::MAX_CALLERS);
        assert!(rates.take(0, start + Duration::from_secs(2)).is_ok());
    }
}
