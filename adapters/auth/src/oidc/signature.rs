//! Signatures: jsonwebtoken with ring as its cryptographic backend.
//!
//! ring is in the program already, for TLS; jsonwebtoken's own backends would bring a second
//! implementation of everything. Ours only verifies: there is no key to sign with.

use super::error::unauthenticated;
use flowcontrol_contract::error::Result;
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result as JwtResult};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind, EncodingKey};
use ring::signature as ring;
use std::sync::Once;

static RING: CryptoProvider = CryptoProvider {
    signer_factory: cannot_sign,
    verifier_factory: verifier,
    key_utils: KeyUtils::new_unimplemented(),
};

/// A key and the one algorithm that it is for. The token's header has no say in it.
#[derive(Clone, Debug)]
pub struct Key {
    /// What it verifies.
    pub algorithm: Algorithm,
    key: DecodingKey,
}

impl Key {
    /// A public key for `algorithm`.
    pub fn new(algorithm: Algorithm, key: DecodingKey) -> Self {
        Self { algorithm, key }
    }
}

/// Makes ring the process's backend, unless one was chosen already.
pub fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let _chosen_already = RING.install_default();
    });
}

/// Verifies that `signature` is `key`'s over `signed`.
///
/// # Errors
/// `Unauthenticated` when it is not.
pub fn verify(key: &Key, signed: &str, signature: &str) -> Result<()> {
    install();
    match jsonwebtoken::crypto::verify(signature, signed.as_bytes(), &key.key, key.algorithm) {
        Ok(true) => Ok(()),
        Ok(false) | Err(_) => Err(unauthenticated("the token's signature is not valid")),
    }
}

/// Whether ring can verify it; HMACs are not signatures.
pub fn supported(algorithm: Algorithm) -> bool {
    check(algorithm).is_some()
}

fn cannot_sign(_: &Algorithm, _: &EncodingKey) -> JwtResult<Box<dyn JwtSigner>> {
    Err(ErrorKind::UnsupportedAlgorithm.into())
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> JwtResult<Box<dyn JwtVerifier>> {
    match check(*algorithm) {
        Some(check) if key.family() == algorithm.family() => {
            Ok(Box::new(Verifier { algorithm: *algorithm, check, key: key.clone() }))
        }
        _ => Err(ErrorKind::InvalidAlgorithm.into()),
    }
}

#[derive(Clone, Copy)]
enum Check {
    Rsa(&'static ring::RsaParameters),
    Other(&'static dyn ring::VerificationAlgorithm),
}

fn check(algorithm: Algorithm) -> Option<Check> {
    Some(match algorithm {
        Algorithm::RS256 => Check::Rsa(&ring::RSA_PKCS1_2048_8192_SHA256),
        Algorithm::RS384 => Check::Rsa(&ring::RSA_PKCS1_2048_8192_SHA384),
        Algorithm::RS512 => Check::Rsa(&ring::RSA_PKCS1_2048_8192_SHA512),
        Algorithm::PS256 => Check::Rsa(&ring::RSA_PSS_2048_8192_SHA256),
        Algorithm::PS384 => Check::Rsa(&ring::RSA_PSS_2048_8192_SHA384),
        Algorithm::PS512 => Check::Rsa(&ring::RSA_PSS_2048_8192_SHA512),
        Algorithm::ES256 => Check::Other(&ring::ECDSA_P256_SHA256_FIXED),
        Algorithm::ES384 => Check::Other(&ring::ECDSA_P384_SHA384_FIXED),
        Algorithm::EdDSA => Check::Other(&ring::ED25519),
        _ => return None,
    })
}

struct Verifier {
    algorithm: Algorithm,
    check: Check,
    key: DecodingKey,
}

impl JwtVerifier for Verifier {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl signature::Verifier<Vec<u8>> for Verifier {
    fn verify(&self, message: &[u8], given: &Vec<u8>) -> std::result::Result<(), signature::Error> {
        let answer = match (self.check, self.key.kind()) {
            (Check::Rsa(parameters), DecodingKeyKind::RsaModulusExponent { n, e }) => {
                ring::RsaPublicKeyComponents { n, e }.verify(parameters, message, given)
            }
            (Check::Rsa(parameters), DecodingKeyKind::SecretOrDer(der)) => {
                ring::UnparsedPublicKey::new(parameters, der).verify(message, given)
            }
            (Check::Other(check), DecodingKeyKind::SecretOrDer(point)) => {
                ring::UnparsedPublicKey::new(check, point).verify(message, given)
            }
            (Check::Other(_), DecodingKeyKind::RsaModulusExponent { .. }) => {
                return Err(signature::Error::new());
            }
        };
        answer.map_err(|_| signature::Error::new())
    }
}
