//! `oidc-rbac` against a real OpenID Provider, and against tokens forged under that provider's keys.

mod claims;
mod compose;
mod device;
mod keys;
mod probe;
mod scene;
mod tokens;
