//! What texts look like.

use super::codes::{COUNTRIES, CURRENCIES, EU_COUNTRIES};
use super::form::{
    collapse, day, digits, instant, is_email, is_eu_vat, is_payment_id, is_payment_link,
    is_percent, is_swift,
};
use crate::amount::is_decimal;
use crate::{nip, number};
use std::borrow::Cow;

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

/// Rule and message for a text that does not have this form.
pub type Complaint = (&'static str, String);

/// At most this many characters of a refused text are repeated in the message.
const TOLD: usize = 60;

impl Text {
    /// Judges a text. Nothing is formatted for a valid one: an invoice has thousands of them.
    ///
    /// # Errors
    /// The rule that it breaks, and a sentence.
    pub fn judge(self, raw: &str) -> Result<(), Complaint> {
        match self {
            Self::Plain(min, max) => return length(raw, min, max),
            Self::Token(min, max) => return length(&collapse(raw), min, max),
            Self::Nip => {
                return nip::check(raw)
                    .map_err(|e| ("value.nip", format!("{raw:?} is not a valid NIP: {e}")));
            }
            _ => {}
        }
        let text = collapse(raw);
        if self.fits(raw, &text) {
            return Ok(());
        }
        let (rule, what) = self.expected();
        let shown = match text.char_indices().nth(TOLD) {
            Some((end, _)) => format!("{:?}..", &text[..end]),
            None => format!("{text:?}"),
        };
        Err((rule, format!("{shown} is not a valid {what}")))
    }

    /// Whether a text is of this form; `text` is `raw` with its white space collapsed.
    fn fits(self, raw: &str, text: &str) -> bool {
        match self {
            // Judged by length, or with messages of their own.
            Self::Token(..) | Self::Plain(..) | Self::Nip => true,
            Self::Amount => is_decimal(text, 16, 2),
            Self::Price => is_decimal(text, 14, 8),
            Self::Quantity => is_decimal(text, 16, 6),
            Self::Percent => is_percent(text),
            Self::Day(first) => day(text).is_some_and(|d| {
                d.year() >= first && (d.year() < 2050 || d.ordinal() == 1 && d.year() == 2050)
            }),
            Self::Instant(first) => instant(text).is_some_and(|(at, _)| {
                (first..2050).contains(&at.year())
                    && (first != 2025 || at.year() > 2025 || u8::from(at.month()) >= 9)
            }),
            Self::InternalId => text
                .split_once('-')
                .is_some_and(|(nip, rest)| nip::check(nip).is_ok() && digits(rest, &[5])),
            Self::KsefNumber => number::is_reference(text),
            Self::Word(words) => words.contains(&text),
            Self::Whole(min, max) => text
                .strip_prefix('+')
                .unwrap_or(text)
                .parse::<u64>()
                .is_ok_and(|n| (min..=max).contains(&n)),
            Self::Integer => {
                let number = text.strip_prefix(['-', '+']).unwrap_or(text);
                !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
            }
            Self::Country => COUNTRIES.binary_search(&text).is_ok(),
            Self::EuCountry => EU_COUNTRIES.binary_search(&text).is_ok(),
            Self::Currency => CURRENCIES.binary_search(&text).is_ok(),
            Self::EuVat => is_eu_vat(raw),
            Self::Email => is_email(text),
            Self::Digits(lengths) => digits(raw, lengths),
            Self::Swift => is_swift(raw),
            Self::PaymentId => is_payment_id(text),
            Self::PaymentLink => is_payment_link(text),
        }
    }

    /// The rule that a text of another form breaks, and what it should have been.
    fn expected(self) -> (&'static str, Cow<'static, str>) {
        let (rule, what) = match self {
            Self::Token(..) | Self::Plain(..) => ("value.length", "text of this length"),
            Self::Nip => ("value.nip", "NIP"),
            Self::Amount => (
                "value.amount",
                "amount: digits, a point and up to 2 decimals, without plus sign, exponent, comma or leading zero",
            ),
            Self::Price => {
                ("value.price", "unit price: up to 14 digits, a point and up to 8 decimals")
            }
            Self::Quantity => {
                ("value.quantity", "number with up to 16 digits, a point and up to 6 decimals")
            }
            Self::Percent => ("value.percent", "percentage from 0 to 100 with up to 6 decimals"),
            Self::Day(first) => {
                let what = format!("date: YYYY-MM-DD without an offset, from {first} to 2050");
                return ("value.date", what.into());
            }
            Self::Instant(first) => {
                let what = format!("time such as 2026-02-01T08:00:00Z, from {first} to 2050");
                return ("value.time", what.into());
            }
            Self::InternalId => {
                ("value.internal_id", "internal identifier: a NIP, a dash and five digits")
            }
            Self::KsefNumber => ("value.ksef_number", "KSeF number: NIP-YYYYMMDD-12HEX-2HEX"),
            Self::Word(words) => {
                let what = format!("value of this field; allowed: {}", words.join(", "));
                return ("value.code", what.into());
            }
            Self::Whole(min, max) => {
                let range = if min == max { min.to_string() } else { format!("{min} to {max}") };
                return ("value.code", format!("value of this field; allowed: {range}").into());
            }
            Self::Integer => ("value.number", "whole number"),
            Self::Country => ("value.code", "country code such as PL"),
            Self::EuCountry => ("value.code", "prefix of a VAT number in the Union such as DE"),
            Self::Currency => ("value.code", "currency code such as PLN"),
            Self::EuVat => {
                ("value.vat_number", "VAT number without its prefix: 1 to 12 digits and capitals")
            }
            Self::Email => ("value.email", "e-mail address"),
            Self::Digits(lengths) => {
                let lengths: Vec<_> = lengths.iter().map(usize::to_string).collect();
                return (
                    "value.digits",
                    format!("number of {} digits", lengths.join(" or ")).into(),
                );
            }
            Self::Swift => ("value.swift", "SWIFT code"),
            Self::PaymentId => {
                ("value.payment_id", "payment identifier: 3 digits and 10 letters or digits")
            }
            Self::PaymentLink => ("value.payment_link", "link http(s)://host/..?IPKSeF=.."),
        };
        (rule, what.into())
    }
}

fn length(text: &str, min: usize, max: usize) -> Result<(), Complaint> {
    // Bytes are no fewer than characters.
    let short = text.len() <= max && text.len() >= min.saturating_mul(4);
    let count = if short { text.len().clamp(min, max) } else { text.chars().count() };
    match count {
        0 if min > 0 => Err(("value.length", "is empty".to_owned())),
        _ if count < min => {
            Err(("value.length", format!("has {count} characters; at least {min} are required")))
        }
        _ if count > max => {
            Err(("value.length", format!("has {count} characters; at most {max} are allowed")))
        }
        _ => Ok(()),
    }
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
