//! KSeF numbers and their CRC-8.

use crate::nip::Nip;
use std::fmt;
use time::{Date, Month};

/// Length of the part that the checksum covers: `NIP-YYYYMMDD-12HEX`.
const BODY: usize = 32;
/// Length of the whole number.
const LENGTH: usize = 35;

/// CRC-8 with polynomial 0x07, initial value 0, nothing reflected and no final XOR.
pub fn crc8(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ byte, |crc, _| if crc & 0x80 == 0 { crc << 1 } else { (crc << 1) ^ 0x07 })
    })
}

/// The number that KSeF 2.0 gives to an accepted invoice, its checksum verified.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KsefNumber(String);

/// Why a text is not a valid KSeF number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// Not of the form.
    #[error("a KSeF number is NIP-YYYYMMDD-12HEX-2HEX, 35 characters, hexadecimal in capitals")]
    Form,
    /// Its day is not in the calendar.
    #[error("its date is not in the calendar")]
    Date,
    /// The last two digits do not follow from the others.
    #[error(
        "its CRC-8 is wrong: a character is mistyped, or it is a number of KSeF 1.0, whose \
         checksum was computed otherwise"
    )]
    Checksum,
}

impl KsefNumber {
    /// Reads a number and verifies its checksum. For numbers of invoices that
    /// this system sent; a number that an invoice only refers to is judged by [`is_reference`].
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, NumberError> {
        if text.len() != LENGTH || !is_reference(text) {
            return Err(NumberError::Form);
        }
        if date(text).is_none() {
            return Err(NumberError::Date);
        }
        let crc = format!("{:02X}", crc8(&text.as_bytes()[..BODY]));
        if text.ends_with(&crc) { Ok(Self(text.to_owned())) } else { Err(NumberError::Checksum) }
    }

    /// The number of an invoice of `seller` accepted on `day`; `tail` makes it unique.
    pub fn compose(seller: &Nip, day: Date, tail: [u8; 6]) -> Self {
        let tail: String = tail.iter().map(|byte| format!("{byte:02X}")).collect();
        let (year, month, day) = (day.year(), u8::from(day.month()), day.day());
        let body = format!("{seller}-{year:04}{month:02}{day:02}-{tail}");
        Self(format!("{body}-{:02X}", crc8(body.as_bytes())))
    }

    /// The 35 characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Who sold, as the number says: a NIP, or another identifier of ten characters.
    pub fn seller(&self) -> &str {
        &self.0[..10]
    }

    /// The day of acceptance.
    pub fn day(&self) -> Option<Date> {
        date(&self.0)
    }
}

impl fmt::Display for KsefNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn date(text: &str) -> Option<Date> {
    let month: u8 = text.get(15..17)?.parse().ok()?;
    let month = Month::try_from(month).ok()?;
    Date::from_calendar_date(
        text.get(11..15)?.parse().ok()?,
        month,
        text.get(17..19)?.parse().ok()?,
    )
    .ok()
}

/// Whether a text has the form of a number that an invoice may refer to: one of KSeF 2.0, or one of
/// KSeF 1.0 with a dash in its middle. Checksums are left alone: those of KSeF 1.0 follow another
/// rule.
pub fn is_reference(text: &str) -> bool {
    if !text.is_ascii() {
        return false;
    }
    let Some((seller, rest)) = text.split_at_checked(10) else { return false };
    let Some(rest) = rest.strip_prefix('-') else { return false };
    let Some((day, rest)) = rest.split_at_checked(8) else { return false };
    let Some(rest) = rest.strip_prefix('-') else { return false };
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let hexadecimal = |text: &str, length| {
        text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F'))
    };
    let (letters, last) = seller.as_bytes().split_at(3);
    let company = digits(seller) && letters[0] != b'0' && (letters[1..] != *b"00");
    let other = (seller.starts_with('M') && digits(&seller[1..]))
        || (letters.iter().all(u8::is_ascii_uppercase) && last.iter().all(u8::is_ascii_digit));
    let number = |text: &str| text.parse::<u32>().unwrap_or(0);
    let dated = digits(day)
        && number(&day[..4]) >= 2020
        && (1..=12).contains(&number(&day[4..6]))
        && (1..=31).contains(&number(&day[6..]));
    let tail = match rest.len() {
        15 => hexadecimal(&rest[..12], 12) && rest.as_bytes()[12] == b'-',
        16 => {
            hexadecimal(&rest[..6], 6)
                && rest.as_bytes()[6] == b'-'
                && hexadecimal(&rest[7..13], 6)
                && rest.as_bytes()[13] == b'-'
        }
        _ => false,
    };
    (company || other) && dated && tail && hexadecimal(&rest[rest.len() - 2..], 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use time::macros::date;

    #[test]
    fn the_checksum_is_the_published_one() {
        assert_eq!(crc8(b"123456789"), 0xF4);
        assert_eq!(crc8(b""), 0);
    }

    #[test]
    fn a_composed_number_is_read_back() {
        let nip = Nip::parse("5265877635").unwrap();
        let number = KsefNumber::compose(&nip, date!(2026 - 02 - 01), [0, 0xAB, 1, 2, 3, 0xFF]);
        assert!(number.as_str().starts_with("5265877635-20260201-00AB010203FF-"));
        assert_eq!(KsefNumber::parse(number.as_str()), Ok(number.clone()));
        assert_eq!((number.seller(), number.day()), ("5265877635", Some(date!(2026 - 02 - 01))));
    }

    #[test]
    fn numbers_of_ksef_1_are_references_though_their_checksum_differs() {
        let old = "9999999999-20230908-8BEF280C8D35-4D";
        assert!(is_reference(old));
        assert_eq!(KsefNumber::parse(old), Err(NumberError::Checksum));
        assert!(is_reference("9999999999-20230908-8BEF28-0C8D35-4D"));
        assert_eq!(
            KsefNumber::parse("9999999999-20230908-8BEF28-0C8D35-4D"),
            Err(NumberError::Form)
        );
    }

    #[test]
    fn what_is_no_number_is_no_reference() {
        for text in [
            "",
            "9999999999-20230908-8BEF280C8D35",
            "9999999999-20230908-8BEF280C8D35-4d",
            "9999999999-20231308-8BEF280C8D35-4D",
            "9999999999-19990908-8BEF280C8D35-4D",
            "9009999999-20230908-8BEF280C8D35-4D",
            "999999999٩-20230908-8BEF280C8D3-4D",
            "9999999999_20230908-8BEF280C8D35-4D",
            "9999999999-20230908-8BEF280C8D35-4D ",
        ] {
            assert!(!is_reference(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_one_changed_character_is_noticed(tail: [u8; 6], place in 0..35usize, to in "[0-9A-F]") {
            let nip = Nip::parse("5265877635").unwrap();
            let number = KsefNumber::compose(&nip, date!(2026 - 11 - 27), tail);
            let mut changed = number.as_str().to_owned();
            changed.replace_range(place..=place, &to);
            prop_assume!(changed != number.as_str());
            prop_assert!(KsefNumber::parse(&changed).is_err());
        }

        #[test]
        fn no_text_breaks_the_reader(text in "\\PC{0,40}") {
            let _ = KsefNumber::parse(&text);
        }
    }
}
