//! Sign-in attempts in progress, and the ids of logout tokens seen recently. Pure but for the
//! locks; the caller passes the time in.

use flowcontrol_contract::sign_in::Attempt;
use flowcontrol_contract::{Digest, Timestamp};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

/// Longest time from the start of a sign-in to the provider's answer, in seconds.
pub const ATTEMPT_SECONDS: u32 = 600;
/// Most entries kept; beyond that the oldest is dropped.
const KEPT: usize = 10_000;

/// Entries that expire after a fixed time.
#[derive(Debug)]
pub struct ExpiringMap<K, V> {
    seconds: i64,
    kept: Mutex<HashMap<K, (Timestamp, V)>>,
}

/// Attempts in progress, by the digest of their name, with the path that the browser asked for.
pub type Attempts = ExpiringMap<Digest, (Attempt, String)>;
/// Ids (`jti`) of logout tokens that were processed.
pub type SeenTokenIds = ExpiringMap<String, ()>;

impl<K: Eq + Hash + Clone, V> ExpiringMap<K, V> {
    /// Entries expire after `seconds`.
    pub fn new(seconds: u32) -> Self {
        Self { seconds: seconds.into(), kept: Mutex::default() }
    }

    /// Adds an entry; `false` when the key has one that has not expired.
    pub fn keep(&self, key: K, value: V, now: Timestamp) -> bool {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.retain(|_, (since, _)| fresh(*since, now, self.seconds));
        }
        if kept.len() >= KEPT
            && let Some(oldest) = kept.iter().min_by_key(|(_, (at, _))| *at).map(|(k, _)| k.clone())
        {
            kept.remove(&oldest);
        }
        if kept.get(&key).is_some_and(|(since, _)| fresh(*since, now, self.seconds)) {
            return false;
        }
        kept.insert(key, (now, value));
        true
    }

    /// Removes and returns an entry that has not expired at `now` and satisfies `meant`.
    pub fn take(&self, key: &K, now: Timestamp, meant: impl Fn(&V) -> bool) -> Option<V> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, value) = kept.get(key)?;
        if !meant(value) || !fresh(*since, now, self.seconds) {
            return None;
        }
        kept.remove(key).map(|(_, value)| value)
    }
}

fn fresh(since: Timestamp, now: Timestamp, seconds: i64) -> bool {
    now.micros() - since.micros() < seconds * 1_000_000
}

#[cfg(test)]
mod tests {
    use super::{ExpiringMap, KEPT};
    use flowcontrol_contract::Timestamp;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_micros(second * 1_000_000).unwrap()
    }

    #[test]
    fn what_is_kept_serves_once_and_not_for_ever() {
        let once = ExpiringMap::new(600);
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
        let once = ExpiringMap::new(600);
        for n in 0..=KEPT as i64 {
            assert!(once.keep(n, (), at(n / 100)));
        }
        assert_eq!(once.kept.lock().unwrap().len(), KEPT);
        assert_eq!(once.take(&(KEPT as i64), at(100), |()| true), Some(()));
    }
}
