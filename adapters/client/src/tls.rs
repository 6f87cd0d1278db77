//! Whom a client trusts.

use flowcontrol_contract::error::{Error, ErrorKind, Result};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use std::path::Path;
use std::sync::Arc;

/// Mozilla's public roots, and those of the PEM file `ca` beside them.
///
/// # Errors
/// `Configuration` that names the file and what is wrong with it.
pub fn roots(ca: Option<&Path>) -> Result<RootCertStore> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let Some(path) = ca else { return Ok(roots) };
    let wrong = |why: String| {
        Error::new(ErrorKind::Configuration, format!("ca {}: {why}", path.display()))
            .hint("name a PEM file with the certificate of the CA that signs the service's")
    };
    let mut added = 0;
    for certificate in CertificateDer::pem_file_iter(path).map_err(|e| wrong(e.to_string()))? {
        let certificate = certificate.map_err(|e| wrong(e.to_string()))?;
        roots.add(certificate).map_err(|e| wrong(e.to_string()))?;
        added += 1;
    }
    if added == 0 {
        return Err(wrong("it holds no certificate".into()));
    }
    Ok(roots)
}

/// A client's TLS: versions 1.2 and 1.3, on ring.
pub(crate) fn config(ca: Option<&Path>) -> Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| Error::new(ErrorKind::Configuration, format!("TLS: {e}")))?;
    Ok(builder.with_root_certificates(roots(ca)?).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::roots;
    use flowcontrol_contract::ErrorKind;

    #[test]
    fn a_file_without_a_certificate_is_refused_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let public = roots(None).unwrap().len();
        let path = folder.path().join("ca.pem");
        std::fs::write(&path, flowcontrol_standin::Certificate::localhost().unwrap().pem())
            .unwrap();
        assert_eq!(roots(Some(&path)).unwrap().len(), public + 1);
        std::fs::write(&path, "no certificate").unwrap();
        for path in [&path, &folder.path().join("absent.pem")] {
            let error = roots(Some(path)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration);
            assert!(error.message().contains(".pem: "), "{error}");
        }
    }
}
