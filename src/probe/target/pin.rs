//! The certificate that the configuration demands.

use super::certificate;
use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::Digest;
use flowcontrol_database::Endpoint;
use std::time::Duration;

/// Longest wait for the server's certificate.
const PATIENCE: Duration = Duration::from_secs(10);

/// Looks at a server's certificate before anything logs in there: one that shows another
/// certificate than the pinned one gets no password. Without a pin nothing is asked.
///
/// # Errors
/// An environment failure with both fingerprints when they differ, or when the server cannot be
/// reached; a usage failure when it is to be talked to without TLS.
pub async fn pinned(endpoint: &Endpoint, pin: Option<Digest>) -> Result<()> {
    let Some(pin) = pin else { return Ok(()) };
    match certificate(endpoint, PATIENCE).await? {
        Some(seen) if seen.fingerprint == pin => Ok(()),
        Some(seen) => Err(Failure::environment(format!(
            "the certificate of {} changed: its SHA-256 is {}, the configuration pins {pin}",
            endpoint.redacted(),
            seen.fingerprint
        ))
        .hint(
            "no password was sent and nothing was written; ask who runs the server, then change \
             tls.fingerprint",
        )),
        None => Err(Failure::usage("target.external pins a certificate and turns TLS off")
            .hint("remove tls.off or tls.fingerprint")),
    }
}
