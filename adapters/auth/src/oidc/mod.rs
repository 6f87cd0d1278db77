//! `oidc-rbac`: bearer access tokens of OpenID Providers, verified here, and how people get theirs.
//!
//! Files import downwards only, in this order:
//! `error`, `pointer`; `signature`, `token`, `issuer`; `client`, `jwks`; `config`; `decide`, `cache`,
//! `source`; `verify`; `login`, which signs people in where a client is configured; `provider`.
//! `token`, `decide`, `jwks` and `signature` are functions of data; `cache` decides when keys are
//! fetched and `verify` puts the parts in order; `source` alone uses the network.

mod cache;
mod client;
mod config;
mod decide;
mod error;
mod issuer;
mod jwks;
mod login;
mod pointer;
mod provider;
mod signature;
mod source;
mod token;
mod verify;

pub use error::KIND;
pub use provider::build;
