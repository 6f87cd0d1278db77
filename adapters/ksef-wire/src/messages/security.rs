//! KSeF's public keys.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::serde::rfc3339;

/// `PublicKeyCertificate`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PublicKeyCertificate {
    /// Base64 of the DER.
    pub certificate: String,
    /// Base64 SHA-256 of the DER.
    pub certificate_id: String,
    /// Base64 SHA-256 of the `SubjectPublicKeyInfo`, 44 characters.
    pub public_key_id: String,
    /// From when it may be used.
    #[serde(with = "rfc3339")]
    pub valid_from: OffsetDateTime,
    /// Until when.
    #[serde(with = "rfc3339")]
    pub valid_to: OffsetDateTime,
    /// For what.
    pub usage: Vec<PublicKeyUsage>,
}

/// What a public key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PublicKeyUsage {
    /// Tokens that log in.
    KsefTokenEncryption,
    /// Session keys.
    SymmetricKeyEncryption,
    /// Something newer than this program.
    #[serde(other)]
    Unknown,
}
