//! The only module that reads clocks and generates random names.

use flowcontrol_contract::Timestamp;
use std::time::Instant;

/// The wall clock, in UTC microseconds.
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// A point on the monotonic clock, for durations.
pub fn instant() -> Instant {
    Instant::now()
}

/// `bytes` random bytes as hex digits, from the operating system's generator: for names of
/// temporary objects and for generated passwords.
pub fn random_hex(bytes: usize) -> String {
    let mut buffer = vec![0u8; bytes];
    rand::fill(&mut buffer[..]);
    hex::encode(buffer)
}

/// 32 random bytes from the same generator, for a new key.
pub fn random_seed() -> [u8; 32] {
    rand::random()
}
