//! KSeF's limits on the rate of requests, kept before KSeF has to: sliding windows of a second, a
//! minute and an hour, one set for each group of calls.

use super::route::Group;
use flowcontrol_contract::Timestamp;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

const SPANS: [i64; 3] = [1_000_000, 60_000_000, 3_600_000_000];

/// When requests were made, and how many may be.
#[derive(Clone, Debug, Default)]
pub struct Windows {
    limits: BTreeMap<Group, [u32; 3]>,
    made: BTreeMap<Group, VecDeque<i64>>,
    /// KSeF asked for silence until then.
    silent_until: i64,
}

impl Windows {
    /// What KSeF says that it allows; 0 is unlimited.
    pub fn set(&mut self, group: Group, limits: [u32; 3]) {
        self.limits.insert(group, limits);
    }

    /// No request of any kind for so long.
    pub fn silence(&mut self, now: Timestamp, pause: Duration) {
        let until =
            now.micros().saturating_add(i64::try_from(pause.as_micros()).unwrap_or(i64::MAX));
        self.silent_until = self.silent_until.max(until);
    }

    /// Takes a place for a request of `group` at `now`; how long to wait when there is none yet.
    ///
    /// # Errors
    /// The pause after which there may be one.
    pub fn take(&mut self, group: Group, now: Timestamp) -> Result<(), Duration> {
        let now = now.micros();
        let limits = self.limits.get(&group).copied().unwrap_or(group.documented());
        let made = self.made.entry(group).or_default();
        while made.front().is_some_and(|at| *at <= now - SPANS[2]) {
            made.pop_front();
        }
        let mut free = self.silent_until;
        for (span, limit) in SPANS.into_iter().zip(limits) {
            let Some(place) = (limit as usize).checked_sub(1) else { continue };
            // The oldest of the last `limit` requests must have left the window.
            if let Some(at) = made.iter().rev().nth(place) {
                free = free.max(at + span);
            }
        }
        if free > now {
            return Err(Duration::from_micros((free - now).unsigned_abs()));
        }
        made.push_back(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Group, Windows};
    use flowcontrol_contract::Timestamp;
    use std::time::Duration;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_micros(1_764_000_000_000_000 + millis * 1000).unwrap()
    }

    #[test]
    fn as_many_as_are_documented_and_not_one_more() {
        let mut windows = Windows::default();
        for n in 0..10 {
            windows.take(Group::InvoiceSend, at(n)).unwrap();
        }
        let wait = windows.take(Group::InvoiceSend, at(10)).unwrap_err();
        assert_eq!(wait, Duration::from_millis(990));
        // Another group has its own place.
        windows.take(Group::InvoiceStatus, at(10)).unwrap();
        for n in 0..20 {
            windows.take(Group::InvoiceSend, at(1000 + n * 110)).unwrap();
        }
        let wait = windows.take(Group::InvoiceSend, at(10_000)).unwrap_err();
        assert_eq!(wait, Duration::from_millis(50_000));
    }

    #[test]
    fn an_hour_of_sends_is_counted() {
        let mut windows = Windows::default();
        for n in 0..180 {
            windows.take(Group::InvoiceSend, at(n * 2001)).unwrap();
        }
        let wait = windows.take(Group::InvoiceSend, at(500_000)).unwrap_err();
        assert_eq!(wait, Duration::from_secs(3600 - 500));
        windows.take(Group::InvoiceSend, at(3_600_000)).unwrap();
    }

    #[test]
    fn silence_is_kept_by_every_group_and_limits_can_be_told() {
        let mut windows = Windows::default();
        windows.silence(at(0), Duration::from_secs(30));
        windows.silence(at(0), Duration::from_secs(3));
        for group in Group::ALL {
            assert_eq!(windows.take(group, at(1000)), Err(Duration::from_secs(29)));
            windows.take(group, at(30_000)).unwrap();
        }
        windows.set(Group::Other, [1, 0, 0]);
        windows.take(Group::Other, at(40_000)).unwrap();
        assert!(windows.take(Group::Other, at(40_001)).is_err());
    }
}
