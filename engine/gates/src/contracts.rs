//! Provider contracts: every port has an adapter of each mode, and of the kind that the profile names.

use super::inputs::{Inputs, PortKind, PortState, Role};
use super::spec::{Check, Gate};
use flowcontrol_contract::{Mode, Port};

/// The name on the command line.
pub const ID: &str = "provider-contracts";

/// The gate.
pub fn gate(inputs: &Inputs) -> Gate {
    let checks = Port::ALL.map(|port| {
        let (id, title) = name(port);
        let check = match inputs.profile.port(port) {
            None => Check::next(id, title, "the profile does not name a kind for it"),
            Some(state) => contract(id, title, state),
        };
        check.owned_by(inputs.owner(Role::Director))
    });
    Gate::new(ID, "Provider contracts", checks.into())
}

/// The check of one port; a kind that this program was not built with does not count.
fn contract(id: &'static str, title: &'static str, state: &PortState) -> Check {
    let names = |kinds: &[&PortKind], between: &str| {
        kinds.iter().map(|k| k.name.as_str()).collect::<Vec<_>>().join(between)
    };
    let (mut built, mut missing) = (Vec::new(), Vec::new());
    for mode in [Mode::Local, Mode::Live] {
        let (here, planned): (Vec<_>, Vec<_>) = state.of_mode(mode).partition(|k| k.built);
        // One adapter of each mode is enough.
        match (here.is_empty(), planned.is_empty()) {
            (false, _) => built.extend(here),
            (true, false) => missing.push(names(&planned, " or ")),
            (true, true) => missing.push(format!("of mode {mode}")),
        }
    }
    if !state.has(&state.kind) {
        missing.push(state.kind.clone());
    }
    if missing.is_empty() {
        let fact = format!("{} are built; the profile uses {}", names(&built, " and "), state.kind);
        return Check::ready(id, title, fact, Vec::new());
    }
    missing.sort_unstable();
    missing.dedup();
    Check::next(id, title, format!("this version has no adapter {}", missing.join(" and no ")))
}

const fn name(port: Port) -> (&'static str, &'static str) {
    match port {
        Port::Store => ("scenario-store", "Scenario store"),
        Port::Auth => ("auth-and-rbac", "Auth and RBAC"),
        Port::Ocr => ("document-intelligence", "Document intelligence"),
        Port::Ksef => ("ksef-e-invoice", "KSeF e-invoice"),
        Port::Eta => ("maps-and-eta", "Maps and ETA"),
        Port::Sync => ("driver-offline-sync", "Driver offline sync"),
    }
}
