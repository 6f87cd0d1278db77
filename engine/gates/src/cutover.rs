//! Data cutover: the plan of four batches, and the five steps that must hold before it may run.

use super::inputs::{Inputs, Role};
use super::preflight::snapshot;
use super::runbook::Reads;
use super::spec::{Check, Condition, Gate};
use flowcontrol_contract::Kind;
use flowcontrol_evidence::schema;

/// The name on the command line.
pub const ID: &str = "cutover";
/// The packet that belongs to it.
pub const PACKET: &str = schema::CUTOVER;
/// The decision code while a check is missing.
pub const PENDING: &str = "BLOCKED_PENDING_DATA_CUTOVER";

/// The kinds of rows that move together in one batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// Stable name.
    pub id: &'static str,
    /// For people.
    pub title: &'static str,
    /// The record kinds; empty for the batch of actors.
    pub kinds: &'static [Kind],
}

/// The four batches in order. Documents move with the orders they belong to.
pub const GROUPS: [Group; 4] = {
    use Kind::{
        ClientEvent, DispatchEvent, Document, DriverEvent, Evidence, Invoice, Order, Payment, Risk,
    };
    [
        Group { id: "tenant-and-rbac", title: "Tenant and RBAC", kinds: &[] },
        Group {
            id: "operations",
            title: "Operations",
            kinds: &[Order, DispatchEvent, DriverEvent, ClientEvent, Document],
        },
        Group { id: "finance", title: "Finance", kinds: &[Invoice, Payment] },
        Group { id: "audit", title: "Audit", kinds: &[Risk, Evidence] },
    ]
};

/// How many rows of a group the scenario has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The group.
    pub group: Group,
    /// The number of actors, or of records.
    pub rows: u64,
}

/// The four batches with their rows.
pub fn batches(inputs: &Inputs) -> [Batch; 4] {
    GROUPS.map(|group| Batch {
        group,
        rows: match group.kinds {
            [] => inputs.scenario.enrolled,
            kinds => inputs.scenario.count(kinds),
        },
    })
}

/// The gate; `reads` are the gates that the runbook gate reads.
pub fn gate(inputs: &Inputs, runbook: &Gate, reads: Reads<'_>) -> Gate {
    let replay = [reads.connection.condition(), reads.dry_run.condition()];
    let parity = [filled(inputs), reads.preflight.condition()];
    let seal = [reads.release.condition(), reads.drill.condition()];
    let like = |id| runbook.check(id).and_then(|c| c.command.clone());
    let checks = [
        Check::given("freeze", "Freeze the snapshot", &[snapshot(inputs)])
            .supplied_by(like("freeze-snapshot")),
        Check::given("seed-tenant-rls", "Seed tenant and RLS", &[runbook.condition()]),
        Check::given("replay-batches", "Replay the batches", &replay)
            .supplied_by(like("adapter-replay")),
        Check::given("audit-parity", "Audit parity", &parity),
        Check::given("rollback-seal", "Rollback seal", &seal),
    ];
    let owner = inputs.owner(Role::Director);
    let checks = checks.map(|c| c.owned_by(owner.clone()));
    Gate::new(ID, "Data cutover", checks.into()).with_packet(PACKET).deciding(PENDING)
}

fn filled(inputs: &Inputs) -> Condition {
    let batches = batches(inputs);
    let filled = batches.iter().filter(|b| b.rows > 0).count();
    let rows: u64 = batches.iter().map(|b| b.rows).sum();
    let says = format!("{filled}/4 batches hold rows, {rows} rows in total");
    Condition::fact(filled == batches.len(), says.clone(), says)
}
