//! Provider contracts: every port has a local kind, a live kind, and the kind the profile names.

use super::inputs::{Inputs, PortState, Role};
use super::spec::{Check, Gate};
use flowcontrol_contract::Port;

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

/// A kind that is not built yet is no contract kept.
fn contract(id: &'static str, title: &'static str, state: &PortState) -> Check {
    let mut wanted = vec![state.local, state.live, state.kind.as_str()];
    wanted.dedup();
    let missing: Vec<&str> = wanted.iter().filter(|kind| !state.has(kind)).copied().collect();
    if missing.is_empty() {
        let fact = format!(
            "{} and {} are built; the profile uses {}",
            state.local, state.live, state.kind
        );
        return Check::ready(id, title, fact, Vec::new());
    }
    let mut missing: Vec<&str> = missing;
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
