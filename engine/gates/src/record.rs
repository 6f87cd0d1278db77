//! A gate's result as a packet: what was judged, at one moment, for a reviewer. No gate reads such
//! a packet, so no gate can make itself ready.

use super::block::block;
use super::inputs::Inputs;
use super::judgement::Judgement;
use super::spec::{Check, Gate};
use flowcontrol_evidence::{CheckResult, Draft, Outcome, ProfileRef, schema};
use serde_json::{Map, Value, json};

/// The packet of gate `id`.
///
/// # Errors
/// One sentence: there is no such gate, its packet comes from another command, or a value of its
/// block is not known.
pub fn draft(
    inputs: &Inputs,
    judgement: &Judgement,
    id: &str,
    ran: String,
) -> Result<Draft, String> {
    let gate = judgement.gate(id).ok_or_else(|| format!("no gate is named {id}"))?;
    let name = gate.packet.ok_or_else(|| format!("{id} has no packet of its own"))?;
    if [schema::CONNECTION, schema::DRY_RUN, schema::DRILL, schema::CUTOVER].contains(&name) {
        return Err(format!("{name} is sealed by the command that it is about, not by `gates`"));
    }
    of(inputs, judgement, gate, name, ran)
}

/// The packet of a cutover's plan, to which `cutover plan` adds the plan.
///
/// # Errors
/// As [`draft`].
pub fn cutover(inputs: &Inputs, judgement: &Judgement, ran: String) -> Result<Draft, String> {
    let id = super::cutover::ID;
    let gate = judgement.gate(id).ok_or_else(|| format!("no gate is named {id}"))?;
    of(inputs, judgement, gate, super::cutover::PACKET, ran)
}

fn of(
    inputs: &Inputs,
    judgement: &Judgement,
    gate: &Gate,
    name: &str,
    ran: String,
) -> Result<Draft, String> {
    let block = block(inputs, judgement, gate.id)
        .ok_or_else(|| format!("{name} has no block of lines"))??;
    Ok(Draft {
        schema: name.to_owned(),
        created_at: inputs.as_of,
        tool_version: flowcontrol_base::VERSION.to_owned(),
        ran,
        profile: ProfileRef { name: inputs.profile.name.clone(), sha256: inputs.profile.sha256 },
        snapshot_sha256: inputs.scenario.snapshot,
        target: None,
        checks: gate.checks.iter().map(result).collect(),
        outcome: if gate.is_complete() { Outcome::Passed } else { Outcome::Failed },
        body: body(gate, &block, inputs),
    })
}

fn body(gate: &Gate, block: &[(String, String)], inputs: &Inputs) -> Value {
    let mut body = json!({ "block": block, "migrations_sha256": inputs.migrations });
    if let Some(decision) = gate.decision {
        body["decision"] = json!(decision);
    }
    body
}

/// A check in the form of packets; the digests it rests on become a figure.
fn result(check: &Check) -> CheckResult {
    let mut figures = Map::new();
    figures.insert("evidence".to_owned(), json!(check.evidence));
    figures.insert("owner".to_owned(), json!(check.owner.as_ref().map(|o| o.id.as_str())));
    CheckResult {
        id: check.id.to_owned(),
        title: check.title.to_owned(),
        verdict: check.verdict(),
        reason: check.reason.clone(),
        figures,
    }
}
