//! Polish tax identification numbers.

use std::fmt;

/// A NIP: ten ASCII digits whose last one is the checksum of the others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nip(String);

/// Why a text is not a valid NIP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NipError {
    /// Not ten ASCII digits.
    #[error("a NIP is ten digits 0-9, without dashes, spaces or a country prefix")]
    Form,
    /// Tax offices have numbers from 101 on, none with two zeros after its first digit.
    #[error("no tax office has these first three digits")]
    Office,
    /// The last digit does not follow from the others.
    #[error("its checksum is wrong: a digit is mistyped")]
    Checksum,
}

/// Weights of the first nine digits; the sum modulo 11 is the last one.
const WEIGHTS: [u32; 9] = [6, 5, 7, 2, 3, 4, 5, 6, 7];

impl Nip {
    /// Reads a NIP as KSeF writes it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, NipError> {
        check(text).map(|()| Self(text.to_owned()))
    }

    /// The ten digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Nip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Checks form, office and checksum, without keeping the text.
///
/// # Errors
/// What is wrong with it.
pub fn check(text: &str) -> Result<(), NipError> {
    let digits = text.as_bytes();
    if digits.len() != 10 || !digits.iter().all(u8::is_ascii_digit) {
        return Err(NipError::Form);
    }
    if digits[0] == b'0' || (digits[1] == b'0' && digits[2] == b'0') {
        return Err(NipError::Office);
    }
    let sum: u32 = WEIGHTS.iter().zip(digits).map(|(w, d)| w * u32::from(d - b'0')).sum();
    // A remainder of ten is not a digit: such a number is never issued.
    if sum % 11 == u32::from(digits[9] - b'0') { Ok(()) } else { Err(NipError::Checksum) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_use_are_read() {
        for text in ["5265877635", "9999999999", "1111111111"] {
            assert_eq!(Nip::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn what_is_no_nip_is_refused_for_its_reason() {
        use NipError::{Checksum, Form, Office};
        for (text, why) in [
            ("526-587-76-35", Form),
            ("526587763", Form),
            ("52658776350", Form),
            ("PL5265877635", Form),
            (" 526587763", Form),
            ("٥٢٦٥٨٧٧٦٣٥", Form),
            ("0265877635", Office),
            ("5005877635", Office),
            ("5265877636", Checksum),
            // The remainder of its first nine digits is ten.
            ("1234567890", Checksum),
        ] {
            assert_eq!(Nip::parse(text), Err(why), "{text}");
        }
    }

    #[test]
    fn one_mistyped_digit_is_always_noticed() {
        let good = "5265877635";
        for place in 0..10 {
            for digit in '0'..='9' {
                let mut typed: Vec<char> = good.chars().collect();
                if typed[place] != digit {
                    typed[place] = digit;
                    let typed: String = typed.into_iter().collect();
                    assert!(Nip::parse(&typed).is_err(), "{typed}");
                }
            }
        }
    }
}
