//! Infrastructure decisions: where it runs, in which region, who operates it, who restores it.

use super::admit::acceptance;
use super::inputs::{Inputs, Role};
use super::spec::{Check, Gate};

/// The name on the command line.
pub const ID: &str = "infrastructure";
/// The packet that belongs to it; nothing of this version seals one yet.
pub const PACKET: &str = "ProductionInfrastructureDecision.v1";

/// Each decision with the values that it must name.
const CHECKS: [(&str, &str, &str, &[&str]); 4] = [
    ("hosting", "infrastructure/hosting", "Hosting provider and account", &["provider", "account"]),
    ("region", "infrastructure/region", "Region and data residency", &["region"]),
    ("runtime-owner", "infrastructure/runtime-owner", "Runtime owner", &["runtime_owner"]),
    (
        "secrets-and-backup",
        "infrastructure/secrets-and-backup",
        "Secrets and backup boundary",
        &["rpo", "restore_owner"],
    ),
];

/// The gate.
pub fn gate(inputs: &Inputs) -> Gate {
    let checks = CHECKS.map(|(id, path, title, values)| {
        Check::given(id, title, &[acceptance(inputs, path, Role::Director, values)])
            .blocking()
            .owned_by(inputs.owner(Role::Director))
    });
    Gate::new(ID, "Infrastructure decisions", checks.into()).with_packet(PACKET)
}
