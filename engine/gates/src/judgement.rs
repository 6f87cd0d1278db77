//! Judges all gates over one set of inputs, and derives the decision on production.

use super::inputs::{Inputs, Stage};
use super::readiness::Readiness;
use super::spec::Gate;
use super::{board, connection, contracts, cutover, dry_run, owners};
use super::{preflight, readiness, release, rollback, runbook, wiring};
use flowcontrol_contract::{Digest, Timestamp};
use serde::Serialize;

/// The gates' names, in report order.
pub const IDS: [&str; 14] = [
    contracts::ID,
    connection::ID,
    dry_run::ID,
    owners::CHECKLIST,
    release::ID,
    rollback::ID,
    preflight::ID,
    runbook::ID,
    cutover::ID,
    owners::PROVIDER,
    owners::INFRASTRUCTURE,
    wiring::ID,
    board::ID,
    readiness::ID,
];

/// The decision on production.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Production {
    /// `GO` or `NO-GO`.
    pub decision: &'static str,
    /// Whether live traffic is permitted. This is only the decision; nothing here switches traffic.
    pub traffic: &'static str,
}

impl Production {
    /// The decision while a check is missing.
    pub const DISABLED: Self =
        Self { decision: owners::NO_GO, traffic: "production_traffic_disabled" };
    /// The decision when every gate is ready.
    pub const PERMITTED: Self = Self { decision: "GO", traffic: "production_traffic_permitted" };
}

/// The result of judging every gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The profile that was judged.
    pub profile: String,
    /// The moment that was judged.
    pub as_of: Timestamp,
    /// The current snapshot.
    pub snapshot: Option<Digest>,
    /// The gates in the order of [`IDS`].
    pub gates: Vec<Gate>,
    /// The progress, and what to do next.
    pub readiness: Readiness,
    /// The decision on production.
    pub production: Production,
}

impl Judgement {
    /// A gate by its name.
    pub fn gate(&self, id: &str) -> Option<&Gate> {
        self.gates.iter().find(|g| g.id == id)
    }
}

/// Judges every gate, each after those it reads.
pub fn judge(inputs: &Inputs) -> Judgement {
    let contracts = contracts::gate(inputs);
    let connection = connection::gate(inputs);
    let dry_run = dry_run::gate(inputs);
    let checklist = owners::checklist(inputs);
    let infrastructure = owners::infrastructure(inputs);
    let acceptance = owners::provider(inputs);
    let board = board::gate(inputs, &checklist);
    let release = release::gate(inputs, &dry_run, &checklist);
    let drill = rollback::gate(inputs, &release);
    let preflight = preflight::gate(
        inputs,
        preflight::Reads { board: &board, dry_run: &dry_run, release: &release, drill: &drill },
    );
    let reads = runbook::Reads {
        checklist: &checklist,
        connection: &connection,
        dry_run: &dry_run,
        preflight: &preflight,
        release: &release,
        drill: &drill,
    };
    let runbook = runbook::gate(inputs, reads);
    let cutover = cutover::gate(inputs, &runbook, reads);
    let wiring = wiring::gate(inputs, &infrastructure, &connection, &dry_run);
    let mut gates = vec![
        contracts,
        connection,
        dry_run,
        checklist,
        release,
        drill,
        preflight,
        runbook,
        cutover,
        acceptance,
        infrastructure,
        wiring,
        board,
    ];
    let last = readiness::gate(inputs, &gates);
    let readiness = readiness::summary(inputs, &gates, &last);
    gates.push(last);
    let go = inputs.profile.stage() == Stage::Production && gates.iter().all(Gate::is_complete);
    Judgement {
        profile: inputs.profile.name.clone(),
        as_of: inputs.as_of,
        snapshot: inputs.scenario.snapshot,
        gates,
        readiness,
        production: if go { Production::PERMITTED } else { Production::DISABLED },
    }
}
