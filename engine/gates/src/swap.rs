//! What a swap from one profile to another changes: the ports' kinds, and the gates whose evidence
//! was made for the profile that is left.

use super::inputs::Inputs;
use super::judgement::Judgement;
use serde::Serialize;

/// A swap of profiles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Swap {
    /// The profile that is left.
    pub from: String,
    /// The profile that is swapped to.
    pub to: String,
    /// The six ports in their order.
    pub ports: Vec<PortSwap>,
    /// The gates that have fewer ready checks after it.
    pub gates: Vec<GateSwap>,
}

/// What happens to one port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PortSwap {
    /// The port's name.
    pub port: &'static str,
    /// The kind that is left.
    pub from: String,
    /// The kind that is swapped to.
    pub to: String,
    /// Whether that is another one.
    pub changes: bool,
    /// Whether this program was built with it.
    pub built: bool,
    /// Whether `[adapters.KIND]` is there for it.
    pub configured: bool,
}

/// What happens to one gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GateSwap {
    /// The gate's name.
    pub gate: &'static str,
    /// How many checks are ready now.
    pub ready_now: usize,
    /// How many are ready for the other profile, with the evidence that is there.
    pub ready_then: usize,
    /// How many there are.
    pub total: usize,
    /// The checks that have to be supplied again.
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
