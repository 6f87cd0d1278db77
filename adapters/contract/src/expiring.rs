//! A bounded map whose entries expire.
//!
//! It reads no clock and takes no lock: the caller passes the time, of any ordered type
//! ([`Timestamp`](crate::Timestamp), `std::time::Instant`), and shares the map as needed.

use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

/// A bounded map whose entries expire. Every operation takes time logarithmic in its size.
#[derive(Clone, Debug)]
pub struct ExpiringMap<K, V, T> {
    capacity: usize,
    entries: HashMap<K, (Place<T>, V)>,
    /// The same keys by their expiry, soonest first.
    ends: BTreeMap<Place<T>, K>,
    inserted: u64,
}

/// An entry's expiry; with equal expiry, the earlier entry first.
type Place<T> = (T, u64);

impl<K: Eq + Hash + Clone, V, T: Ord + Copy> ExpiringMap<K, V, T> {
    /// An empty map for at most `capacity` entries, at least one.
    pub fn new(capacity: usize) -> Self {
        let capacity = capacity.max(1);
        Self { capacity, entries: HashMap::new(), ends: BTreeMap::new(), inserted: 0 }
    }

    /// Inserts an entry that is valid from `now` until just before `until`, replacing an earlier
    /// one of that key, which is returned unless it has expired. In a full map the entry that
    /// expires soonest is evicted; call [`ExpiringMap::is_full`] first to refuse new entries
    /// instead.
    pub fn insert(&mut self, key: K, value: V, until: T, now: T) -> Option<V> {
        self.forget(now);
        let earlier = self.remove(&key);
        if self.entries.len() >= self.capacity
            && let Some((_, soonest)) = self.ends.pop_first()
        {
            self.entries.remove(&soonest);
        }
        let place = (until, self.inserted);
        self.inserted += 1;
        self.ends.insert(place, key.clone());
        self.entries.insert(key, (place, value));
        earlier
    }

    /// Inserts only if the key has no valid entry; `false` when it has one, which is left
    /// unchanged.
    pub fn insert_new(&mut self, key: K, value: V, until: T, now: T) -> bool {
        let new = self.get(&key, now).is_none();
        if new {
            self.insert(key, value, until, now);
        }
        new
    }

    /// The value of a key, unless it has expired.
    pub fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q, now: T) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.entries.get(key).filter(|((until, _), _)| now < *until).map(|(_, value)| value)
    }

    /// The same, mutable; the expiry stays.
    pub fn get_mut<Q: Eq + Hash + ?Sized>(&mut self, key: &Q, now: T) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.entries.get_mut(key).filter(|((until, _), _)| now < *until).map(|(_, value)| value)
    }

    /// Removes and returns an entry that has not expired and for which `meant` holds.
    pub fn take_if<Q: Eq + Hash + ?Sized>(
        &mut self,
        key: &Q,
        now: T,
        meant: impl FnOnce(&V) -> bool,
    ) -> Option<V>
    where
        K: Borrow<Q>,
    {
        if self.get(key, now).is_some_and(meant) { self.remove(key) } else { None }
    }

    /// Removes and returns an entry, expired or not.
    pub fn remove<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let (place, value) = self.entries.remove(key)?;
        self.ends.remove(&place);
        Some(value)
    }

    /// Whether the map holds `capacity` entries that have not expired.
    pub fn is_full(&mut self, now: T) -> bool {
        self.forget(now);
        self.entries.len() >= self.capacity
    }

    /// Number of entries, including expired ones that were not dropped yet.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it has no entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Drops every expired entry.
    fn forget(&mut self, now: T) {
        while let Some(first) = self.ends.first_entry()
            && first.key().0 <= now
        {
            self.entries.remove(&first.remove());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ExpiringMap;

    #[test]
    fn what_is_kept_serves_until_its_end() {
        let mut map = ExpiringMap::new(10);
        assert!(map.insert_new("a", 1, 600, 0));
        assert!(!map.insert_new("a", 2, 1199, 599), "it is kept already");
        assert_eq!((map.get("a", 599), map.get("a", 600)), (Some(&1), None));
        assert_eq!(map.take_if("a", 599, |v| *v == 2), None, "another is meant");
        *map.get_mut("a", 599).unwrap() = 3;
        assert_eq!(map.take_if("a", 599, |v| *v == 3), Some(3));
        assert_eq!((map.take_if("a", 599, |_| true), map.len()), (None, 0));
        assert!(map.insert_new("b", 1, 600, 0) && map.insert_new("b", 2, 1200, 600));
        assert_eq!(map.insert("b", 3, 1200, 601), Some(2));
        assert_eq!(map.insert("b", 4, 2000, 1200), None, "it had ended");
        assert_eq!(map.remove("b"), Some(4));
        assert!(map.is_empty());
    }

    #[test]
    fn there_are_never_more_than_may_be_and_the_soonest_to_end_goes_first() {
        let mut map = ExpiringMap::new(3);
        for (key, until) in [("long", 90), ("short", 10), ("middle", 50)] {
            map.insert(key, (), until, 0);
        }
        assert!(map.is_full(9) && !map.is_full(10));
        map.insert("short", (), 20, 10);
        map.insert("new", (), 60, 11);
        assert_eq!((map.get("short", 11), map.len()), (None, 3));
        assert!(map.get("long", 11).is_some() && map.get("new", 11).is_some());
        for n in 0..100 {
            map.insert("new", (), 100 + n, 12);
        }
        assert_eq!((map.len(), map.ends.len()), (3, 3));
        assert!(!map.is_full(1_000) && map.is_empty() && map.ends.is_empty());
    }
}
