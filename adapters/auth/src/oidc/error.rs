//! The adapter's name and its refusals.

use flowcontrol_contract::error::{Error, ErrorKind};

/// The adapter's name in the configuration.
pub const KIND: &str = "oidc-rbac";

/// A mistake in the configuration.
pub fn refuse(why: impl Into<String>) -> Error {
    Error::new(ErrorKind::Configuration, why).in_operation(KIND, "configuration")
}

/// The token or the provider's answer is not accepted; the caller of the service is not told why.
pub fn unauthenticated(why: impl Into<String>) -> Error {
    Error::new(ErrorKind::Unauthenticated, why)
}

/// The caller is known, and not authorised for this service.
pub fn denied(why: impl Into<String>) -> Error {
    Error::new(ErrorKind::Denied, why)
}
