//! Reference numbers: the only text of KSeF's answers that goes into the paths of later requests.

use serde::{Deserialize, Serialize};
use std::fmt;

/// 36 characters of ASCII letters, digits and `-`, such as
/// `20250625-EE-319D7EE000-B67F415CDC-2C`. What could change a path never becomes one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReferenceNumber(String);

/// The text is not a valid reference number. It is not repeated: it came from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a reference number has 36 characters, only letters, digits and hyphens")]
pub struct ReferenceError;

impl ReferenceNumber {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ReferenceNumber {
    type Error = ReferenceError;

    fn try_from(text: String) -> Result<Self, ReferenceError> {
        let good = text.len() == 36 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if good { Ok(Self(text)) } else { Err(ReferenceError) }
    }
}

impl std::str::FromStr for ReferenceNumber {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        Self::try_from(text.to_owned())
    }
}

impl From<ReferenceNumber> for String {
    fn from(reference: ReferenceNumber) -> Self {
        reference.0
    }
}

impl fmt::Display for ReferenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
