//! Readiness: nine areas, their progress, and the one recommended next action.

use super::inputs::{Inputs, Role};
use super::spec::{Check, Condition, Gate, Owner};
use super::{board, preflight, release, rollback, runbook, wiring};
use super::{connection, contracts, cutover, dry_run, owners};
use flowcontrol_contract::Port;
use serde::Serialize;

/// The name on the command line.
pub const ID: &str = "readiness";
/// How the percentage is computed.
pub const FORMULA: &str = "areas with at least one ready check / all areas, rounded";

/// The areas that have a gate of their own, in the console's order after the second, the session.
const AREAS: [&str; 8] = [
    contracts::ID,
    preflight::ID,
    runbook::ID,
    connection::ID,
    dry_run::ID,
    release::ID,
    owners::INFRASTRUCTURE,
    rollback::ID,
];

/// The order in which gates are worked on: evidence that a command records, then decisions,
/// then what this version does not support.
const PATH: [&str; 13] = [
    connection::ID,
    dry_run::ID,
    owners::CHECKLIST,
    board::ID,
    release::ID,
    rollback::ID,
    preflight::ID,
    runbook::ID,
    cutover::ID,
    owners::INFRASTRUCTURE,
    owners::PROVIDER,
    wiring::ID,
    contracts::ID,
];

/// The readiness as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Readiness {
    /// Areas that are complete.
    pub passed: usize,
    /// All areas.
    pub total: usize,
    /// The share of areas with at least one ready check, in percent.
    pub percent: usize,
    /// How the percentage is computed.
    pub formula: &'static str,
    /// The next action; `None` when every check of every gate is ready.
    pub next_action: Option<NextAction>,
}

/// The recommended next action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NextAction {
    /// `gate/check`.
    pub check: String,
    /// The owner who does it.
    pub owner: Option<Owner>,
    /// The command, if this version has one.
    pub command: Option<String>,
}

/// The gate: an area is ready when its gate is.
pub fn gate(inputs: &Inputs, gates: &[Gate]) -> Gate {
    let mut checks: Vec<Check> = AREAS
        .iter()
        .filter_map(|id| gates.iter().find(|g| g.id == *id))
        .map(|gate| {
            let command = gate.checks.iter().find_map(|c| c.command.clone());
            Check::given(gate.id, gate.title, &[gate.condition()]).supplied_by(command)
        })
        .collect();
    let session = Check::given("session", "Session adapter and auth contract", &session(inputs));
    checks.insert(1.min(checks.len()), session);
    let owner = inputs.owner(Role::Director);
    let checks = checks.into_iter().map(|c| c.owned_by(owner.clone())).collect();
    Gate::new(ID, "Readiness", checks).deciding(owners::NO_GO)
}

/// The session runs on the profile's store, and its actors come through the profile's auth kind.
fn session(inputs: &Inputs) -> [Condition; 2] {
    [Port::Store, Port::Auth].map(|port| match inputs.profile.port(port) {
        None => Condition::missing(format!("the profile does not name a kind for {port}")),
        Some(state) => Condition::fact(
            state.has(&state.kind),
            format!("{} is built", state.kind),
            format!("this version has no adapter {}", state.kind),
        ),
    })
}

/// The summary of the areas. `gate` is the result of [`gate`].
pub fn summary(inputs: &Inputs, gates: &[Gate], gate: &Gate) -> Readiness {
    let begun = AREAS
        .iter()
        .filter_map(|id| gates.iter().find(|g| g.id == *id))
        .map(|g| g.passed() > 0)
        .chain([session(inputs).iter().any(|c| c.outcome.is_ok())])
        .filter(|begun| *begun)
        .count();
    let total = gate.total();
    Readiness {
        passed: gate.passed(),
        total,
        percent: (100 * begun + total / 2).checked_div(total).unwrap_or(0),
        formula: FORMULA,
        next_action: next_action(gates),
    }
}

/// The first open check on the path that a command supplies or that its owner decides; if there is
/// none, the first open check.
fn next_action(gates: &[Gate]) -> Option<NextAction> {
    let in_order = PATH.iter().filter_map(|id| gates.iter().find(|g| g.id == *id));
    let every = in_order.flat_map(|g| g.checks.iter().map(move |c| (g, c)));
    let open: Vec<_> = every.filter(|(_, c)| !c.is_ready()).collect();
    let (gate, check) = open.iter().find(|(_, c)| c.command.is_some()).or_else(|| open.first())?;
    Some(NextAction {
        check: format!("{}/{}", gate.id, check.id),
        owner: check.owner.clone(),
        command: check.command.clone(),
    })
}
