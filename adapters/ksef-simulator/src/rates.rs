//! Limits of the rate of requests: windows that slide, one set for each caller and group.

use super::clock::micros;
use flowcontrol_contract::Timestamp;
use flowcontrol_ksef_wire::messages::{RateLimit, RateLimits};
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

/// The limits of TEST, DEMO and PRD as the API document 2.9.0 prints them.
pub fn official() -> RateLimits {
    let of = |second, minute, hour| Some(RateLimit::new(second, minute, hour));
    RateLimits {
        online_session: of(10, 30, 120),
        online_session_close: of(20, 60, 240),
        batch_session: of(10, 20, 60),
        batch_session_close: of(20, 40, 120),
        invoice_send: of(10, 30, 180),
        invoice_status: of(30, 120, 1200),
        session_list: of(5, 10, 60),
        session_invoice_list: of(10, 20, 200),
        session_misc: of(10, 120, 1200),
        invoice_metadata: of(8, 16, 20),
        invoice_export: of(8, 16, 20),
        invoice_export_status: of(10, 60, 600),
        invoice_download: of(8, 16, 64),
        collective_identifier: of(10, 30, 120),
        other: of(10, 30, 120),
        anonymous: of(60, -1, -1),
        global: of(-1, -1, -1),
    }
}

/// No limits at all, for measurements.
pub fn unlimited() -> RateLimits {
    let none = Some(RateLimit::new(-1, -1, -1));
    RateLimits {
        online_session: none,
        online_session_close: none,
        batch_session: none,
        batch_session_close: none,
        invoice_send: none,
        invoice_status: none,
        session_list: none,
        session_invoice_list: none,
        session_misc: none,
        invoice_metadata: none,
        invoice_export: none,
        invoice_export_status: none,
        invoice_download: none,
        collective_identifier: none,
        other: none,
        anonymous: none,
        global: none,
    }
}

const WINDOWS: [(&str, Duration); 3] = [
    ("sekundę", Duration::from_secs(1)),
    ("minutę", Duration::from_secs(60)),
    ("godzinę", Duration::from_secs(3600)),
];

/// A request too many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Exceeded {
    /// Which limit, in the words of KSeF.
    pub said: String,
    /// Whole seconds until the window has room.
    pub seconds: u64,
}

/// Who asked for what within the last hour.
#[derive(Debug, Default)]
pub(super) struct Windows {
    seen: HashMap<(String, &'static str), VecDeque<i64>>,
}

impl Windows {
    /// Counts a request, unless it is one too many; a refused one does not count.
    pub fn take(
        &mut self,
        caller: &str,
        group: &'static str,
        limit: RateLimit,
        now: Timestamp,
    ) -> Result<(), Exceeded> {
        let now = now.micros();
        let seen = self.seen.entry((caller.to_owned(), group)).or_default();
        let most = [limit.per_second, limit.per_minute, limit.per_hour];
        while seen.front().is_some_and(|first| *first <= now - micros(WINDOWS[2].1)) {
            seen.pop_front();
        }
        for ((name, window), most) in WINDOWS.iter().zip(most) {
            let Ok(most) = usize::try_from(most) else { continue };
            let inside = seen.iter().rev().take_while(|at| **at > now - micros(*window)).count();
            if inside < most {
                continue;
            }
            // Room comes when the oldest of the last `most` leaves the window.
            let leaves = seen.iter().rev().nth(most.saturating_sub(1)).copied().unwrap_or(now);
            let wait = leaves + micros(*window) - now;
            let seconds = u64::try_from(wait).unwrap_or(0).div_ceil(1_000_000).max(1);
            let said = format!(
                "Przekroczono limit {most} żądań na {name}. Spróbuj ponownie po {seconds} sekundach."
            );
            return Err(Exceeded { said, seconds });
        }
        // Without a limit nothing needs to be remembered.
        if most.iter().any(|m| *m >= 0) {
            seen.push_back(now);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_slides() {
        let limit = RateLimit::new(2, 3, -1);
        let mut windows = Windows::default();
        let mut ask = |caller, millis: i64| {
            let now = Timestamp::from_micros(1_000_000_000 + millis * 1000).unwrap();
            windows.take(caller, "send", limit, now).map_err(|e| e.seconds)
        };
        assert_eq!(ask("a", 0), Ok(()));
        assert_eq!(ask("a", 400), Ok(()));
        assert_eq!(ask("a", 900), Err(1));
        assert_eq!(ask("b", 900), Ok(()));
        // The first has left the second's window; the refused one never counted.
        assert_eq!(ask("a", 1000), Ok(()));
        assert_eq!(ask("a", 2000), Err(58));
        assert_eq!(ask("a", 59_999), Err(1));
        assert_eq!(ask("a", 60_000), Ok(()));
        let said = windows
            .take("a", "send", limit, Timestamp::from_micros(1_060_000_000).unwrap())
            .unwrap_err();
        assert_eq!(
            said.said,
            "Przekroczono limit 3 żądań na minutę. Spróbuj ponownie po 1 sekundach."
        );
    }

    #[test]
    fn no_limit_remembers_nothing() {
        let mut windows = Windows::default();
        let now = Timestamp::from_micros(1).unwrap();
        for _ in 0..1000 {
            windows.take("a", "global", RateLimit::new(-1, -1, -1), now).unwrap();
        }
        assert!(windows.seen.values().all(VecDeque::is_empty));
    }
}
