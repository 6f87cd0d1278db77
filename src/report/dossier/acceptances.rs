//! Acceptances for a reviewer: what each owner is asked, what was accepted, and whether it counts.

use flowcontrol_contract::{Digest, Timestamp};
use flowcontrol_evidence::{Authentication, ProfileRef};
use flowcontrol_gates::Inputs;
use flowcontrol_gates::decision::{self, OwnerDecision};
use flowcontrol_gates::inputs::Acceptance;
use flowcontrol_gates::spec::Owner;
use serde::Serialize;
use std::collections::BTreeMap;

/// A decision that an owner is asked for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Asked {
    /// `gate/check`.
    pub check: &'static str,
    /// For people.
    pub title: &'static str,
    /// The role of the owner.
    pub role: String,
    /// The actor who has the role.
    pub owner: Option<Owner>,
    /// Whether an acceptance that counts exists.
    pub accepted: bool,
    /// One sentence: since when, or why not.
    pub reason: String,
    /// The packet with the acceptance that counts.
    pub evidence: Vec<Digest>,
    /// The command that records the acceptance; `None` when it exists, or nothing can be accepted
    /// yet.
    pub command: Option<String>,
}

/// An acceptance as it was recorded.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AcceptanceRow {
    /// The packet's digest.
    pub sha256: Digest,
    /// The packet's sequence number.
    pub sequence: Option<u64>,
    /// When it was recorded.
    pub as_of: Timestamp,
    /// The actor who accepted.
    pub actor: String,
    /// The actor's name in the roster of the deployment's tenant.
    pub name: Option<String>,
    /// `gate/check`.
    pub check: String,
    /// Whether it revokes an earlier acceptance.
    pub revoked: bool,
    /// How the actor was authenticated.
    pub authentication: Authentication,
    /// The profile it was given for.
    pub profile: ProfileRef,
    /// The snapshot it was given for.
    pub snapshot: Option<Digest>,
    /// The packets it was given on.
    pub evidence: Vec<Digest>,
    /// The values that were decided.
    pub values: BTreeMap<String, String>,
    /// Whether it counts for the judged profile now.
    pub counts: bool,
    /// One sentence: why it counts, or why it does not.
    pub reason: String,
}

/// Every decision, with the acceptance that counts if there is one.
pub fn asked(inputs: &Inputs) -> Vec<Asked> {
    decision::all().map(|decision| one_asked(decision, inputs)).collect()
}

fn one_asked(decision: &OwnerDecision, inputs: &Inputs) -> Asked {
    let condition = decision.condition(inputs);
    let accepted = condition.outcome.is_ok();
    Asked {
        check: decision.path,
        title: decision.title,
        role: inputs.role_key(decision.role).to_owned(),
        owner: inputs.owner(decision.role),
        accepted,
        reason: condition.outcome.unwrap_or_else(|why| why),
        evidence: condition.evidence,
        command: decision.command(inputs).filter(|_| !accepted),
    }
}

/// Every acceptance in the chain.
pub fn recorded(inputs: &Inputs) -> Vec<AcceptanceRow> {
    inputs.acceptances.iter().map(|acceptance| one_acceptance(acceptance, inputs)).collect()
}

fn one_acceptance(acceptance: &Acceptance, inputs: &Inputs) -> AcceptanceRow {
    let worth = worth(acceptance, inputs);
    let recorded = inputs.packets.iter().find(|e| e.sha256 == acceptance.sha256);
    let actor = inputs.scenario.actors.iter().find(|a| a.id.as_str() == acceptance.actor);
    AcceptanceRow {
        sha256: acceptance.sha256,
        sequence: recorded.map(|e| e.packet.sequence),
        as_of: acceptance.as_of,
        actor: acceptance.actor.clone(),
        name: actor.map(|a| a.display_name.clone()),
        check: acceptance.check.clone(),
        revoked: acceptance.revoked,
        authentication: acceptance.authentication,
        profile: acceptance.profile.clone(),
        snapshot: acceptance.snapshot,
        evidence: acceptance.evidence.clone(),
        values: acceptance.values.clone(),
        counts: worth.is_ok(),
        reason: worth.unwrap_or_else(|why| why),
    }
}

/// Why this acceptance counts, or else why it does not.
fn worth(acceptance: &Acceptance, inputs: &Inputs) -> Result<String, String> {
    let decision = decision::find(&acceptance.check)
        .ok_or_else(|| format!("no gate of this version asks for {}", acceptance.check))?;
    if acceptance.profile.name != inputs.profile.name {
        return Err(format!("it was given for profile {}", acceptance.profile.name));
    }
    if inputs.owner(decision.role).is_none_or(|owner| owner.id.as_str() != acceptance.actor) {
        return Err(format!("only {} may decide it", inputs.named(decision.role)));
    }
    if acceptance.as_of > inputs.as_of {
        return Err(format!("it is dated {}, after {}", acceptance.as_of, inputs.as_of));
    }
    if decision.last(inputs).is_none_or(|last| last.sha256 != acceptance.sha256) {
        return Err("it was replaced by a later acceptance of the same owner".to_owned());
    }
    decision.condition(inputs).outcome
}
