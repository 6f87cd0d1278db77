//! A certificate and its key, judged before anything is signed with them.

use flowcontrol_contract::{Error, ErrorKind, Result, Timestamp};
use flowcontrol_ksef_invoice::key::SigningKey;
use ring::signature::RSA_PKCS1_SHA256;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
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

/// A certificate that signs in, with its private key. `Debug` shows no key.
pub struct Credential {
    certificate: Vec<u8>,
    key: SigningKey,
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
        let key = SigningKey::read(key).map_err(|e| refuse(e.to_string()).hint(e.hint()))?;
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
            SigningKey::Rsa(_) => super::RSA_SHA256,
            SigningKey::P256(_) => super::ECDSA_SHA256,
        }
    }

    /// Signs bytes; ECDSA gives R||S.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        self.key
            .sign(&RSA_PKCS1_SHA256, message)
            .ok_or_else(|| Error::new(ErrorKind::Unexpected, "the private key cannot sign"))
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

fn at(time: &x509_parser::time::ASN1Time) -> Result<Timestamp> {
    Timestamp::from_micros(time.timestamp().saturating_mul(1_000_000))
        .map_err(|_| refuse("the certificate's validity period cannot be read"))
}

/// What a certificate in DER is for.
///
/// # Errors
/// `Configuration` when it is not a certificate.
pub fn purpose(certificate: &[u8]) -> Result<Purpose> {
    match X509Certificate::from_der(certificate) {
        Ok(([], parsed)) => of(&parsed),
        _ => Err(refuse("the certificate is not X.509")),
    }
}

fn of(certificate: &X509Certificate<'_>) -> Result<Purpose> {
    let usage = certificate
        .key_usage()
        .map_err(|_| refuse("the certificate's key usage is malformed or given twice"))?;
    Ok(match usage {
        None => Purpose::Unsaid,
        Some(usage) if usage.value.digital_signature() => Purpose::Authentication,
        Some(usage) if usage.value.non_repudiation() => Purpose::Offline,
        Some(_) => {
            return Err(refuse("the certificate is for neither signing in nor QR codes"));
        }
    })
}
