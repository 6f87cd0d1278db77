//! What swapping one profile for another changes: the ports' kinds, and the gates whose evidence
//! was made for the old profile.

use super::inputs::Inputs;
use super::judgement::Judgement;
use serde::Serialize;

/// A swap of profiles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Swap {
    /// The old profile.
    pub from: String,
    /// The new profile.
    pub to: String,
    /// The six ports in order.
    pub ports: Vec<PortSwap>,
    /// The gates that have fewer ready checks after the swap.
    pub gates: Vec<GateSwap>,
}

/// The change of one port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PortSwap {
    /// The port's name.
    pub port: &'static str,
    /// The old kind.
    pub from: String,
    /// The new kind.
    pub to: String,
    /// Whether the kind changes.
    pub changes: bool,
    /// Whether this program was built with the new kind.
    pub built: bool,
    /// Whether `[adapters.KIND]` is configured for the new kind.
    pub configured: bool,
}

/// The change of one gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GateSwap {
    /// The gate's name.
    pub gate: &'static str,
    /// Ready checks now.
    pub ready_now: usize,
    /// Ready checks for the new profile, with the existing evidence.
    pub ready_then: usize,
    /// All checks.
    pub total: usize,
    /// The checks whose evidence must be recorded again.
    pub checks: Vec<&'static str>,
}

/// Compares two judgements of the same scenario and evidence.
pub fn swap(
    from: &Inputs,
    now: &Judgement,
    to: &Inputs,
    then: &Judgement,
    configured: impl Fn(&str) -> bool,
) -> Swap {
    let ports = from.profile.ports.iter().filter_map(|before| {
        let after = to.profile.port(before.port)?;
        Some(PortSwap {
            port: before.port.name(),
            from: before.kind.clone(),
            to: after.kind.clone(),
            changes: before.kind != after.kind,
            built: after.has(&after.kind),
            configured: configured(&after.kind),
        })
    });
    let gates = now.gates.iter().filter_map(|before| {
        let after = then.gate(before.id)?;
        let lost = before.checks.iter().filter(|check| {
            check.is_ready() && !after.check(check.id).is_some_and(|c| c.is_ready())
        });
        let checks: Vec<&'static str> = lost.map(|check| check.id).collect();
        (!checks.is_empty()).then(|| GateSwap {
            gate: before.id,
            ready_now: before.passed(),
            ready_then: after.passed(),
            total: before.total(),
            checks,
        })
    });
    Swap {
        from: from.profile.name.clone(),
        to: to.profile.name.clone(),
        ports: ports.collect(),
        gates: gates.collect(),
    }
}
