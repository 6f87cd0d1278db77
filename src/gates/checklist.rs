//! Cutover checklist: six rehearsals that their owners accept.

use super::admit::acceptance;
use super::inputs::{Inputs, Role};
use super::spec::{Check, Gate};

/// The name on the command line.
pub const ID: &str = "checklist";

/// The six checks and who owns them.
const CHECKS: [(&str, &str, &str, Role); 6] = [
    ("contracts-frozen", "checklist/contracts-frozen", "Contracts frozen", Role::Director),
    ("role-headers", "checklist/role-headers", "Role headers mapped", Role::Dispatcher),
    ("scenario-store", "checklist/scenario-store", "Scenario store rehearsal", Role::Dispatcher),
    ("db-schema", "checklist/db-schema", "Database schema", Role::Accountant),
    ("secrets-and-auth", "checklist/secrets-and-auth", "Secrets and auth", Role::Accountant),
    (
        "migration-rollback",
        "checklist/migration-rollback",
        "Migration and rollback",
        Role::Director,
    ),
];

/// The gate.
pub fn gate(inputs: &Inputs) -> Gate {
    let checks = CHECKS.map(|(id, path, title, role)| {
        Check::given(id, title, &[acceptance(inputs, path, role, &[])]).owned_by(inputs.owner(role))
    });
    Gate::new(ID, "Cutover checklist", checks.into())
}
