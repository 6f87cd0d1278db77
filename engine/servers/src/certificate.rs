//! The generated certificate of temporary targets. It is never live evidence, because the program
//! that starts the target generates it.

use flowcontrol_base::clock;
use flowcontrol_base::{Failure, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};

/// A server certificate with the certificate of its authority, whose private key is discarded.
pub(super) struct Certificate {
    /// The authority's certificate: what clients trust.
    pub authority_pem: String,
    /// The server's certificate.
    pub server_pem: String,
    /// The server's private key.
    pub key_pem: String,
    /// SHA-256 of the server's certificate in DER, in hex.
    pub sha256: String,
}

impl Certificate {
    /// Generates one for `localhost`, both loopback addresses and `more` names, valid for a week.
    pub(super) fn generate(more: &[String]) -> Result<Self> {
        Self::build(more).map_err(|e| {
            Failure::environment(format!("cannot generate a certificate for the target: {e}"))
        })
    }

    fn build(more: &[String]) -> std::result::Result<Self, rcgen::Error> {
        let now = OffsetDateTime::from_unix_timestamp(clock::now().micros() / 1_000_000)
            .unwrap_or(OffsetDateTime::UNIX_EPOCH);
        // Valid since yesterday, for a container whose clock is behind.
        let (from, until) = (now - Duration::days(1), now + Duration::days(7));

        let mut authority = CertificateParams::new(Vec::new())?;
        authority.distinguished_name.push(DnType::CommonName, "FlowControl rehearsal authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        (authority.not_before, authority.not_after) = (from, until);
        let authority_key = KeyPair::generate()?;
        let authority_pem = authority.self_signed(&authority_key)?.pem();
        let issuer = Issuer::new(authority, authority_key);

        let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
        for name in more {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        let mut server = CertificateParams::new(names)?;
        server.distinguished_name.push(DnType::CommonName, "FlowControl rehearsal server");
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        server.use_authority_key_identifier_extension = true;
        (server.not_before, server.not_after) = (from, until);
        let server_key = KeyPair::generate()?;
        let signed = server.signed_by(&server_key, &issuer)?;
        Ok(Self {
            authority_pem,
            server_pem: signed.pem(),
            key_pem: server_key.serialize_pem(),
            sha256: hex::encode(Sha256::digest(signed.der())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_targets_share_a_certificate() {
        let one = Certificate::generate(&[]).unwrap();
        let two = Certificate::generate(&[]).unwrap();
        assert_ne!(one.sha256, two.sha256);
        assert_ne!(one.key_pem, two.key_pem);
        assert_eq!(one.sha256.len(), 64);
    }

    #[test]
    fn an_invalid_name_is_refused() {
        assert!(Certificate::generate(&["not\u{fffd}ascii".to_owned()]).is_err());
    }
}
