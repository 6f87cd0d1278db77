//! A certificate and its key, judged before anything is signed with them.

use flowcontrol_contract::{Error, ErrorKind, Result, Timestamp};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::fmt;
use x509_parser::prelude::{FromDer, X509Certificate};

/// What a KSeF certificate is for, by its key usage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// `digitalSignature`: signing in.
    Authentication,
    /// `nonRepudiation` alone: the QR codes of offline invoices.
    Offline,
    /// It does not say, as self-signed certificates of the test environment may.
    Unsaid,
}

enum Key {
    Rsa(Box<RsaKeyPair>),
    P256(Box<EcdsaKeyPair>),
}

/// A certificate that signs in, with its private key. `Debug` shows no key.
pub struct Credential {
    certificate: Vec<u8>,
    key: Key,
    until: Timestamp,
}

fn refuse(why: impl Into<String>) -> Error {
    Error::new(ErrorKind::Configuration, why)
}

impl Credential {
    /// Reads a certificate and its PKCS#8 key, both PEM, and judges them: they belong together, the
    /// certificate is valid at `now` and is for signing in, the key is strong enough. `unsaid` admits
    /// a certificate that does not say what it is for.
    ///
    /// # Errors
    /// `Configuration` that names what is wrong and what to do; neither key nor certificate is
    /// repeated.
    pub fn read(certificate: &str, key: &str, now: Timestamp, unsaid: bool) -> Result<Self> {
        let der = CertificateDer::from_pem_slice(certificate.as_bytes()).map_err(|_| {
            refuse("the certificate is not PEM").hint(
                "it starts with -----BEGIN CERTIFICATE-----; of DER, `openssl x509 -inform der` \
                 makes PEM",
            )
        })?;
        let Ok(([], parsed)) = X509Certificate::from_der(&der) else {
            return Err(refuse("the certificate is not X.509"));
        };
        let key = read_key(key)?;
        if key.public() != &*parsed.public_key().subject_public_key.data {
            return Err(refuse("the private key does not belong to the certificate")
                .hint("give the key that the certificate was requested with"));
        }
        let (from, until) = (at(&parsed.validity().not_before)?, at(&parsed.validity().not_after)?);
        if now < from {
            return Err(refuse(format!("the certificate is valid from {from}, and it is {now}"))
                .hint("check this machine's clock"));
        }
        if now > until {
            return Err(refuse(format!("the certificate expired at {until}, and it is {now}"))
                .hint("request a new Authentication certificate from KSeF"));
        }
        match of(&parsed)? {
            Purpose::Authentication => {}
            Purpose::Unsaid if unsaid => {}
            Purpose::Unsaid => {
                return Err(refuse("the certificate does not say what it is for")
                    .hint("KSeF's own certificates do; self-signed ones work on TEST alone"));
            }
            Purpose::Offline => {
                return Err(refuse(
                    "this is an Offline certificate, which signs QR codes and cannot sign in",
                )
                .hint("configure the certificate of the kind Authentication"));
            }
        }
        Ok(Self { certificate: der.to_vec(), key, until })
    }

    /// The certificate in DER.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// When it ends.
    pub fn until(&self) -> Timestamp {
        self.until
    }

    /// The signature algorithm's name in XML.
    pub(super) fn algorithm(&self) -> &'static str {
        match self.key {
            Key::Rsa(_) => super::RSA_SHA256,
            Key::P256(_) => super::ECDSA_SHA256,
        }
    }

    /// Signs bytes; ECDSA gives R||S.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        let random = SystemRandom::new();
        let failed = |_| Error::new(ErrorKind::Unexpected, "the private key cannot sign");
        match &self.key {
            Key::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).map_err(failed)?;
                Ok(signature)
            }
            Key::P256(key) => Ok(key.sign(&random, message).map_err(failed)?.as_ref().to_vec()),
        }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("algorithm", &self.algorithm())
            .field("until", &self.until)
            .finish_non_exhaustive()
    }
}

impl Key {
    fn public(&self) -> &[u8] {
        match self {
            Self::Rsa(key) => key.public_key().as_ref(),
            Self::P256(key) => key.public_key().as_ref(),
        }
    }
}

const CONVERT: &str = "`openssl pkcs8 -topk8 -nocrypt -in KEY -out NEW` writes what is read here: \
                       PKCS#8 without a password";

fn read_key(pem: &str) -> Result<Key> {
    if pem.contains("ENCRYPTED") {
        return Err(refuse("the private key is encrypted with a password").hint(CONVERT));
    }
    let unread = || refuse("the private key is not PEM, or is cut short").hint(CONVERT);
    match PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| unread())? {
        PrivateKeyDer::Pkcs8(der) => {
            let der = der.secret_pkcs8_der();
            if let Ok(key) = RsaKeyPair::from_pkcs8(der) {
                return Ok(Key::Rsa(Box::new(key)));
            }
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der, &SystemRandom::new())
                .map(|key| Key::P256(Box::new(key)))
                .map_err(|_| {
                    refuse("the private key is neither RSA of 2048 to 4096 bits nor ECDSA on P-256")
                        .hint("KSeF takes RSA of at least 2048 bits or ECDSA on P-256")
                })
        }
        PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der())
            .map(|key| Key::Rsa(Box::new(key)))
            .map_err(|_| refuse("the RSA key has fewer than 2048 bits, or more than 4096")),
        _ => Err(refuse("the private key is in a form that is not read").hint(CONVERT)),
    }
}

fn at(time: &x509_parser::time::ASN1Time) -> Result<Timestamp> {
    Timestamp::from_micros(time.timestamp().saturating_mul(1_000_000))
        .map_err(|_| refuse("the certificate's validity is no time"))
}

/// What a certificate in DER is for.
///
/// # Errors
/// `Configuration` when it is no certificate.
pub fn purpose(certificate: &[u8]) -> Result<Purpose> {
    match X509Certificate::from_der(certificate) {
        Ok(([], parsed)) => of(&parsed),
        _ => Err(refuse("the certificate is not X.509")),
    }
}

fn of(certificate: &X509Certificate<'_>) -> Result<Purpose> {
    let usage = certificate
        .key_usage()
        .map_err(|_| refuse("the certificate says twice or unreadably what it is for"))?;
    Ok(match usage {
        None => Purpose::Unsaid,
        Some(usage) if usage.value.digital_signature() => Purpose::Authentication,
        Some(usage) if usage.value.non_repudiation() => Purpose::Offline,
        Some(_) => {
            return Err(refuse("the certificate is for neither signing in nor QR codes"));
        }
    })
}
