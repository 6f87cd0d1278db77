//! Release handoff: environment values, target, dry run, rollback adapter and owners.

use super::inputs::{Inputs, Role};
use super::spec::{Check, Condition, Gate};
use super::{board, handoff};
use flowcontrol_contract::{Mode, Port};
use flowcontrol_evidence::schema;

/// The name on the command line.
pub const ID: &str = "release";
/// The packet that belongs to it.
pub const PACKET: &str = schema::RELEASE;
/// The decision code while a check is missing: the handoff begins with a dry run.
pub const PENDING: &str = "BLOCKED_PENDING_DRY_RUN";

/// The gate.
pub fn gate(inputs: &Inputs, dry_run: &Gate, checklist: &Gate) -> Gate {
    let store = inputs.profile.port(Port::Store);
    let fallback = store.and_then(|s| s.of_mode(Mode::Local).find(|kind| kind.built));
    let checks = vec![
        Check::given("env-values", "Environment values", &[values(inputs)]),
        Check::given("adapter-target", "Adapter target", &[board::selection(inputs)]),
        Check::given("dry-run-transcript", "Dry-run transcript", &[dry_run.condition()])
            .supplied_by(dry_run.checks.iter().find_map(|c| c.command.clone())),
        Check::given(
            "rollback-adapter",
            "Rollback adapter",
            &[Condition::fact(
                fallback.is_some(),
                format!("{} stays the fallback", fallback.map_or("", |kind| kind.name.as_str())),
                "there is no local store adapter as fallback",
            )],
        ),
        Check::given("owner-evidence", "Owner evidence", &[checklist.condition()]).blocking(),
    ];
    let owner = inputs.owner(Role::Director);
    let checks = checks.into_iter().map(|c| c.owned_by(owner.clone())).collect();
    Gate::new(ID, "Release handoff", checks).with_packet(PACKET).deciding(PENDING)
}

/// All nine values are known. The decision itself is one of them and is always known.
fn values(inputs: &Inputs) -> Condition {
    let outcome = handoff::nameable(inputs)
        .map(|()| "all nine values are known from the profile and the scenario".to_owned());
    Condition { outcome, evidence: Vec::new() }
}
