//! References and numbers assigned by KSeF, validated before they are used in a path or a file
//! name.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A reference that KSeF assigns to an operation, a session, an invoice in a session or a page of
/// receipts: 36 ASCII letters, digits and hyphens, so that it is safe in a path.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Reference(Arc<str>);

impl Reference {
    /// Parses a reference.
    ///
    /// # Errors
    /// `InvalidInput` for anything else; the text is not repeated, since it may be anything.
    pub fn new(text: impl AsRef<str>) -> Result<Self> {
        let text = text.as_ref();
        let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if text.len() != 36 || !plain {
            return Err(Error::invalid(
                "not a valid KSeF reference: it must be 36 ASCII letters, digits and hyphens",
            ));
        }
        Ok(Self(Arc::from(text)))
    }
}

/// The number that KSeF assigns to an invoice, `NIP-YYYYMMDD-12HEX-2HEX`; 36 characters, with one
/// more hyphen, in KSeF 1.0. The checksum is not verified: numbers of KSeF 1.0 fail it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KsefNumber(Arc<str>);

impl KsefNumber {
    /// Parses a number by its format.
    ///
    /// # Errors
    /// `InvalidInput` that states the rule.
    pub fn new(text: impl AsRef<str>) -> Result<Self> {
        let text = text.as_ref();
        let hex = |part: &str| part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F'));
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        let parts: Vec<&str> = text.split('-').collect();
        let right = match parts[..] {
            [nip, day, middle, end] => {
                (nip.len(), day.len(), middle.len(), end.len()) == (10, 8, 12, 2)
                    && digits(nip)
                    && digits(day)
                    && hex(middle)
                    && hex(end)
            }
            [nip, day, one, two, end] => {
                (nip.len(), day.len(), one.len(), two.len(), end.len()) == (10, 8, 6, 6, 2)
                    && digits(nip)
                    && digits(day)
                    && [one, two, end].into_iter().all(hex)
            }
            _ => false,
        };
        if right {
            Ok(Self(Arc::from(text)))
        } else {
            Err(Error::invalid(
                "a KSeF number is a NIP, a date, 12 and 2 upper-case hex digits with hyphens \
                 between, for example 5265877635-20250626-010080DD2B5E-26",
            ))
        }
    }
}

crate::text::checked!(Reference);
crate::text::checked!(KsefNumber);

#[cfg(test)]
mod tests {
    use super::{KsefNumber, Reference};

    #[test]
    fn what_could_leave_a_path_is_no_reference() {
        assert!(Reference::new("20250625-SO-2C3E6C8000-B675CF5D68-07").is_ok());
        for wrong in [
            "",
            "20250625-SO-2C3E6C8000-B675CF5D68-0",
            "20250625-SO-2C3E6C8000-B675CF5D68-077",
            "20250625-SO-2C3E6C8000/B675CF5D68-07",
            "../../../20250625-SO-2C3E6C8000-B675",
            "20250625-SO-2C3E6C8000%2FB675CF5D-07",
            "20250625-SO-2C3E6C8000-B675CF5D68-ż",
            "20250625-SO-2C3E6C8000-B675CF5D68?07",
        ] {
            let refused = Reference::new(wrong).unwrap_err().to_string();
            assert!(wrong.is_empty() || !refused.contains(wrong), "{refused}");
        }
    }

    #[test]
    fn numbers_of_both_systems_are_read_and_nothing_else() {
        for right in ["5265877635-20250626-010080DD2B5E-26", "5265877635-20250626-010080-DD2B5E-26"]
        {
            assert_eq!(KsefNumber::new(right).unwrap().as_str(), right);
        }
        for wrong in [
            "",
            "5265877635-20250626-010080dd2b5e-26",
            "526587763-520250626-010080DD2B5E-26",
            "5265877635-20250626-010080DD2B5E-2",
            "526-587-76-35-20250626",
            "5265877635-20250626-010080DD2B5E-26\n",
        ] {
            assert!(KsefNumber::new(wrong).is_err(), "{wrong}");
        }
    }
}
