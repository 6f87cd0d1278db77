//! The only place that reads clocks and makes random names.

use flowcontrol_contract::Timestamp;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The wall clock, in UTC microseconds.
pub fn now() -> Timestamp {
    let micros = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_micros());
    // A clock outside the years 1 to 9999 is not one to seal evidence with; the epoch shows it.
    let epoch = || Timestamp::from_micros(0);
    match i64::try_from(micros)
        .map_or_else(|_| epoch(), Timestamp::from_micros)
        .or_else(|_| epoch())
    {
        Ok(t) => t,
        Err(_) => unreachable!("the epoch is a valid time"),
    }
}

/// A point on the monotonic clock, for durations.
pub fn instant() -> Instant {
    Instant::now()
}

/// `bytes` random bytes as hex digits, from the operating system's generator: for names of
/// throw-away things and for generated passwords.
pub fn random_hex(bytes: usize) -> String {
    let mut buffer = vec![0u8; bytes];
    rand::fill(&mut buffer[..]);
    hex::encode(buffer)
}

/// 32 random bytes from the same generator, for a new key.
pub fn random_seed() -> [u8; 32] {
    rand::random()
}
