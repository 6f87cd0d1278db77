//! Hashes, AES-256-CBC and RSA-OAEP as KSeF wants them.
//!
//! The IV never travels inside the ciphertext; KSeF takes it from `initializationVector` alone.

mod envelope;
mod symmetric;

pub use envelope::{EnvelopeError, PrivateKey, PublicKey};
pub use symmetric::{Decryptor, Encryptor, PaddingError, SymmetricKey};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

/// SHA-256 of raw bytes in standard base64 with padding, 44 characters: KSeF's `invoiceHash` and
/// every hash like it.
pub fn sha256_base64(bytes: impl AsRef<[u8]>) -> String {
    encode(Sha256::digest(bytes))
}

/// Standard base64 with padding.
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

/// Reads standard base64; `None` when it is anything else, such as unpadded or URL-safe base64.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// SHA-256 over bytes that come in pieces.
#[derive(Clone, Debug, Default)]
pub struct Hasher {
    digest: Sha256,
    bytes: u64,
}

impl Hasher {
    /// Takes the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        self.digest.update(piece);
        self.bytes += piece.len() as u64;
    }

    /// The hash in base64, and how many bytes there were.
    pub fn finish(self) -> (String, u64) {
        (encode(self.digest.finalize()), self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_the_published_one_in_base64() {
        // FIPS 180-2, appendix B.1.
        let abc = "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=";
        assert_eq!(sha256_base64("abc"), abc);
        let mut hasher = Hasher::default();
        hasher.update(b"a");
        hasher.update(b"bc");
        assert_eq!(hasher.finish(), (abc.to_owned(), 3));
    }

    #[test]
    fn base64_has_one_form() {
        assert_eq!(decode("+/8="), Some(vec![0xfb, 0xff]));
        for other in ["-_8=", "+/8", "+/8=\n", " +/8="] {
            assert_eq!(decode(other), None, "{other:?}");
        }
    }
}
