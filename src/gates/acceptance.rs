//! Provider acceptance: the director's word on the live provider and its boundaries.

use super::admit::acceptance;
use super::inputs::{Inputs, Role};
use super::spec::{Check, Gate};

/// The name on the command line.
pub const ID: &str = "provider-acceptance";
/// What is decided while a word is missing.
pub const NO_GO: &str = "NO-GO";

const CHECKS: [(&str, &str, &str); 4] = [
    ("live-provider", "provider-acceptance/live-provider", "Live DB and auth provider"),
    ("auth-owner", "provider-acceptance/auth-owner", "Auth and RBAC owner"),
    ("tenant-secrets", "provider-acceptance/tenant-secrets", "Tenant and secrets boundary"),
    ("live-wiring", "provider-acceptance/live-wiring", "Live wiring go/no-go"),
];

/// The gate.
pub fn gate(inputs: &Inputs) -> Gate {
    let checks = CHECKS.map(|(id, path, title)| {
        Check::given(id, title, &[acceptance(inputs, path, Role::Director, &[])])
            .blocking()
            .owned_by(inputs.owner(Role::Director))
    });
    Gate::new(ID, "Provider acceptance", checks.into()).deciding(NO_GO)
}
