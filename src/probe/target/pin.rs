//! Checks the certificate that the configuration pins.

use super::certificate;
use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::Digest;
use flowcontrol_database::Endpoint;
use std::time::Duration;

/// The time limit for reading the server's certificate.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Checks a server's certificate before a login: no password is sent to a server whose certificate differs
/// from the pinned one. Without a pin nothing is checked.
///
/// # Errors
/// An environment failure with both fingerprints when they differ, or when the server cannot be
/// reached; a usage failure when TLS is turned off.
pub async fn pinned(endpoint: &Endpoint, pin: Option<Digest>) -> Result<()> {
    let Some(pin) = pin else { return Ok(()) };
    match certificate(endpoint, TIMEOUT).await? {
        Some(seen) if seen.fingerprint == pin => Ok(()),
        Some(seen) => Err(Failure::environment(format!(
            "the certificate of {} changed: its SHA-256 is {}, but the configuration pins {pin}",
            endpoint.redacted(),
            seen.fingerprint
        ))
        .hint(
            "no password was sent and nothing was written; ask who runs the server, then change \
             tls.fingerprint",
        )),
        None => Err(Failure::usage("target.external pins a certificate but turns TLS off")
            .hint("remove tls.off or tls.fingerprint")),
    }
}
