//! The calendar of Europe/Warsaw, by which KSeF dates invoices.
//!
//! The European Union's rule since 1996 (directive 2000/84/EC): summer time from 01:00 UTC on the
//! last Sunday of March to 01:00 UTC on the last Sunday of October. A table of time zones would say
//! the same and have to be carried along.

use time::{Date, Month, OffsetDateTime, UtcOffset, Weekday};

/// Warsaw's distance from UTC at an instant.
pub fn offset_at(instant: OffsetDateTime) -> UtcOffset {
    let utc = instant.to_offset(UtcOffset::UTC);
    let switch = |month| {
        last_sunday(utc.year(), month).map(|day| day.midnight().assume_utc() + time::Duration::HOUR)
    };
    let summer = match (switch(Month::March), switch(Month::October)) {
        (Some(begin), Some(end)) => (begin..end).contains(&utc),
        _ => false,
    };
    let hours = if summer { 2 } else { 1 };
    UtcOffset::from_hms(hours, 0, 0).unwrap_or(UtcOffset::UTC)
}

/// The day that it is in Warsaw at an instant.
pub fn today_at(instant: OffsetDateTime) -> Date {
    instant.to_offset(offset_at(instant)).date()
}

/// Whether KSeF shows an invoice dated `issued` that it accepts at `accepted` as Offline: the day in
/// Warsaw is later than the date. For a batch the acceptance is the opening of its session, else
/// the sending of the invoice.
pub fn would_be_offline(issued: Date, accepted: OffsetDateTime) -> bool {
    issued < today_at(accepted)
}

fn last_sunday(year: i32, month: Month) -> Option<Date> {
    let last = Date::from_calendar_date(year, month, 31).ok()?;
    let back = last.weekday().number_days_from_sunday();
    debug_assert_eq!((last - time::Duration::days(i64::from(back))).weekday(), Weekday::Sunday);
    last.checked_sub(time::Duration::days(i64::from(back)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use time::macros::{date, datetime};

    #[test]
    fn an_invoice_of_yesterday_is_offline_one_second_after_midnight_in_warsaw() {
        let issued = date!(2026 - 02 - 01);
        assert!(!would_be_offline(issued, datetime!(2026-02-01 22:59:59 UTC)));
        assert!(would_be_offline(issued, datetime!(2026-02-01 23:00:01 UTC)));
        // In summer midnight comes at 22:00 UTC.
        assert!(!would_be_offline(date!(2026 - 07 - 01), datetime!(2026-07-01 21:59:59 UTC)));
        assert!(would_be_offline(date!(2026 - 07 - 01), datetime!(2026-07-01 22:00:00 UTC)));
    }

    #[test]
    fn the_clock_changes_at_one_utc() {
        let at = |instant| offset_at(instant).whole_hours();
        assert_eq!(at(datetime!(2026-03-29 00:59:59 UTC)), 1);
        assert_eq!(at(datetime!(2026-03-29 01:00:00 UTC)), 2);
        assert_eq!(at(datetime!(2026-10-25 00:59:59 UTC)), 2);
        assert_eq!(at(datetime!(2026-10-25 01:00:00 UTC)), 1);
        assert_eq!(at(datetime!(2027-01-01 00:00:00 +5)), 1);
    }

    proptest! {
        #[test]
        fn the_time_zone_database_agrees(seconds in 946_684_800_i64..2_840_140_800) {
            let ours = offset_at(OffsetDateTime::from_unix_timestamp(seconds).unwrap());
            let zone = jiff::tz::TimeZone::get("Europe/Warsaw").unwrap();
            let theirs = zone.to_offset(jiff::Timestamp::from_second(seconds).unwrap());
            prop_assert_eq!(ours.whole_seconds(), theirs.seconds());
        }
    }
}
