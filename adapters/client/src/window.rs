//! A service's limits on the rate of requests, kept before the service has to: sliding windows, one
//! set for each group of requests that the service counts together.

use flowcontrol_contract::Timestamp;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::Duration;

/// At most so many requests in any period of that length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// How many; 0 is no limit.
    pub requests: u32,
    /// The period.
    pub per: Duration,
}

impl Limit {
    /// `requests` in a second, a minute and an hour, as services like to state them; 0 is no limit.
    pub const fn second_minute_hour(requests: [u32; 3]) -> [Self; 3] {
        [
            Self { requests: requests[0], per: Duration::from_secs(1) },
            Self { requests: requests[1], per: Duration::from_secs(60) },
            Self { requests: requests[2], per: Duration::from_secs(3600) },
        ]
    }
}

/// What a service counts together.
pub trait Group: Copy + Ord + fmt::Debug + Send + Sync + 'static {
    /// The limits that the service documents.
    fn documented(self) -> Vec<Limit>;
}

/// A service that counts all requests together and documents no limit.
impl Group for () {
    fn documented(self) -> Vec<Limit> {
        Vec::new()
    }
}

/// When requests were made, and how many may be.
#[derive(Clone, Debug)]
pub struct Windows<G = ()> {
    groups: BTreeMap<G, Window>,
    /// The service asked for silence until then, in microseconds since 1970.
    silent_until: i64,
}

#[derive(Clone, Debug)]
struct Window {
    limits: Vec<Limit>,
    /// Requests that a limit still looks at, oldest first.
    made: VecDeque<i64>,
}

impl Window {
    fn new(limits: Vec<Limit>) -> Self {
        Self {
            limits: limits.into_iter().filter(|l| l.requests > 0).collect(),
            made: VecDeque::new(),
        }
    }
}

impl<G> Default for Windows<G> {
    fn default() -> Self {
        Self { groups: BTreeMap::new(), silent_until: 0 }
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

impl<G: Group> Windows<G> {
    /// What the service says that it allows, in place of what it documents. Requests that were made
    /// still count.
    pub fn set(&mut self, group: G, limits: impl Into<Vec<Limit>>) {
        let window = Window::new(limits.into());
        match self.groups.get_mut(&group) {
            Some(known) => known.limits = window.limits,
            None => drop(self.groups.insert(group, window)),
        }
    }

    /// No request of any group for so long.
    pub fn silence(&mut self, now: Timestamp, pause: Duration) {
        let until = now.micros().saturating_add(micros(pause));
        self.silent_until = self.silent_until.max(until);
    }

    /// Takes a place for a request of `group` at `now`.
    ///
    /// # Errors
    /// The pause after which there may be one.
    pub fn take(&mut self, group: G, now: Timestamp) -> Result<(), Duration> {
        let now = now.micros();
        let silent_until = self.silent_until;
        let Window { limits, made } =
            self.groups.entry(group).or_insert_with(|| Window::new(group.documented()));
        let longest = limits.iter().map(|limit| micros(limit.per)).max().unwrap_or(0);
        while made.front().is_some_and(|at| *at <= now.saturating_sub(longest)) {
            made.pop_front();
        }
        let mut free = silent_until;
        for limit in limits.iter() {
            // The oldest of the last `requests` must have left the window.
            if let Some(at) = made.iter().rev().nth(limit.requests as usize - 1) {
                free = free.max(at.saturating_add(micros(limit.per)));
            }
        }
        if free > now {
            return Err(Duration::from_micros((free - now).unsigned_abs()));
        }
        if !limits.is_empty() {
            made.push_back(now);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Group, Limit, Windows};
    use flowcontrol_contract::Timestamp;
    use std::time::Duration;

    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    enum Sample {
        Send,
        Status,
        Free,
    }

    impl Group for Sample {
        fn documented(self) -> Vec<Limit> {
            Limit::second_minute_hour(match self {
                Self::Send => [10, 30, 180],
                Self::Status => [30, 120, 1200],
                Self::Free => [0, 0, 0],
            })
            .into()
        }
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_micros(1_764_000_000_000_000 + millis * 1000).unwrap()
    }

    #[test]
    fn as_many_as_are_documented_and_not_one_more() {
        let mut windows = Windows::default();
        for n in 0..10 {
            windows.take(Sample::Send, at(n)).unwrap();
        }
        assert_eq!(windows.take(Sample::Send, at(10)), Err(Duration::from_millis(990)));
        // Another group has its own place.
        windows.take(Sample::Status, at(10)).unwrap();
        for n in 0..20 {
            windows.take(Sample::Send, at(1000 + n * 110)).unwrap();
        }
        assert_eq!(windows.take(Sample::Send, at(10_000)), Err(Duration::from_secs(50)));
        for n in 0..10_000 {
            windows.take(Sample::Free, at(n / 1000)).unwrap();
        }
    }

    #[test]
    fn an_hour_is_counted() {
        let mut windows = Windows::default();
        for n in 0..180 {
            windows.take(Sample::Send, at(n * 2001)).unwrap();
        }
        let wait = windows.take(Sample::Send, at(500_000)).unwrap_err();
        assert_eq!(wait, Duration::from_secs(3600 - 500));
        windows.take(Sample::Send, at(3_600_000)).unwrap();
    }

    #[test]
    fn silence_is_kept_by_every_group_and_limits_can_be_told() {
        let mut windows = Windows::default();
        windows.silence(at(0), Duration::from_secs(30));
        windows.silence(at(0), Duration::from_secs(3));
        for group in [Sample::Send, Sample::Status, Sample::Free] {
            assert_eq!(windows.take(group, at(1000)), Err(Duration::from_secs(29)));
            windows.take(group, at(30_000)).unwrap();
        }
        windows.set(Sample::Status, [Limit { requests: 2, per: Duration::from_secs(60) }]);
        windows.take(Sample::Status, at(40_000)).unwrap();
        // The one of second 30 counts too.
        assert_eq!(windows.take(Sample::Status, at(41_000)), Err(Duration::from_secs(49)));
    }
}
