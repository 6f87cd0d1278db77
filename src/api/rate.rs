//! How often somebody may ask: a token bucket for each caller, and for each network of strangers.
//! Pure but for its locks; the time is given to it.
//!
//! Callers and strangers have a map each, so that no number of strangers costs a caller an answer. A
//! bucket that is full again is as good as none, and is forgotten.

use flowcontrol_contract::ExpiringMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Buckets that are kept at once in each of the two maps.
const REMEMBERED: usize = 10_000;
/// Seconds after which a stranger may try again for whom there is no room.
const NO_ROOM: f64 = 1.0;

/// Where a stranger comes from: an IPv4 address, or the /64 of an IPv6 address, all of which belongs
/// to one subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Network(IpAddr);

impl Network {
    fn of(address: IpAddr) -> Self {
        // An IPv4 address that came in through an IPv6 socket is one all the same.
        Self(match address.to_canonical() {
            IpAddr::V4(v4) => IpAddr::V4(v4),
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
        })
    }
}

/// The buckets of callers, each named by a `K`, and of strangers.
#[derive(Debug)]
pub struct Rates<K> {
    limit: Limit,
    callers: Buckets<K>,
    /// Strangers without an address, on a socket that has none, share a bucket.
    strangers: Buckets<Option<Network>>,
}

impl<K: Eq + Hash + Clone> Rates<K> {
    /// Each may ask `burst` times at once and `a_second` times a second on average.
    pub fn new(a_second: u32, burst: u32) -> Self {
        let limit = Limit { burst: f64::from(burst.max(1)), a_second: f64::from(a_second.max(1)) };
        Self { limit, callers: Buckets::new(), strangers: Buckets::new() }
    }

    /// Takes one of a caller's tokens at `now`. There is always room for a caller: beyond 10,000, the
    /// one whose bucket is full soonest is forgotten.
    ///
    /// # Errors
    /// After how many seconds there is a token again.
    pub fn caller(&self, who: K, now: Instant) -> Result<(), f64> {
        self.callers.take(who, self.limit, now, Newcomers::Replace)
    }

    /// Takes one of the tokens of a stranger's network at `now`. While 10,000 networks have asked too
    /// recently to be forgotten, a further one is refused: else a sender with that many addresses
    /// would have no limit.
    ///
    /// # Errors
    /// After how many seconds there is a token again, or may be room.
    pub fn stranger(&self, from: Option<IpAddr>, now: Instant) -> Result<(), f64> {
        self.strangers.take(from.map(Network::of), self.limit, now, Newcomers::Refuse)
    }
}

#[derive(Clone, Copy, Debug)]
struct Limit {
    burst: f64,
    a_second: f64,
}

/// Who gives way when the map is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Newcomers {
    /// Somebody who is in it.
    Replace,
    /// Whoever comes.
    Refuse,
}

/// Tokens that were left, and when. It ends when it is full again.
type Bucket = (f64, Instant);

#[derive(Debug)]
struct Buckets<K>(Mutex<ExpiringMap<K, Bucket, Instant>>);

impl<K: Eq + Hash + Clone> Buckets<K> {
    fn new() -> Self {
        Self(Mutex::new(ExpiringMap::new(REMEMBERED)))
    }

    fn take(&self, who: K, limit: Limit, now: Instant, newcomers: Newcomers) -> Result<(), f64> {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (left, last) = match buckets.get(&who, now).copied() {
            Some(bucket) => bucket,
            None if newcomers == Newcomers::Refuse && buckets.is_full(now) => return Err(NO_ROOM),
            None => (limit.burst, now),
        };
        let earned = now.duration_since(last).as_secs_f64() * limit.a_second;
        let tokens = (left + earned).min(limit.burst);
        let (left, result) = if tokens >= 1.0 {
            (tokens - 1.0, Ok(()))
        } else {
            (tokens, Err((1.0 - tokens) / limit.a_second))
        };
        let full = now + Duration::from_secs_f64((limit.burst - left) / limit.a_second);
        buckets.insert(who, (left, now), full, now);
        result
    }
}

#[cfg(test)]
mod tests {
    use super::{REMEMBERED, Rates};
    use flowcontrol_base::clock;
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::Duration;

    /// The `n`th IPv4 address.
    fn address(n: usize) -> Option<IpAddr> {
        Some(Ipv4Addr::from(u32::try_from(n).unwrap()).into())
    }

    #[test]
    fn a_burst_then_the_rate_and_nobody_pays_for_another() {
        let (rates, start) = (Rates::new(2, 3), clock::instant());
        for _ in 0..3 {
            assert!(rates.caller("a", start).is_ok());
        }
        let wait = rates.caller("a", start).unwrap_err();
        assert!((wait - 0.5).abs() < 0.001, "{wait}");
        assert!(rates.caller("b", start).is_ok());
        let later = start + Duration::from_millis(500);
        assert!(rates.caller("a", later).is_ok());
        assert!(rates.caller("a", later).is_err());
        // Rest fills the bucket and no more.
        let rested = later + Duration::from_secs(60);
        assert_eq!((0..9).filter(|_| rates.caller("a", rested).is_ok()).count(), 3);
    }

    #[test]
    fn so_many_strangers_do_not_fill_the_memory() {
        let (rates, start) = (Rates::<()>::new(1, 1), clock::instant());
        let let_in =
            (0..REMEMBERED * 2).filter(|n| rates.stranger(address(*n), start).is_ok()).count();
        assert_eq!(let_in, REMEMBERED);
        assert!(rates.stranger(address(0), start + Duration::from_secs(2)).is_ok());
    }

    #[test]
    fn no_number_of_strangers_locks_a_caller_out() {
        let (rates, start) = (Rates::new(1, 60), clock::instant());
        assert!(rates.caller("known before", start).is_ok());
        for n in 0..REMEMBERED + 50 {
            let let_in = rates.stranger(address(n), start).is_ok();
            assert_eq!(let_in, n < REMEMBERED);
        }
        assert!(rates.caller("known before", start).is_ok());
        assert!(rates.caller("known since", start).is_ok());
    }

    #[test]
    fn a_caller_always_finds_room_among_callers() {
        let (rates, start) = (Rates::new(1, 2), clock::instant());
        for n in 0..REMEMBERED {
            assert!(rates.caller(n, start).is_ok() && rates.caller(n, start).is_ok());
        }
        assert!(rates.caller(REMEMBERED, start).is_ok());
        // Whoever was not forgotten has what they had left.
        assert!(rates.caller(REMEMBERED - 1, start).is_err());
    }

    #[test]
    fn a_subscriber_with_an_ipv6_network_is_one_stranger() {
        let (rates, start) = (Rates::<()>::new(1, 1), clock::instant());
        let from = |text: &str| rates.stranger(Some(text.parse().unwrap()), start).is_ok();
        assert!(from("2001:db8:0:1::1"));
        assert!(!from("2001:db8:0:1:ffff::2"), "the same /64");
        assert!(from("2001:db8:0:2::1"));
        assert!(from("192.0.2.1"));
        assert!(!from("::ffff:192.0.2.1"), "the same IPv4 address");
        assert!(from("192.0.2.2"));
        assert!(rates.stranger(None, start).is_ok());
        assert!(rates.stranger(None, start).is_err());
    }
}
