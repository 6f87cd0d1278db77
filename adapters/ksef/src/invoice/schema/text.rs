//! What texts look like.

use super::codes::{COUNTRIES, CURRENCIES, EU_COUNTRIES};
use crate::invoice::amount::is_decimal;
use crate::{nip, number};
use std::borrow::Cow;
use time::format_description::well_known::Iso8601;
use time::macros::format_description;
use time::{Date, OffsetDateTime, PrimitiveDateTime};

/// The form of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    /// Between so many and so many characters, white space collapsed.
    Token(usize, usize),
    /// The same with white space as it stands.
    Plain(usize, usize),
    /// A sum of money.
    Amount,
    /// A unit price: 14 digits, 8 decimals.
    Price,
    /// A quantity or an exchange rate: 16 digits, 6 decimals.
    Quantity,
    /// From 0 to 100, 6 decimals.
    Percent,
    /// A day without an offset from this year on, to 2050-01-01.
    Day(i32),
    /// An instant from this year (and the month September, for 2025) on.
    Instant(i32),
    /// A NIP with its checksum.
    Nip,
    /// A NIP and five digits, for a part of a firm.
    InternalId,
    /// A number of KSeF 1.0 or 2.0.
    KsefNumber,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A whole number in this range.
    Whole(u64, u64),
    /// A whole number of any sign.
    Integer,
    /// A country.
    Country,
    /// The prefix of a VAT number in the Union.
    EuCountry,
    /// A currency.
    Currency,
    /// The rest of a VAT number in the Union.
    EuVat,
    /// An e-mail address.
    Email,
    /// So many digits.
    Digits(&'static [usize]),
    /// A bank's code.
    Swift,
    /// An identifier of a payment.
    PaymentId,
    /// A link to a payment.
    PaymentLink,
}

/// The flag `1`.
pub const FLAG: Text = Text::Whole(1, 1);
/// `1` yes, `2` no.
pub const YES_NO: Text = Text::Whole(1, 2);
/// Most texts: 1 to 256 characters.
pub const WORDS: Text = Text::Token(1, 256);
/// Longer ones.
pub const LONG: Text = Text::Token(1, 512);
/// Shorter ones.
pub const SHORT: Text = Text::Token(1, 50);
/// The shortest.
pub const TINY: Text = Text::Token(1, 20);
/// A day as most fields have it.
pub const DAY: Text = Text::Day(2006);

/// White space collapsed as XML Schema does it.
pub fn collapse(text: &str) -> Cow<'_, str> {
    let white = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r');
    let trimmed = text.trim_matches(white);
    let mut pairs = trimmed.as_bytes().windows(2);
    let loose = trimmed.contains(['\t', '\n', '\r']) || pairs.any(|two| two == b"  ");
    if !loose {
        return Cow::Borrowed(trimmed);
    }
    Cow::Owned(trimmed.split(white).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" "))
}

/// The day that a text says, without an offset.
pub fn day(text: &str) -> Option<Date> {
    // The parser alone would take a sign before the year.
    (text.len() == 10)
        .then(|| Date::parse(text, format_description!("[year]-[month]-[day]")).ok())?
}

/// Whether a text is a decimal of XML Schema from 0 to 100 with up to 6 decimals. Of all numbers
/// in FA(3) only these have no pattern, so that signs and zeros may stand in front.
fn is_percent(text: &str) -> bool {
    let unsigned = text.strip_prefix('+').unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let numeric = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
    let some = unsigned.bytes().any(|b| b.is_ascii_digit());
    let within = whole.len() < 3 || (whole == "100" && fraction.is_empty());
    some && numeric(whole) && numeric(fraction) && within && fraction.len() <= 6
}

/// Whether a text has the form of `dateTime`; the parser alone takes other forms of ISO 8601.
fn is_instant(text: &str) -> bool {
    let Some((head, tail)) = text.split_at_checked(19) else { return false };
    let shape = head.bytes().zip(b"0000-00-00T00:00:00").all(|(byte, form)| match form {
        b'0' => byte.is_ascii_digit(),
        form => byte == *form,
    });
    let fraction = tail.strip_prefix('.').map(|t| t.bytes().take_while(u8::is_ascii_digit).count());
    let zone = match fraction {
        Some(0) => return false,
        Some(digits) => &tail[1 + digits..],
        None => tail,
    };
    let offset = zone.len() == 6
        && zone.bytes().zip(b"+00:00").all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            b'+' => matches!(byte, b'+' | b'-'),
            form => byte == *form,
        });
    shape && (zone.is_empty() || zone == "Z" || offset)
}

/// The instant that a text says, and whether it has an offset; without one, it is read as UTC.
pub fn instant(text: &str) -> Option<(OffsetDateTime, bool)> {
    if !is_instant(text) {
        return None;
    }
    if let Ok(instant) = OffsetDateTime::parse(text, &Iso8601::PARSING) {
        return Some((instant, true));
    }
    let local = PrimitiveDateTime::parse(text, &Iso8601::PARSING).ok()?;
    Some((local.assume_utc(), false))
}

/// Rule and message for a text that is not of this form.
pub type Complaint = (&'static str, String);

impl Text {
    /// Judges a text.
    ///
    /// # Errors
    /// The rule that it breaks, and a sentence.
    pub fn judge(self, raw: &str) -> Result<(), Complaint> {
        match self {
            Self::Plain(min, max) => return length(raw, min, max),
            Self::Nip => {
                return nip::check(raw)
                    .map_err(|e| ("value.nip", format!("{raw:?} is no NIP: {e}")));
            }
            _ => {}
        }
        let text = collapse(raw);
        let text = text.as_ref();
        let told = if text.chars().count() > 60 {
            format!("{:?}..", text.chars().take(60).collect::<String>())
        } else {
            format!("{text:?}")
        };
        let ensure = |good: bool, rule: &'static str, what: &str| {
            if good { Ok(()) } else { Err((rule, format!("{told} is no {what}"))) }
        };
        match self {
            Self::Token(min, max) => length(text, min, max),
            Self::Amount => ensure(
                is_decimal(text, 16, 2),
                "value.amount",
                "amount: digits, a point and up to 2 decimals, without plus sign, exponent, comma or leading zero",
            ),
            Self::Price => ensure(
                is_decimal(text, 14, 8),
                "value.price",
                "unit price: up to 14 digits, a point and up to 8 decimals",
            ),
            Self::Quantity => ensure(
                is_decimal(text, 16, 6),
                "value.quantity",
                "number with up to 16 digits, a point and up to 6 decimals",
            ),
            Self::Percent => ensure(
                is_percent(text),
                "value.percent",
                "percentage from 0 to 100 with up to 6 decimals",
            ),
            Self::Day(first) => {
                let good = day(text).is_some_and(|d| {
                    d.year() >= first && (d.year() < 2050 || d.ordinal() == 1 && d.year() == 2050)
                });
                ensure(
                    good,
                    "value.date",
                    &format!("date: YYYY-MM-DD without an offset, from {first} to 2050"),
                )
            }
            Self::Instant(first) => {
                let good = instant(text).is_some_and(|(at, _)| {
                    (first..2050).contains(&at.year())
                        && (first != 2025 || at.year() > 2025 || u8::from(at.month()) >= 9)
                });
                ensure(
                    good,
                    "value.time",
                    &format!("time such as 2026-02-01T08:00:00Z, from {first} to 2050"),
                )
            }
            Self::Nip | Self::Plain(..) => Ok(()),
            Self::InternalId => {
                let good = text
                    .split_once('-')
                    .is_some_and(|(nip, rest)| nip::check(nip).is_ok() && digits(rest, &[5]));
                ensure(
                    good,
                    "value.internal_id",
                    "internal identifier: a NIP, a dash and five digits",
                )
            }
            Self::KsefNumber => ensure(
                number::is_reference(text),
                "value.ksef_number",
                "KSeF number: NIP-YYYYMMDD-12HEX-2HEX",
            ),
            Self::Word(words) => ensure(
                words.contains(&text),
                "value.code",
                &format!("value of this field; it takes {}", words.join(", ")),
            ),
            Self::Whole(min, max) => {
                let good = text
                    .strip_prefix('+')
                    .unwrap_or(text)
                    .parse::<u64>()
                    .is_ok_and(|n| (min..=max).contains(&n));
                let range = if min == max { min.to_string() } else { format!("{min} to {max}") };
                ensure(good, "value.code", &format!("value of this field; it takes {range}"))
            }
            Self::Integer => {
                let number = text.strip_prefix(['-', '+']).unwrap_or(text);
                ensure(
                    !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()),
                    "value.number",
                    "whole number",
                )
            }
            Self::Country => ensure(
                COUNTRIES.binary_search(&text).is_ok(),
                "value.code",
                "country code such as PL",
            ),
            Self::EuCountry => ensure(
                EU_COUNTRIES.binary_search(&text).is_ok(),
                "value.code",
                "prefix of a VAT number in the Union such as DE",
            ),
            Self::Currency => ensure(
                CURRENCIES.binary_search(&text).is_ok(),
                "value.code",
                "currency code such as PLN",
            ),
            Self::EuVat => {
                let good = (1..=12).contains(&raw.len())
                    && raw.bytes().all(|b| {
                        b.is_ascii_digit() || b.is_ascii_uppercase() || matches!(b, b'+' | b'*')
                    });
                ensure(
                    good,
                    "value.vat_number",
                    "VAT number without its prefix: 1 to 12 digits and capitals",
                )
            }
            Self::Email => {
                let good = (3..=255).contains(&text.chars().count())
                    && text.find('@').is_some_and(|at| at > 0)
                    && !text.ends_with('@');
                ensure(good, "value.email", "e-mail address")
            }
            Self::Digits(lengths) => ensure(
                digits(raw, lengths),
                "value.digits",
                &format!(
                    "number of {} digits",
                    lengths.iter().map(usize::to_string).collect::<Vec<_>>().join(" or ")
                ),
            ),
            Self::Swift => {
                let good = matches!(raw.len(), 8 | 11)
                    && raw.bytes().take(6).all(|b| b.is_ascii_uppercase())
                    && raw.bytes().skip(6).all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
                ensure(good, "value.swift", "SWIFT code")
            }
            Self::PaymentId => ensure(
                payment_id(text),
                "value.payment_id",
                "payment identifier: 3 digits and 10 letters or digits",
            ),
            Self::PaymentLink => {
                ensure(payment_link(text), "value.payment_link", "link http(s)://host/..?IPKSeF=..")
            }
        }
    }
}

fn length(text: &str, min: usize, max: usize) -> Result<(), Complaint> {
    // Bytes are no fewer than characters.
    let short = text.len() <= max && text.len() >= min.saturating_mul(4);
    let count = if short { text.len().clamp(min, max) } else { text.chars().count() };
    match count {
        0 if min > 0 => Err(("value.length", "is empty".to_owned())),
        _ if count < min => {
            Err(("value.length", format!("has {count} characters; {min} are the least")))
        }
        _ if count > max => {
            Err(("value.length", format!("has {count} characters; {max} are the most")))
        }
        _ => Ok(()),
    }
}

fn digits(text: &str, lengths: &[usize]) -> bool {
    lengths.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

fn payment_id(text: &str) -> bool {
    let (head, tail) = text.split_at_checked(3).unwrap_or_default();
    digits(head, &[3]) && tail.len() == 10 && tail.bytes().all(|b| b.is_ascii_alphanumeric())
}

fn payment_link(text: &str) -> bool {
    let address = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let (Some(address), true) = (address, text.chars().count() <= 512) else { return false };
    let address = address.split('#').next().unwrap_or("");
    let Some((place, query)) = address.split_once('?') else { return false };
    let host = place.split(['/', ':']).next().unwrap_or("");
    let labels = || host.split('.');
    let named = labels().count() >= 2
        && labels()
            .all(|l| !l.is_empty() && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
        && labels()
            .next_back()
            .is_some_and(|l| l.len() >= 2 && l.bytes().all(|b| b.is_ascii_alphabetic()));
    named
        && !address.contains(char::is_whitespace)
        && query.split('&').filter_map(|pair| pair.strip_prefix("IPKSeF=")).any(payment_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: Text, raw: &str) -> Option<&'static str> {
        text.judge(raw).err().map(|(rule, _)| rule)
    }

    #[test]
    fn texts_are_measured_in_characters_after_collapsing() {
        assert_eq!(rule(Text::Token(1, 5), "  a \n b  "), None);
        assert_eq!(rule(Text::Token(1, 5), "żółte"), None);
        assert_eq!(rule(Text::Token(1, 5), "żółtek"), Some("value.length"));
        assert_eq!(rule(Text::Token(1, 5), " \t"), Some("value.length"));
        assert_eq!(rule(Text::Token(0, 5), ""), None);
        assert_eq!(rule(Text::Plain(10, 34), "123456789"), Some("value.length"));
        assert_eq!(rule(Text::Plain(10, 34), "1234567890"), None);
    }

    #[test]
    fn days_have_no_offset_and_are_in_the_calendar() {
        assert_eq!(rule(DAY, "2026-02-28"), None);
        for raw in [
            "2026-02-29",
            "2026-02-15Z",
            "2026-2-15",
            "15-02-2026",
            "2005-12-31",
            "2050-01-02",
            "+2026-02-15",
            "",
        ] {
            assert_eq!(rule(DAY, raw), Some("value.date"), "{raw}");
        }
    }

    #[test]
    fn instants_may_have_an_offset_and_a_fraction() {
        for raw in ["2026-02-01T00:00:00Z", "2026-02-01T00:00:00.123+01:00", "2026-02-01T00:00:00"]
        {
            assert_eq!(rule(Text::Instant(2025), raw), None, "{raw}");
        }
        for raw in [
            "2026-02-01",
            "2025-08-31T23:00:00Z",
            "yesterday",
            "20260201T000000Z",
            "2026-W05-1T00:00:00Z",
            "2026-02-01T00:00:00.Z",
            "2026-02-01T00:00Z",
            "2026-02-01T00:00:00+1",
        ] {
            assert_eq!(rule(Text::Instant(2025), raw), Some("value.time"), "{raw}");
        }
    }

    #[test]
    fn percentages_may_have_signs_and_zeros() {
        for raw in ["0", "100", "100.000", "+5.5", "007", ".5", "5.", "99.999999"] {
            assert_eq!(rule(Text::Percent, raw), None, "{raw}");
        }
        for raw in ["", ".", "-1", "100.01", "101", "1e1", "5,5", "0.0000001", "+-1"] {
            assert_eq!(rule(Text::Percent, raw), Some("value.percent"), "{raw}");
        }
    }

    #[test]
    fn links_to_payments_carry_their_identifier() {
        assert_eq!(
            rule(Text::PaymentLink, "https://pay.example.pl/a?x=1&IPKSeF=123abcdefGH90&y#z"),
            None
        );
        for raw in [
            "https://pay.example.pl/a",
            "ftp://pay.example.pl/?IPKSeF=123abcdefGH90",
            "https://localhost/?IPKSeF=123abcdefGH90",
        ] {
            assert_eq!(rule(Text::PaymentLink, raw), Some("value.payment_link"), "{raw}");
        }
    }
}
