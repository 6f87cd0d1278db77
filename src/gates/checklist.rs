//! Cutover checklist: six rehearsals that their owners accept.

use super::admit::Binding;
use super::decision::Decision;
use super::inputs::{Inputs, Role};
use super::spec::Gate;
use crate::evidence::schema;

/// The name on the command line.
pub const ID: &str = "checklist";

/// The six checks and who owns them.
pub static DECISIONS: [Decision; 6] = [
    on_rehearsal("checklist/contracts-frozen", "Contracts frozen", Role::Director),
    on_rehearsal("checklist/role-headers", "Role headers mapped", Role::Dispatcher),
    on_rehearsal("checklist/scenario-store", "Scenario store rehearsal", Role::Dispatcher),
    on_rehearsal("checklist/db-schema", "Database schema", Role::Accountant),
    on_rehearsal("checklist/secrets-and-auth", "Secrets and auth", Role::Accountant),
    on_rehearsal("checklist/migration-rollback", "Migration and rollback", Role::Director),
];

/// What an owner accepts is the rehearsal they saw, and not the next one.
const fn on_rehearsal(path: &'static str, title: &'static str, role: Role) -> Decision {
    Decision { path, title, role, values: &[], rests_on: &[(schema::DRY_RUN, Binding::Snapshot)] }
}

/// The gate.
pub fn gate(inputs: &Inputs) -> Gate {
    let checks = DECISIONS.iter().map(|decision| decision.check(inputs));
    Gate::new(ID, "Cutover checklist", checks.collect())
}
