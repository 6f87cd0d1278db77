//! RSA-OAEP with SHA-256 and MGF1-SHA-256: to KSeF with its public key, and back in the simulator.

use super::{decode, encode, sha256_base64};
use rsa::pkcs8::{
    DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _,
};
use rsa::traits::PublicKeyParts as _;
use sha2::Sha256;
use std::fmt;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// What keeps a message from being wrapped or unwrapped. Says nothing of its content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Not a certificate, or one without an RSA key.
    #[error("KSeF's public key is unusable: {0}")]
    Key(String),
    /// Not made with this key, or not base64.
    #[error("the message was not encrypted with this key, or not with RSA-OAEP and SHA-256")]
    Sealed,
    /// Longer than the key allows.
    #[error("the message is too long for this key")]
    Length,
}

/// KSeF's public key, as its certificate gives it.
#[derive(Clone)]
pub struct PublicKey {
    key: rsa::PublicKey,
    id: String,
}

impl PublicKey {
    /// From a certificate in DER.
    ///
    /// # Errors
    /// [`EnvelopeError::Key`] when it is not a certificate or its key is not RSA of 2048 bits or more.
    pub fn from_certificate(der: &[u8]) -> Result<Self, EnvelopeError> {
        let refuse = |why: &str| EnvelopeError::Key(why.to_owned());
        let (rest, certificate) =
            X509Certificate::from_der(der).map_err(|_| refuse("it is not an X.509 certificate"))?;
        if !rest.is_empty() {
            return Err(refuse("bytes follow its certificate"));
        }
        Self::from_spki(certificate.public_key().raw)
    }

    /// From a `SubjectPublicKeyInfo` in DER.
    ///
    /// # Errors
    /// [`EnvelopeError::Key`] when the key is not RSA of 2048 bits or more.
    pub fn from_spki(der: &[u8]) -> Result<Self, EnvelopeError> {
        let refuse = |why: &str| EnvelopeError::Key(why.to_owned());
        let key = rsa::PublicKey::from_public_key_der(der).map_err(|_| refuse("it is not RSA"))?;
        if key.size() < 256 {
            return Err(refuse("it has fewer than 2048 bits"));
        }
        Ok(Self { key, id: sha256_base64(der) })
    }

    /// `publicKeyId`: base64 SHA-256 of the `SubjectPublicKeyInfo`, 44 characters.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Encrypts a short message (a session key, or `token|timestampMs`); the result is base64.
    ///
    /// # Errors
    /// [`EnvelopeError::Length`] over 190 bytes for a key of 2048 bits.
    pub fn wrap(&self, message: &[u8]) -> Result<String, EnvelopeError> {
        self.key
            .oaep_encrypt_with_rng::<Sha256, _>(&mut rand::rng(), message)
            .map(encode)
            .map_err(|_| EnvelopeError::Length)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The simulator's side of the envelope. `Debug` hides it.
///
/// Decryption in this library is not free of timing differences (RUSTSEC-2023-0071), which matters
/// to a server that others can measure; the simulator answers on loopback with throw-away keys.
#[derive(Clone)]
pub struct PrivateKey(rsa::PrivateKey);

impl PrivateKey {
    /// A new key of 2048 bits.
    ///
    /// # Errors
    /// [`EnvelopeError::Key`] when the system gives no randomness.
    pub fn generate() -> Result<Self, EnvelopeError> {
        let made = rsa::PrivateKey::new(&mut rand::rng(), 2048);
        made.map(Self).map_err(|e| EnvelopeError::Key(e.to_string()))
    }

    /// From PKCS#8 in DER.
    ///
    /// # Errors
    /// [`EnvelopeError::Key`] when it is anything else.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, EnvelopeError> {
        let read = rsa::PrivateKey::from_pkcs8_der(der);
        read.map(Self).map_err(|_| EnvelopeError::Key("it is not an RSA key in PKCS#8".to_owned()))
    }

    /// PKCS#8 in DER.
    ///
    /// # Errors
    /// [`EnvelopeError::Key`] when the key cannot be encoded.
    pub fn to_pkcs8(&self) -> Result<Vec<u8>, EnvelopeError> {
        let written = self.0.to_pkcs8_der();
        written.map(|d| d.as_bytes().to_vec()).map_err(|e| EnvelopeError::Key(e.to_string()))
    }

    /// The public half.
    ///
    /// # Errors
    /// [`EnvelopeError::Key`] when the key cannot be encoded.
    pub fn public(&self) -> Result<PublicKey, EnvelopeError> {
        let spki = self.0.as_public_key().to_public_key_der();
        let spki = spki.map_err(|e| EnvelopeError::Key(e.to_string()))?;
        PublicKey::from_spki(spki.as_bytes())
    }

    /// Decrypts what [`PublicKey::wrap`] made.
    ///
    /// # Errors
    /// [`EnvelopeError::Sealed`] for anything else; it does not say what is wrong with it.
    pub fn unwrap(&self, sealed: &str) -> Result<Vec<u8>, EnvelopeError> {
        let sealed = decode(sealed).ok_or(EnvelopeError::Sealed)?;
        self.0
            .oaep_decrypt_with_rng::<Sha256, _>(&mut rand::rng(), &sealed)
            .map_err(|_| EnvelopeError::Sealed)
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey([hidden])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrapped_is_unwrapped_by_its_own_key_alone() {
        let (ours, other) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
        let again = PrivateKey::from_pkcs8(&ours.to_pkcs8().unwrap()).unwrap();
        let public = ours.public().unwrap();
        assert_eq!(public.id().len(), 44);
        let sealed = public.wrap(b"token|1764200000000").unwrap();
        assert_ne!(sealed, public.wrap(b"token|1764200000000").unwrap());
        assert_eq!(again.unwrap(&sealed).unwrap(), b"token|1764200000000");
        assert_eq!(other.unwrap(&sealed), Err(EnvelopeError::Sealed));
        assert_eq!(ours.unwrap("not base64"), Err(EnvelopeError::Sealed));
        assert_eq!(public.wrap(&[0; 191]), Err(EnvelopeError::Length));
        assert_eq!(format!("{ours:?}"), "PrivateKey([hidden])");
    }

    #[test]
    fn what_is_no_certificate_is_named() {
        let error = PublicKey::from_certificate(b"-----BEGIN").unwrap_err();
        assert_eq!(
            error.to_string(),
            "KSeF's public key is unusable: it is not an X.509 certificate"
        );
    }
}
