//! Ed25519 keys and signatures: of acceptances, of packets and of chain heads.
//!
//! Private keys are PKCS#8 PEM, as `openssl genpkey -algorithm ed25519` writes them. Everything
//! that is signed begins with a line that names its kind, so that a signature on one kind of
//! content is not valid for another. `docs/decisions/0007-signatures.md` has the exact bytes.

mod private;
mod public;

pub use private::{PrivateKey, open, public_key_in, write_new};
pub use public::PublicKey;

use ed25519_dalek::{Signature as Raw, VerifyingKey};
use serde::{Deserialize, Serialize};

/// The kind of content that is signed; gives the first line of the signed bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignedKind {
    /// An owner's acceptance.
    Acceptance,
    /// An owner's acceptance, vouched for by the service in which they were signed in.
    SignIn,
    /// A sealed packet.
    Packet,
    /// The end of a chain.
    Head,
}

impl SignedKind {
    /// The signed bytes for `content`.
    pub fn message(self, content: &str) -> Vec<u8> {
        let line = match self {
            Self::Acceptance => "FlowControlAcceptanceSignature.v1",
            Self::SignIn => "FlowControlSignInSignature.v1",
            Self::Packet => "FlowControlPacketSignature.v1",
            Self::Head => "FlowControlHeadSignature.v1",
        };
        format!("{line}\n{content}\n").into_bytes()
    }
}

/// A signature and the public key it claims. Reading one does not verify it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// The public key.
    pub key: PublicKey,
    /// The signature itself.
    pub value: Value,
}

impl Signature {
    /// Whether it is the key's signature on `content`. Strict (RFC 8032): canonical encoding only, no
    /// key of small order, no malleable signature.
    pub fn verifies(&self, subject: SignedKind, content: &str) -> bool {
        let Ok(key) = VerifyingKey::from_bytes(self.key.bytes()) else { return false };
        key.verify_strict(&subject.message(content), &Raw::from_bytes(&self.value.0)).is_ok()
    }
}

/// The 64 bytes of a signature; written as 128 lower-case hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Value([u8; 64]);

impl Value {
    /// Parses 128 lower-case hex digits, the only accepted form.
    ///
    /// # Errors
    /// One sentence: what is expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut bytes = [0; 64];
        match hex::decode_to_slice(text, &mut bytes) {
            Ok(()) if hex::encode(bytes) == text => Ok(Self(bytes)),
            _ => Err("a signature is 128 lower-case hex digits".to_owned()),
        }
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl TryFrom<String> for Value {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl From<Value> for String {
    fn from(value: Value) -> Self {
        value.to_string()
    }
}

#[cfg(test)]
mod tests;
