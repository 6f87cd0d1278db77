//! `oidc-rbac`: bearer access tokens of OpenID Providers, verified here, and how people get theirs.
//!
//! `token`, `decide`, `jwks` and `signature` are functions of data; `cache` decides when keys are
//! fetched and `verify` puts the parts in order; `source` alone speaks to the network. `login` signs
//! people in, where a client is configured.

mod cache;
mod config;
mod decide;
mod jwks;
mod login;
mod pointer;
mod provider;
mod signature;
mod source;
mod strict;
mod token;
mod verify;

pub use provider::{KIND, build};

use flowcontrol_contract::error::{Error, ErrorKind};

/// Nobody was recognised; the caller is not told why.
fn unauthenticated(why: impl Into<String>) -> Error {
    Error::new(ErrorKind::Unauthenticated, why)
}

/// It is known who calls, and they may not come in.
fn denied(why: impl Into<String>) -> Error {
    Error::new(ErrorKind::Denied, why)
}
