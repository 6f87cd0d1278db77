//! Migration preflight: snapshot, schema map, RBAC claims, replay and rollback.

use super::inputs::{Inputs, Role};
use super::spec::{Check, Condition, Gate};
use flowcontrol_evidence::schema;

/// The name on the command line.
pub const ID: &str = "preflight";
/// The packet that belongs to it.
pub const PACKET: &str = schema::PREFLIGHT;

/// The gates that it reads.
#[derive(Clone, Copy, Debug)]
pub struct Reads<'a> {
    /// The dry run, for its schema check.
    pub board: &'a Gate,
    /// The dry run.
    pub dry_run: &'a Gate,
    /// The release handoff.
    pub release: &'a Gate,
    /// The rollback drill.
    pub drill: &'a Gate,
}

/// The gate.
pub fn gate(inputs: &Inputs, reads: Reads<'_>) -> Gate {
    let row = |gate: &Gate, id| {
        let missing = || Condition::missing(format!("{} has no check {id}", gate.id));
        gate.check(id).map_or_else(missing, Check::condition)
    };
    let rehearse = reads.dry_run.checks.iter().find_map(|c| c.command.clone());
    let schema = [row(reads.board, "schema-and-rls"), row(reads.dry_run, "schema-map")];
    let back = [reads.release.condition(), reads.drill.condition()];
    let checks = [
        Check::given("snapshot-payload", "Snapshot payload", &[snapshot(inputs)])
            .supplied_by(inputs.fill_command()),
        Check::given("schema-map", "Schema map", &schema),
        Check::given("rbac-claims", "RBAC claims", &[claims(inputs)]),
        Check::given("adapter-replay", "Adapter replay", &[reads.dry_run.condition()])
            .supplied_by(rehearse),
        Check::given("rollback-evidence", "Rollback evidence", &back).blocking(),
    ];
    let owner = inputs.owner(Role::Director);
    let checks = checks.map(|c| c.owned_by(owner.clone()));
    Gate::new(ID, "Migration preflight", checks.into()).with_packet(PACKET)
}

/// The scenario holds records to freeze.
pub fn snapshot(inputs: &Inputs) -> Condition {
    let scenario = &inputs.scenario;
    match scenario.snapshot {
        Some(digest) if scenario.total() > 0 => Condition {
            outcome: Ok(format!("{} records freeze to {}", scenario.total(), digest.short())),
            evidence: vec![digest],
        },
        _ => Condition::missing("the scenario holds no record"),
    }
}

/// Every actor of the deployment's tenant has a permission that becomes a claim.
pub fn claims(inputs: &Inputs) -> Condition {
    let actors = &inputs.scenario.actors;
    let bare = actors.iter().filter(|a| a.permissions.is_empty()).count();
    Condition::fact(
        !actors.is_empty() && bare == 0,
        format!("{} actors have a role and permissions that become claims", actors.len()),
        match actors.len() {
            0 => "the scenario has no actor".to_owned(),
            _ => format!("{bare} actors have no permission"),
        },
    )
}
