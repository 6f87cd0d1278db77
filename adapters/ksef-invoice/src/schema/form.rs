//! The forms of texts that have one of their own.

use std::borrow::Cow;
use time::format_description::well_known::Iso8601;
use time::macros::format_description;
use time::{Date, OffsetDateTime, PrimitiveDateTime};

/// Without the white space of XML around it; a space of another kind is a character like any other.
pub fn trim(text: &str) -> &str {
    text.trim_matches(is_white)
}

/// Whether a character is white space to XML.
pub fn is_white(char: char) -> bool {
    matches!(char, ' ' | '\t' | '\n' | '\r')
}

/// White space collapsed as XML Schema does it.
pub fn collapse(text: &str) -> Cow<'_, str> {
    let trimmed = trim(text);
    let mut before = 0;
    let loose = trimmed.bytes().any(|byte| {
        let loose = matches!(byte, b'\t' | b'\n' | b'\r') || (byte, before) == (b' ', b' ');
        before = byte;
        loose
    });
    if !loose {
        return Cow::Borrowed(trimmed);
    }
    Cow::Owned(
        trimmed.split(is_white).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" "),
    )
}

/// The day that a text says, without an offset.
pub fn day(text: &str) -> Option<Date> {
    // The parser alone would take a sign before the year.
    (text.len() == 10)
        .then(|| Date::parse(text, format_description!("[year]-[month]-[day]")).ok())?
}

/// Whether a text is a decimal of XML Schema from 0 to 100 with up to 6 decimals. Of all numbers
/// in FA(3) only these have no pattern, so that signs and zeros may stand in front.
pub fn is_percent(text: &str) -> bool {
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

/// Whether a text is the rest of a VAT number in the Union.
pub fn is_eu_vat(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_digit() || b.is_ascii_uppercase() || matches!(b, b'+' | b'*');
    (1..=12).contains(&text.len()) && text.bytes().all(allowed)
}

/// Whether a text has the form that the schema asks of an e-mail address.
pub fn is_email(text: &str) -> bool {
    (3..=255).contains(&text.chars().count())
        && text.find('@').is_some_and(|at| at > 0)
        && !text.ends_with('@')
}

/// Whether a text is a bank's code.
pub fn is_swift(text: &str) -> bool {
    matches!(text.len(), 8 | 11)
        && text.bytes().take(6).all(|b| b.is_ascii_uppercase())
        && text.bytes().skip(6).all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

/// Whether a text is of digits alone, so many of them.
pub fn digits(text: &str, lengths: &[usize]) -> bool {
    lengths.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

/// Whether a text is the identifier of a payment.
pub fn is_payment_id(text: &str) -> bool {
    let (head, tail) = text.split_at_checked(3).unwrap_or_default();
    digits(head, &[3]) && tail.len() == 10 && tail.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// Whether a text is a link to a payment.
pub fn is_payment_link(text: &str) -> bool {
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
        && query.split('&').filter_map(|pair| pair.strip_prefix("IPKSeF=")).any(is_payment_id)
}
