//! Decision board: seven decisions over the selected bundle and the owners' checklist.

use super::inputs::{Inputs, Role};
use super::spec::{Check, Condition, Gate};

/// The name on the command line.
pub const ID: &str = "board";

/// The adapter bundle that the profile leads to.
///
/// # Errors
/// One sentence when its kinds do not form a known bundle.
pub fn selected(inputs: &Inputs) -> Result<&'static str, String> {
    let name = &inputs.profile.name;
    let none = || format!("the adapter kinds of profile {name} do not form a known bundle");
    inputs.profile.target().ok_or_else(none)
}

/// [`selected`] as a condition of a check.
pub fn selection(inputs: &Inputs) -> Condition {
    let outcome = selected(inputs).map(|target| format!("the selected target is {target}"));
    Condition { outcome, evidence: Vec::new() }
}

/// The gate. `checklist` is the owners' gate.
pub fn gate(inputs: &Inputs, checklist: &Gate) -> Gate {
    let all: Vec<&str> = checklist.checks.iter().map(|c| c.id).collect();
    let of = |id, title, role, wanted: &[&str]| {
        Check::given(id, title, &[accepted(checklist, wanted)]).owned_by(inputs.owner(role))
    };
    let checks = vec![
        Check::given("adapter-selection", "Adapter selection", &[selection(inputs)])
            .owned_by(inputs.owner(Role::Director)),
        of(
            "environment-readiness",
            "Environment readiness",
            Role::Dispatcher,
            &["contracts-frozen", "scenario-store"],
        ),
        of(
            "secrets-and-rbac",
            "Secrets and RBAC owner",
            Role::Accountant,
            &["role-headers", "secrets-and-auth"],
        ),
        of("schema-and-rls", "Schema and RLS", Role::Accountant, &["db-schema"]),
        of("migration-dry-run", "Migration dry run", Role::Director, &["migration-rollback"]),
        of(
            "rollback-window",
            "Rollback window",
            Role::Director,
            &["migration-rollback", "scenario-store"],
        ),
        of("release-approvals", "Release owner approvals", Role::Director, &all),
    ];
    Gate::new(ID, "Decision board", checks)
}

/// `0/2 checks accepted`, as the console prints it.
fn accepted(checklist: &Gate, wanted: &[&str]) -> Condition {
    let found: Vec<&Check> = wanted.iter().filter_map(|id| checklist.check(id)).collect();
    let ready = found.iter().filter(|c| c.is_ready()).count();
    let says = format!("{ready}/{} checks of the checklist accepted", wanted.len());
    let holds = !wanted.is_empty() && ready == wanted.len();
    Condition {
        outcome: if holds { Ok(says) } else { Err(says) },
        evidence: found.iter().flat_map(|c| c.evidence.clone()).collect(),
    }
}
