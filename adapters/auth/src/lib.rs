//! Authentication: plain headers for a demo on one machine, access tokens of OpenID Providers for
//! everything else.

mod mock;
mod oidc;

pub use mock::{HEADERS, build as build_mock};
pub use oidc::build as build_oidc;

/// The kind that believes plain headers.
pub const MOCK: &str = mock::KIND;
/// The kind that verifies access tokens.
pub const OIDC: &str = oidc::KIND;
