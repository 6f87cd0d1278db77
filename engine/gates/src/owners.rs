//! The checks that only their owner's acceptance makes ready: the cutover checklist, the provider
//! acceptance and the infrastructure decisions.

use super::admit::Binding;
use super::decision::OwnerDecision;
use super::inputs::{Inputs, Role};
use super::spec::{Check, Gate};
use super::values::Value;
use flowcontrol_evidence::schema;

/// The name of the cutover checklist on the command line.
pub const CHECKLIST: &str = "checklist";
/// The name of the provider acceptance.
pub const PROVIDER: &str = "provider-acceptance";
/// The name of the infrastructure decisions.
pub const INFRASTRUCTURE: &str = "infrastructure";
/// The packet that belongs to the infrastructure decisions.
pub const INFRASTRUCTURE_PACKET: &str = schema::INFRASTRUCTURE;
/// The decision of the provider acceptance while an acceptance is missing.
pub const NO_GO: &str = "NO-GO";

/// An owner accepts the rehearsal they saw, not a later one.
const REHEARSAL: &[(&str, Binding)] = &[(schema::DRY_RUN, Binding::Snapshot)];
/// The provider is evidenced by its connection, its boundaries by the rehearsal's probes.
const LIVE_PROVIDER: &[(&str, Binding)] =
    &[(schema::CONNECTION, Binding::Profile), (schema::DRY_RUN, Binding::Snapshot)];
/// A choice needs no evidence: no packet is about it.
const CHOICE: &[(&str, Binding)] = &[];

/// How many of [`DECISIONS`] belong to the checklist.
pub(super) const CHECKLIST_LENGTH: usize = 6;

/// The checks of the three gates: what is decided, by which role, naming which values, on which evidence.
#[rustfmt::skip]
pub static DECISIONS: [OwnerDecision; 14] = [
    row("checklist/contracts-frozen", "Contracts frozen", Role::Director, &[], REHEARSAL),
    row("checklist/role-headers", "Role headers mapped", Role::Dispatcher, &[], REHEARSAL),
    row("checklist/scenario-store", "Scenario store rehearsal", Role::Dispatcher, &[], REHEARSAL),
    row("checklist/db-schema", "Database schema", Role::Accountant, &[], REHEARSAL),
    row("checklist/secrets-and-auth", "Secrets and auth", Role::Accountant, &[], REHEARSAL),
    row("checklist/migration-rollback", "Migration and rollback", Role::Director, &[], REHEARSAL),
    row("provider-acceptance/live-provider", "Live DB and auth provider", Role::Director, &[], LIVE_PROVIDER),
    row("provider-acceptance/auth-owner", "Auth and RBAC owner", Role::Director, &[], LIVE_PROVIDER),
    row("provider-acceptance/tenant-secrets", "Tenant and secrets boundary", Role::Director, &[], LIVE_PROVIDER),
    row("provider-acceptance/live-wiring", "Live wiring go/no-go", Role::Director, &[], LIVE_PROVIDER),
    row("infrastructure/hosting", "Hosting provider and account", Role::Director, &[Value::Provider, Value::Account], CHOICE),
    row("infrastructure/region", "Region and data residency", Role::Director, &[Value::Region], CHOICE),
    row("infrastructure/runtime-owner", "Runtime owner", Role::Director, &[Value::RuntimeOwner], CHOICE),
    row("infrastructure/secrets-and-backup", "Secrets and backup boundary", Role::Director, &[Value::Rpo, Value::RestoreOwner], CHOICE),
];

const fn row(
    path: &'static str,
    title: &'static str,
    role: Role,
    values: &'static [Value],
    rests_on: &'static [(&'static str, Binding)],
) -> OwnerDecision {
    OwnerDecision { path, title, role, values, rests_on }
}

/// The decisions of one of the gates.
pub fn of_gate(id: &str) -> impl Iterator<Item = &'static OwnerDecision> {
    DECISIONS.iter().filter(move |decision| decision.gate() == id)
}

fn checks(id: &str, inputs: &Inputs) -> Vec<Check> {
    of_gate(id).map(|decision| decision.check(inputs)).collect()
}

fn blocking(id: &str, inputs: &Inputs) -> Vec<Check> {
    checks(id, inputs).into_iter().map(Check::blocking).collect()
}

/// The cutover checklist: six rehearsals that their owners accept.
pub fn checklist(inputs: &Inputs) -> Gate {
    Gate::new(CHECKLIST, "Cutover checklist", checks(CHECKLIST, inputs))
}

/// The provider acceptance: the director accepts the live provider and its boundaries.
pub fn provider(inputs: &Inputs) -> Gate {
    Gate::new(PROVIDER, "Provider acceptance", blocking(PROVIDER, inputs)).deciding(NO_GO)
}

/// The infrastructure decisions: where it runs, in which region, who operates it, who restores it.
pub fn infrastructure(inputs: &Inputs) -> Gate {
    let checks = blocking(INFRASTRUCTURE, inputs);
    Gate::new(INFRASTRUCTURE, "Infrastructure decisions", checks).with_packet(INFRASTRUCTURE_PACKET)
}

#[cfg(test)]
mod tests {
    use super::{CHECKLIST, CHECKLIST_LENGTH, DECISIONS, INFRASTRUCTURE, PROVIDER, of_gate};

    #[test]
    fn every_decision_belongs_to_one_of_the_gates_and_the_checklist_comes_first() {
        let lengths = [CHECKLIST, PROVIDER, INFRASTRUCTURE].map(|id| of_gate(id).count());
        assert_eq!(lengths, [6, 4, 4]);
        assert!(DECISIONS[..CHECKLIST_LENGTH].iter().all(|d| d.gate() == CHECKLIST));
    }
}
