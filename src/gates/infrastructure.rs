//! Infrastructure decisions: where it runs, in which region, who operates it, who restores it.

use super::decision::Decision;
use super::inputs::{Inputs, Role};
use super::spec::Gate;
use super::values::Value;
use crate::evidence::schema;

/// The name on the command line.
pub const ID: &str = "infrastructure";
/// The packet that belongs to it.
pub const PACKET: &str = schema::INFRASTRUCTURE;

/// Each decision with the values that it must name.
pub static DECISIONS: [Decision; 4] = [
    naming(
        "infrastructure/hosting",
        "Hosting provider and account",
        &[Value::Provider, Value::Account],
    ),
    naming("infrastructure/region", "Region and data residency", &[Value::Region]),
    naming("infrastructure/runtime-owner", "Runtime owner", &[Value::RuntimeOwner]),
    naming(
        "infrastructure/secrets-and-backup",
        "Secrets and backup boundary",
        &[Value::Rpo, Value::RestoreOwner],
    ),
];

/// A choice is its own evidence: no packet of a rehearsal speaks of it.
const fn naming(path: &'static str, title: &'static str, values: &'static [Value]) -> Decision {
    Decision { path, title, role: Role::Director, values, rests_on: &[] }
}

/// The gate.
pub fn gate(inputs: &Inputs) -> Gate {
    let checks = DECISIONS.iter().map(|decision| decision.check(inputs).blocking());
    Gate::new(ID, "Infrastructure decisions", checks.collect()).with_packet(PACKET)
}
