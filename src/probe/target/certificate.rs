//! Reads the server's certificate in a separate TLS handshake, since sqlx does not expose it.

use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::Digest;
use flowcontrol_database::{Endpoint, TlsTrust};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Postgres' SSLRequest message: length 8, then the code 1234.5679.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xD2, 0x16, 0x2F];

/// The result of the handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// SHA-256 of the certificate in DER form.
    pub fingerprint: Digest,
    /// Why the chain or the host name is not trusted; `None` when it is.
    pub distrusted: Option<String>,
}

/// Records the certificate and delegates to the standard verification.
#[derive(Debug)]
struct Recorder {
    trust: Arc<WebPkiServerVerifier>,
    seen: Mutex<Option<Digest>>,
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Ok(mut seen) = self.seen.lock() {
            *seen = Some(Digest::of(end_entity.as_ref()));
        }
        self.trust.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.trust.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.trust.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.trust.supported_verify_schemes()
    }
}

fn roots(ca: Option<&Path>) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let Some(path) = ca else {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        return Ok(roots);
    };
    let refuse = |why: String| {
        Failure::usage(format!("the CA file {} {why}", path.display()))
            .hint("name a PEM file with the server's root certificate")
    };
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| refuse(format!("cannot be read: {e}")))?;
    let (added, _) = roots.add_parsable_certificates(certificates);
    if added == 0 { Err(refuse("holds no certificate".into())) } else { Ok(roots) }
}

/// Reads the server's certificate; `None` when the endpoint is configured without TLS.
///
/// # Errors
/// When the server cannot be reached, does not support TLS, or fails the handshake for a reason other
/// than an untrusted certificate.
pub async fn certificate(endpoint: &Endpoint, limit: Duration) -> Result<Option<Certificate>> {
    let TlsTrust::VerifyFull { ca } = &endpoint.tls else { return Ok(None) };
    let roots = roots(ca.as_deref())?;
    let handshake = handshake(endpoint, roots);
    match tokio::time::timeout(limit, handshake).await {
        Ok(result) => result.map(Some),
        Err(_) => Err(Failure::environment(format!(
            "{} did not complete a TLS handshake within {} s",
            endpoint.redacted(),
            limit.as_secs()
        ))
        .hint("check host, port and firewall")),
    }
}

async fn handshake(endpoint: &Endpoint, roots: RootCertStore) -> Result<Certificate> {
    let unreachable = |e: std::io::Error| {
        Failure::environment(format!("cannot reach {}: {e}", endpoint.redacted()))
            .hint("check host, port and firewall")
    };
    let host = endpoint.host.as_str();
    let mut socket = TcpStream::connect((host, endpoint.port)).await.map_err(unreachable)?;
    socket.write_all(&SSL_REQUEST).await.map_err(unreachable)?;
    match socket.read_u8().await.map_err(unreachable)? {
        b'S' => {}
        b'N' => {
            return Err(Failure::environment(format!(
                "{} does not support TLS, which is required",
                endpoint.redacted()
            ))
            .hint("turn on ssl on the server; tls = { off = true } is allowed on loopback only"));
        }
        _ => {
            return Err(Failure::environment(format!(
                "{} does not answer as a Postgres server",
                endpoint.redacted()
            ))
            .hint("check host and port"));
        }
    }
    let provider = Arc::new(ring::default_provider());
    let broken = |e: &dyn std::fmt::Display| {
        Failure::environment(format!("TLS with {} failed: {e}", endpoint.redacted()))
    };
    let trust = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .map_err(|e| {
            broken(&e)
                .hint("this machine has no trusted root certificate: configure one with tls.ca")
        })?;
    let recorder = Arc::new(Recorder { trust, seen: Mutex::new(None) });
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| broken(&e))?
        .dangerous()
        .with_custom_certificate_verifier(recorder.clone())
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).map_err(|e| broken(&e))?;
    let outcome = TlsConnector::from(Arc::new(config)).connect(name, socket).await;
    let seen = recorder.seen.lock().ok().and_then(|seen| *seen);
    match (seen, outcome) {
        (Some(fingerprint), Ok(_)) => Ok(Certificate { fingerprint, distrusted: None }),
        (Some(fingerprint), Err(e)) => {
            Ok(Certificate { fingerprint, distrusted: Some(distrust(&e.to_string())) })
        }
        (None, Err(e)) => Err(broken(&e)),
        (None, Ok(_)) => Err(broken(&"the server sent no certificate in the handshake")),
    }
}

/// Why the certificate is not trusted, with the TLS library's internal names replaced by
/// sentences.
fn distrust(why: &str) -> String {
    if why.contains("CaUsedAsEndEntity") {
        return "it is a certificate authority's own certificate: let the server show one that the \
                authority issued for it (CA:FALSE), and name the authority's as tls.ca"
            .to_owned();
    }
    why.to_owned()
}
