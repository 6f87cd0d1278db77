//! Sign-in attempts in progress, and the ids of logout tokens seen recently. Pure but for the
//! locks; the caller passes the time in.

use flowcontrol_contract::sign_in::Attempt;
use flowcontrol_contract::{Digest, ExpiringMap, Timestamp};
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Longest time from the start of a sign-in to the provider's answer, in seconds.
pub const ATTEMPT_SECONDS: u32 = 600;
/// Most entries kept; beyond that the oldest is dropped.
const KEPT: usize = 10_000;

/// Entries that expire after a fixed time.
#[derive(Debug)]
pub struct KeptFor<K, V> {
    micros: i64,
    kept: Mutex<ExpiringMap<K, V, i64>>,
}

/// An attempt and the path that the browser wanted to see.
pub type Attempts = KeptFor<Digest, (Attempt, String)>;
/// Names of messages.
pub type SeenTokenIds = KeptFor<String, ()>;

impl<K: Eq + Hash + Clone, V> KeptFor<K, V> {
    /// Keeps everything for `seconds`.
    pub fn new(seconds: u32) -> Self {
        Self { micros: i64::from(seconds) * 1_000_000, kept: Mutex::new(ExpiringMap::new(KEPT)) }
    }

    /// Adds an entry; `false` when the key has one that has not expired.
    pub fn keep(&self, key: K, value: V, now: Timestamp) -> bool {
        let now = now.micros();
        let until = now.saturating_add(self.micros);
        self.kept().insert_new(key, value, until, now)
    }

    /// Removes and returns an entry that has not expired at `now` and satisfies `meant`.
    pub fn take(&self, key: &K, now: Timestamp, meant: impl Fn(&V) -> bool) -> Option<V> {
        self.kept().take_if(key, now.micros(), meant)
    }

    fn kept(&self) -> MutexGuard<'_, ExpiringMap<K, V, i64>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{KEPT, KeptFor};
    use flowcontrol_contract::Timestamp;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_micros(second * 1_000_000).unwrap()
    }

    #[test]
    fn what_is_kept_serves_once_and_not_for_ever() {
        let once = KeptFor::new(600);
        assert!(once.keep("a", 1, at(0)));
        assert!(!once.keep("a", 2, at(599)), "it is kept already");
        assert_eq!(once.take(&"a", at(599), |v| *v == 2), None, "another is meant");
        assert_eq!(once.take(&"a", at(599), |v| *v == 1), Some(1));
        assert_eq!(once.take(&"a", at(599), |_| true), None);
        assert!(once.keep("b", 1, at(0)));
        assert_eq!(once.take(&"b", at(600), |_| true), None, "it is over");
        assert!(once.keep("c", 1, at(0)) && once.keep("c", 2, at(600)));
    }

    #[test]
    fn the_memory_is_not_filled() {
        let once = KeptFor::new(600);
        for n in 0..=KEPT as i64 {
            assert!(once.keep(n, (), at(n / 100)));
        }
        assert_eq!(once.kept().len(), KEPT);
        assert_eq!(once.take(&(KEPT as i64), at(100), |()| true), Some(()));
    }
}
