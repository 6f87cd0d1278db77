//! A private key that signs, of the two kinds that KSeF takes.

use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RsaEncoding, RsaKeyPair,
};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;

/// RSA of 2048 to 4096 bits, or ECDSA on P-256.
pub enum SigningKey {
    /// RSA.
    Rsa(Box<RsaKeyPair>),
    /// ECDSA.
    P256(Box<EcdsaKeyPair>),
}

/// Why a text is not such a key. Repeats nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It needs a password.
    #[error("the private key is encrypted with a password")]
    Encrypted,
    /// It is not PEM.
    #[error("the private key is not PEM, or is cut short")]
    Pem,
    /// It is neither PKCS#8 nor PKCS#1, such as SEC 1.
    #[error("the private key is in an unsupported form: neither PKCS#8 nor PKCS#1")]
    Form,
    /// RSA that is too short or too long.
    #[error("the RSA key has fewer than 2048 bits, or more than 4096")]
    Bits,
    /// Another algorithm or curve.
    #[error("the private key is neither RSA of 2048 to 4096 bits nor ECDSA on P-256")]
    Algorithm,
}

impl KeyError {
    /// What helps.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Encrypted | Self::Pem | Self::Form => {
                "`openssl pkcs8 -topk8 -nocrypt -in KEY -out NEW` writes the supported form: PKCS#8 \
                 without a password"
            }
            Self::Bits | Self::Algorithm => {
                "KSeF accepts RSA of at least 2048 bits or ECDSA on P-256"
            }
        }
    }
}

impl SigningKey {
    /// Reads a key in PEM: PKCS#8 without a password, or PKCS#1.
    ///
    /// # Errors
    /// Why it is not such a key.
    pub fn read(pem: &str) -> Result<Self, KeyError> {
        if pem.contains("ENCRYPTED") {
            return Err(KeyError::Encrypted);
        }
        match PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| KeyError::Pem)? {
            PrivateKeyDer::Pkcs8(der) => {
                let der = der.secret_pkcs8_der();
                if let Ok(key) = RsaKeyPair::from_pkcs8(der) {
                    return Ok(Self::Rsa(Box::new(key)));
                }
                let random = SystemRandom::new();
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der, &random)
                    .map(|key| Self::P256(Box::new(key)))
                    .map_err(|_| KeyError::Algorithm)
            }
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der())
                .map(|key| Self::Rsa(Box::new(key)))
                .map_err(|_| KeyError::Bits),
            _ => Err(KeyError::Form),
        }
    }

    /// Its public half, as a certificate holds it.
    pub fn public(&self) -> &[u8] {
        match self {
            Self::Rsa(key) => key.public_key().as_ref(),
            Self::P256(key) => key.public_key().as_ref(),
        }
    }

    /// Signs bytes; RSA with `padding`, ECDSA as R||S. `None` when the key refuses.
    pub fn sign(&self, padding: &'static dyn RsaEncoding, message: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(padding, &random, message, &mut signature).ok()?;
                Some(signature)
            }
            Self::P256(key) => Some(key.sign(&random, message).ok()?.as_ref().to_vec()),
        }
    }
}
