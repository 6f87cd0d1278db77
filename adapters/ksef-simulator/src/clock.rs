//! The simulator's clock: the machine's, or one that stands still until it is moved.

use flowcontrol_contract::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use time::OffsetDateTime;

/// Decides when tokens end, when invoices are decided and how windows of limits slide. Clones share
/// their time.
#[derive(Clone, Debug)]
pub struct SimulatorClock {
    /// Where it stands; `None` follows the machine's clock.
    stopped: Option<Timestamp>,
    /// Microseconds that it was moved by.
    moved: Arc<AtomicI64>,
}

impl SimulatorClock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self { stopped: None, moved: Arc::default() }
    }

    /// A clock that stands at `time` until it is advanced.
    pub fn stopped_at(time: Timestamp) -> Self {
        Self { stopped: Some(time), moved: Arc::default() }
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        let base = self.stopped.unwrap_or_else(Timestamp::now);
        let micros = base.micros().saturating_add(self.moved.load(Ordering::SeqCst));
        Timestamp::from_micros(micros).unwrap_or(base)
    }

    /// Moves it forward.
    pub fn advance(&self, by: Duration) {
        self.moved.fetch_add(micros(by), Ordering::SeqCst);
    }

    /// Moves it forward until it says `time`; it never goes back.
    pub fn advance_to(&self, time: Timestamp) {
        let distance = time.micros().saturating_sub(self.now().micros());
        self.moved.fetch_add(distance.max(0), Ordering::SeqCst);
    }
}

/// A span in microseconds.
pub(super) fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

/// A point in time `span` later.
pub(super) fn later(time: Timestamp, span: Duration) -> Timestamp {
    Timestamp::from_micros(time.micros().saturating_add(micros(span))).unwrap_or(time)
}

/// The same point for messages.
pub(super) fn moment(time: Timestamp) -> OffsetDateTime {
    // A `Timestamp` lies in the years 1 to 9999, which this type holds too.
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(time.micros()) * 1000)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// RFC 3339 with six decimals and an offset of zero, as KSeF writes it.
pub(super) fn rfc3339(time: Timestamp) -> String {
    time.to_string().replace('Z', "+00:00")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stopped_clock_moves_by_hand_alone_and_never_back() {
        let start = Timestamp::parse("2026-11-27T22:30:00Z").unwrap();
        let clock = SimulatorClock::stopped_at(start);
        assert_eq!(clock.now(), start);
        clock.clone().advance(Duration::from_secs(90));
        assert_eq!(rfc3339(clock.now()), "2026-11-27T22:31:30.000000+00:00");
        clock.advance_to(start);
        assert_eq!(clock.now(), later(start, Duration::from_secs(90)));
        clock.advance_to(later(start, Duration::from_secs(3600)));
        assert_eq!(moment(clock.now()).unix_timestamp() - moment(start).unix_timestamp(), 3600);
    }
}
