//! Owners' words for a reviewer: what is asked of whom, what was said, and whether it counts.

use flowcontrol_contract::{Digest, Timestamp};
use flowcontrol_evidence::{Authentication, ProfileRef};
use flowcontrol_gates::Inputs;
use flowcontrol_gates::decision::{self, OwnerDecision};
use flowcontrol_gates::inputs::Acceptance;
use flowcontrol_gates::spec::Owner;
use serde::Serialize;
use std::collections::BTreeMap;

/// A decision that is asked of an owner.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Asked {
    /// `gate/check`.
    pub check: &'static str,
    /// For people.
    pub title: &'static str,
    /// The role whose word counts.
    pub role: String,
    /// Who has it.
    pub owner: Option<Owner>,
    /// A word that counts is there.
    pub accepted: bool,
    /// One sentence: since when, or why not.
    pub reason: String,
    /// The packet with the word that counts.
    pub evidence: Vec<Digest>,
    /// The command that gives the word; `None` when it is there, or nothing can be accepted yet.
    pub command: Option<String>,
}

/// A word as it was recorded.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AcceptanceRow {
    /// The packet that records it.
    pub sha256: Digest,
    /// The packet's place in the chain.
    pub sequence: Option<u64>,
    /// When.
    pub as_of: Timestamp,
    /// Who.
    pub actor: String,
    /// The actor's name in the roster of the deployment's tenant.
    pub name: Option<String>,
    /// `gate/check`.
    pub check: String,
    /// It takes an earlier word back.
    pub revoked: bool,
    /// How the actor was known.
    pub authentication: Authentication,
    /// The profile it was given for.
    pub profile: ProfileRef,
    /// The snapshot it was given for.
    pub snapshot: Option<Digest>,
    /// The packets it was given on.
    pub evidence: Vec<Digest>,
    /// What was decided, by name.
    pub values: BTreeMap<String, String>,
    /// Whether it counts for the judged profile now.
    pub counts: bool,
    /// One sentence: what it is worth, or why it does not count.
    pub reason: String,
}

/// Every decision, with the word that counts if there is one.
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

/// Every word of the chain.
pub fn words(inputs: &Inputs) -> Vec<AcceptanceRow> {
    inputs.acceptances.iter().map(|word| one_word(word, inputs)).collect()
}

fn one_word(word: &Acceptance, inputs: &Inputs) -> AcceptanceRow {
    let worth = worth(word, inputs);
    let recorded = inputs.packets.iter().find(|e| e.sha256 == word.sha256);
    let actor = inputs.scenario.actors.iter().find(|a| a.id.as_str() == word.actor);
    AcceptanceRow {
        sha256: word.sha256,
        sequence: recorded.map(|e| e.packet.sequence),
        as_of: word.as_of,
        actor: word.actor.clone(),
        name: actor.map(|a| a.display_name.clone()),
        check: word.check.clone(),
        revoked: word.revoked,
        authentication: word.authentication,
        profile: word.profile.clone(),
        snapshot: word.snapshot,
        evidence: word.evidence.clone(),
        values: word.values.clone(),
        counts: worth.is_ok(),
        reason: worth.unwrap_or_else(|why| why),
    }
}

/// Why this very word counts, or else why not.
fn worth(word: &Acceptance, inputs: &Inputs) -> Result<String, String> {
    let decision = decision::find(&word.check)
        .ok_or_else(|| format!("no gate of this version asks for {}", word.check))?;
    if word.profile.name != inputs.profile.name {
        return Err(format!("it was given for profile {}", word.profile.name));
    }
    if inputs.owner(decision.role).is_none_or(|owner| owner.id.as_str() != word.actor) {
        return Err(format!("it is for {} to decide", inputs.named(decision.role)));
    }
    if word.as_of > inputs.as_of {
        return Err(format!("it is dated {}, after {}", word.as_of, inputs.as_of));
    }
    if decision.last(inputs).is_none_or(|last| last.sha256 != word.sha256) {
        return Err("a later word of the same owner stands in its place".to_owned());
    }
    decision.condition(inputs).outcome
}
