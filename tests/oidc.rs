//! `oidc-rbac` against a real OpenID Provider, and against tokens forged under that provider's keys.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what the tests share may panic like the tests themselves"
)]

#[path = "support/forge.rs"]
#[allow(dead_code, reason = "each test program uses a part of this")]
mod forge;
#[path = "support/program.rs"]
#[allow(dead_code, reason = "each test program uses a part of this")]
mod program;
#[path = "support/provider.rs"]
#[allow(dead_code, reason = "each test program uses a part of this")]
mod provider;
mod support;

#[path = "oidc/claims.rs"]
mod claims;
#[path = "oidc/compose.rs"]
mod compose;
#[path = "oidc/device.rs"]
mod device;
#[path = "oidc/keys.rs"]
mod keys;
#[path = "oidc/probe.rs"]
mod probe;
#[path = "oidc/scene.rs"]
mod scene;
#[path = "oidc/tokens.rs"]
mod tokens;
