//! Public keys, written as `ed25519:` and 64 hex digits.

use ed25519_dalek::VerifyingKey;
use ed25519_dalek::pkcs8::DecodePublicKey as _;
use serde::de::{Deserializer, Error as _, IgnoredAny};
use serde::{Deserialize, Serialize};
use std::fmt;

const PREFIX: &str = "ed25519:";
const WANTED: &str = "a public key is written as ed25519: and 64 lower-case hex digits, as \
`flowcontrol keys show FILE` prints it";

/// A public key; never one of small order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(into = "String")]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Parses `ed25519:` and 64 hex digits. The error never repeats the input: it may be a private key.
    ///
    /// # Errors
    /// One sentence: what is expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.contains("PRIVATE KEY") {
            return Err(format!("this is a private key, which must stay secret; {WANTED}"));
        }
        let mut bytes = [0; 32];
        let digits = text.strip_prefix(PREFIX).ok_or(WANTED)?;
        match hex::decode_to_slice(digits, &mut bytes) {
            Ok(()) if hex::encode(bytes) == digits => Self::from_bytes(bytes),
            _ => Err(WANTED.to_owned()),
        }
    }

    /// Reads a public key's PEM, as `openssl pkey -pubout` writes it.
    ///
    /// # Errors
    /// One sentence: why it is not a valid public key.
    pub fn from_pem(pem: &str) -> Result<Self, String> {
        let key = VerifyingKey::from_public_key_pem(pem)
            .map_err(|_| "it is not a valid Ed25519 public key in PEM".to_owned())?;
        Self::from_bytes(key.to_bytes())
    }

    /// # Errors
    /// When the key is of small order, or is not canonically encoded.
    pub(super) fn from_bytes(bytes: [u8; 32]) -> Result<Self, String> {
        let strong = VerifyingKey::from_bytes(&bytes)
            .is_ok_and(|key| !key.is_weak() && key.to_edwards().compress().0 == bytes);
        if strong { Ok(Self(bytes)) } else { Err("no private key has this public key".to_owned()) }
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// `ed25519:` and eight digits, for sentences that tell keys apart.
    pub fn short(&self) -> String {
        self.to_string()[..PREFIX.len() + 8].to_owned()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", hex::encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> Self {
        key.to_string()
    }
}

/// Written by hand: a derived implementation would repeat the refused input in its error.
impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Any {
            Text(String),
            Other(IgnoredAny),
        }
        match Any::deserialize(deserializer)? {
            Any::Text(text) => Self::parse(&text).map_err(D::Error::custom),
            Any::Other(_) => Err(D::Error::custom(WANTED)),
        }
    }
}
