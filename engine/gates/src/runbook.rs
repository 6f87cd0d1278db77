//! Migration runbook: six preconditions for an operator to follow it.

use super::inputs::{Inputs, Role};
use super::preflight::{claims, snapshot};
use super::spec::{Check, Gate};
use flowcontrol_evidence::schema;

/// The name on the command line.
pub const ID: &str = "runbook";
/// The packet that belongs to it.
pub const PACKET: &str = schema::RUNBOOK;
/// The decision code while a check is missing.
pub const PENDING: &str = "BLOCKED_PENDING_PREFLIGHT";

/// The gates that it reads.
#[derive(Clone, Copy, Debug)]
pub struct Reads<'a> {
    /// The owners' checklist.
    pub checklist: &'a Gate,
    /// The connection.
    pub connection: &'a Gate,
    /// The dry run.
    pub dry_run: &'a Gate,
    /// The preflight.
    pub preflight: &'a Gate,
    /// The release handoff.
    pub release: &'a Gate,
    /// The rollback drill.
    pub drill: &'a Gate,
}

/// The gate.
pub fn gate(inputs: &Inputs, reads: Reads<'_>) -> Gate {
    let replay = [reads.connection.condition(), reads.dry_run.condition()];
    let seal = [reads.release.condition(), reads.drill.condition()];
    let open = [reads.connection, reads.dry_run].into_iter().find(|g| !g.is_complete());
    let command = open.and_then(|g| g.checks.iter().find_map(|c| c.command.clone()));
    let checks = [
        Check::given("freeze-snapshot", "Freeze snapshot", &[snapshot(inputs)])
            .supplied_by(reads.preflight.check("snapshot-payload").and_then(|c| c.command.clone())),
        Check::given("schema-and-rls", "Schema and RLS", &[reads.checklist.condition()]),
        Check::given("actor-claims", "Actor claims", &[claims(inputs)]),
        Check::given("adapter-replay", "Adapter replay", &replay).supplied_by(command),
        Check::given(
            "checksum-verification",
            "Checksum verification",
            &[reads.preflight.condition()],
        ),
        Check::given("rollback-seal", "Rollback seal", &seal),
    ];
    let owner = inputs.owner(Role::Director);
    let checks = checks.map(|c| c.owned_by(owner.clone()));
    Gate::new(ID, "Migration runbook", checks.into()).with_packet(PACKET).deciding(PENDING)
}
