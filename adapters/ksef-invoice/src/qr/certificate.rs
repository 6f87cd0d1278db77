//! The certificate that signs KOD II, judged before it signs anything.

use crate::key::{KeyError, SigningKey};
use ring::signature::RSA_PSS_SHA256;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::fmt;
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Why a certificate cannot sign KOD II. Repeats neither key nor certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Unreadable.
    #[error("the certificate is not X.509 in PEM (-----BEGIN CERTIFICATE-----)")]
    Certificate,
    /// Unreadable, or of a kind that KSeF does not take.
    #[error("{0} ({hint})", hint = .0.hint())]
    Key(#[from] KeyError),
    /// Of another pair.
    #[error("the private key does not belong to the certificate")]
    Pair,
    /// One that signs in.
    #[error(
        "this is an Authentication certificate (key usage digitalSignature); KOD II is signed with \
         one of the kind Offline (nonRepudiation), requested from KSeF separately"
    )]
    Authentication,
    /// One without a kind.
    #[error(
        "the certificate does not say that it is of the kind Offline (key usage nonRepudiation)"
    )]
    Unsaid,
    /// Too early or too late.
    #[error("the certificate is valid from {from} to {until}, and it is {now}")]
    Time {
        /// Its first instant.
        from: OffsetDateTime,
        /// Its last.
        until: OffsetDateTime,
        /// The present one.
        now: OffsetDateTime,
    },
    /// The key refused.
    #[error("the private key cannot sign")]
    Sign,
}

/// An `Offline` certificate of KSeF with its private key, valid now. `Debug` shows no key.
pub struct OfflineCertificate {
    serial: String,
    key: SigningKey,
}

impl fmt::Debug for OfflineCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OfflineCertificate").field("serial", &self.serial).finish_non_exhaustive()
    }
}

impl OfflineCertificate {
    /// Reads certificate and key, both PEM, and judges them.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn read(
        certificate: &str,
        key: &str,
        now: OffsetDateTime,
    ) -> Result<Self, CertificateError> {
        let der = CertificateDer::from_pem_slice(certificate.as_bytes())
            .map_err(|_| CertificateError::Certificate)?;
        let Ok(([], parsed)) = X509Certificate::from_der(&der) else {
            return Err(CertificateError::Certificate);
        };
        let usage = parsed.key_usage().map_err(|_| CertificateError::Certificate)?;
        match usage.map(|u| (u.value.digital_signature(), u.value.non_repudiation())) {
            Some((true, _)) => return Err(CertificateError::Authentication),
            Some((false, true)) => {}
            _ => return Err(CertificateError::Unsaid),
        }
        let validity = parsed.validity();
        let (from, until) = (validity.not_before.to_datetime(), validity.not_after.to_datetime());
        if !(from..=until).contains(&now) {
            return Err(CertificateError::Time { from, until, now });
        }
        let key = SigningKey::read(key)?;
        if key.public() != &*parsed.public_key().subject_public_key.data {
            return Err(CertificateError::Pair);
        }
        Ok(Self { serial: serial(parsed.raw_serial()), key })
    }

    /// Its serial number as KSeF shows it: hexadecimal in capitals.
    pub fn serial(&self) -> &str {
        &self.serial
    }

    /// Signs: RSA-PSS with SHA-256 and a salt of 32 bytes, or ECDSA on P-256 as R||S.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, CertificateError> {
        self.key.sign(&RSA_PSS_SHA256, message).ok_or(CertificateError::Sign)
    }
}

/// DER puts a zero before a number whose first bit is set, to keep it positive.
fn serial(der: &[u8]) -> String {
    let digits = match der {
        [0, rest @ ..] if rest.first().is_some_and(|byte| byte & 0x80 != 0) => rest,
        all => all,
    };
    digits.iter().map(|byte| format!("{byte:02X}")).collect()
}

#[cfg(test)]
mod tests {
    use super::serial;

    #[test]
    fn a_serial_number_is_spelled_as_ksef_shows_it() {
        assert_eq!(serial(&[0x01, 0xF2, 0x0A, 0x5D, 0x35, 0x2A, 0xE5, 0x90]), "01F20A5D352AE590");
        assert_eq!(serial(&[0x00, 0x9A, 0x01]), "9A01");
        assert_eq!(serial(&[0x00]), "00");
    }
}
