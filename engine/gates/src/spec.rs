//! What a gate is made of. A check cannot be ready by saying so: it takes a stated fact, or the
//! digest of the evidence it rests on.

use flowcontrol_contract::{ActorId, Digest};
use flowcontrol_evidence::Verdict;
use serde::Serialize;

/// The decision of a gate that nothing holds back.
pub const READY: &str = "READY";

/// Who has the next step of a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Owner {
    /// The actor's id.
    pub id: ActorId,
    /// For people.
    pub name: String,
}

/// One check of a gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Unique within its gate.
    pub id: &'static str,
    /// For people.
    pub title: &'static str,
    verdict: Verdict,
    /// Who has the next step, or vouches for what is ready; `None` when nobody of the scenario
    /// has the role.
    pub owner: Option<Owner>,
    /// One sentence: what it rests on, or what is missing.
    pub reason: String,
    /// Digests of the packets and snapshots it rests on.
    pub evidence: Vec<Digest>,
    /// The command that supplies what is missing; `None` when no command of this version does.
    pub command: Option<String>,
}

/// Something that must hold for a check, and what it rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// What holds, or else what is missing; a part of a sentence.
    pub outcome: Result<String, String>,
    /// Digests of what was looked at.
    pub evidence: Vec<Digest>,
}

impl Condition {
    /// A condition without a packet behind it: a fact of configuration or scenario.
    pub fn fact(holds: bool, fact: impl Into<String>, missing: impl Into<String>) -> Self {
        let outcome = if holds { Ok(fact.into()) } else { Err(missing.into()) };
        Self { outcome, evidence: Vec::new() }
    }

    /// What is missing, for certain.
    pub fn missing(what: impl Into<String>) -> Self {
        Self { outcome: Err(what.into()), evidence: Vec::new() }
    }
}

impl Check {
    /// Ready: `fact` says what it rests on, `evidence` names the packets behind it, if it is not
    /// a fact of the configuration or the scenario itself.
    pub fn ready(
        id: &'static str,
        title: &'static str,
        fact: impl Into<String>,
        evidence: Vec<Digest>,
    ) -> Self {
        let fact = fact.into();
        // A mistake of ours must not turn a gate: nothing stated and nothing shown is not ready.
        let verdict =
            if fact.is_empty() && evidence.is_empty() { Verdict::Next } else { Verdict::Ready };
        Self { id, title, verdict, owner: None, reason: fact, evidence, command: None }
    }

    /// Not proved yet.
    pub fn next(id: &'static str, title: &'static str, reason: impl Into<String>) -> Self {
        let (verdict, reason) = (Verdict::Next, reason.into());
        Self { id, title, verdict, owner: None, reason, evidence: Vec::new(), command: None }
    }

    /// Refused, or waiting for something outside.
    pub fn blocked(id: &'static str, title: &'static str, reason: impl Into<String>) -> Self {
        Self { verdict: Verdict::Blocked, ..Self::next(id, title, reason) }
    }

    /// Ready when every condition holds, else next with all that is missing. No condition at all
    /// proves nothing.
    pub fn given(id: &'static str, title: &'static str, conditions: &[Condition]) -> Self {
        let mut evidence = Vec::new();
        for digest in conditions.iter().flat_map(|c| &c.evidence) {
            if !evidence.contains(digest) {
                evidence.push(*digest);
            }
        }
        let missing: Vec<&str> = conditions
            .iter()
            .filter_map(|c| c.outcome.as_ref().err().map(String::as_str))
            .collect();
        let held: Vec<&str> =
            conditions.iter().filter_map(|c| c.outcome.as_ref().ok().map(String::as_str)).collect();
        if missing.is_empty() && !held.is_empty() {
            return Self::ready(id, title, held.join("; "), evidence);
        }
        let reason =
            if missing.is_empty() { "nothing was shown".into() } else { missing.join("; ") };
        Self::next(id, title, reason).resting_on(evidence)
    }

    /// Blocked where it would be next.
    #[must_use]
    pub fn blocking(mut self) -> Self {
        if self.verdict == Verdict::Next {
            self.verdict = Verdict::Blocked;
        }
        self
    }

    /// Names what was looked at.
    #[must_use]
    pub fn resting_on(mut self, evidence: Vec<Digest>) -> Self {
        self.evidence = evidence;
        self
    }

    /// Names the owner.
    #[must_use]
    pub fn owned_by(mut self, owner: Option<Owner>) -> Self {
        self.owner = owner;
        self
    }

    /// Names the command that supplies what is missing; a ready check needs none.
    #[must_use]
    pub fn supplied_by(mut self, command: Option<String>) -> Self {
        self.command = command.filter(|_| !self.is_ready());
        self
    }

    /// The verdict.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Proved.
    pub fn is_ready(&self) -> bool {
        self.verdict == Verdict::Ready
    }

    /// As something that another check asks for.
    pub fn condition(&self) -> Condition {
        let outcome = if self.is_ready() {
            Ok(self.reason.clone())
        } else {
            Err(format!("{} is {}: {}", lower(self.title), self.verdict.name(), self.reason))
        };
        Condition { outcome, evidence: self.evidence.clone() }
    }
}

/// `Endpoint reachability` within a sentence; `TLS fingerprint` and `RBAC claims` stay.
fn lower(title: &str) -> String {
    let mut chars = title.chars();
    match (chars.next(), chars.next()) {
        (Some(first), Some(second)) if second.is_lowercase() => {
            format!("{}{}", first.to_lowercase(), &title[first.len_utf8()..])
        }
        _ => title.to_owned(),
    }
}

/// A panel of the integrations console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate {
    /// The name on the command line.
    pub id: &'static str,
    /// For people.
    pub title: &'static str,
    /// The schema of the packet that belongs to it.
    pub packet: Option<&'static str>,
    /// The decision, for gates that have one: [`READY`], or the code of what holds it back.
    pub decision: Option<&'static str>,
    /// In the order of the console.
    pub checks: Vec<Check>,
}

impl Gate {
    /// A gate without a packet or a decision of its own.
    pub fn new(id: &'static str, title: &'static str, checks: Vec<Check>) -> Self {
        Self { id, title, packet: None, decision: None, checks }
    }

    /// Names its packet.
    #[must_use]
    pub fn with_packet(mut self, schema: &'static str) -> Self {
        self.packet = Some(schema);
        self
    }

    /// Decides: [`READY`] when every check is ready, else `code`.
    #[must_use]
    pub fn deciding(mut self, code: &'static str) -> Self {
        self.decision = Some(if self.is_complete() { READY } else { code });
        self
    }

    /// How many checks are ready.
    pub fn passed(&self) -> usize {
        self.checks.iter().filter(|c| c.is_ready()).count()
    }

    /// How many checks there are.
    pub fn total(&self) -> usize {
        self.checks.len()
    }

    /// Every check is ready; a gate without checks never is.
    pub fn is_complete(&self) -> bool {
        !self.checks.is_empty() && self.checks.iter().all(Check::is_ready)
    }

    /// A check by its id.
    pub fn check(&self, id: &str) -> Option<&Check> {
        self.checks.iter().find(|c| c.id == id)
    }

    /// As something that another gate's check asks for.
    pub fn condition(&self) -> Condition {
        let says = format!("{} is {}/{}", self.id, self.passed(), self.total());
        let says = match self.decision {
            Some(decision) if decision != READY => format!("{says}, {decision}"),
            _ => says,
        };
        Condition {
            outcome: if self.is_complete() { Ok(says) } else { Err(says) },
            evidence: self.checks.iter().flat_map(|c| c.evidence.clone()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Check, Condition, Gate, READY};
    use flowcontrol_contract::Digest;
    use flowcontrol_evidence::Verdict;

    #[test]
    fn nothing_stated_and_nothing_shown_is_not_ready() {
        assert_eq!(Check::ready("a", "A", "", vec![]).verdict(), Verdict::Next);
        assert_eq!(Check::given("a", "A", &[]).verdict(), Verdict::Next);
        assert!(!Gate::new("g", "G", vec![]).is_complete());
        assert_eq!(Gate::new("g", "G", vec![]).deciding("HELD").decision, Some("HELD"));
    }

    #[test]
    fn every_condition_counts_and_all_that_is_missing_is_said() {
        let held = Condition { outcome: Ok("one".into()), evidence: vec![Digest::of("1")] };
        let all = Check::given("a", "A", &[held.clone(), held.clone()]);
        assert_eq!((all.verdict(), all.evidence.len()), (Verdict::Ready, 1));
        assert_eq!(Gate::new("g", "G", vec![all]).deciding("HELD").decision, Some(READY));
        let lacks = |what: &str| Condition::missing(what);
        let open = Check::given("a", "A", &[held, lacks("two"), lacks("three")]);
        assert_eq!((open.verdict(), open.reason.as_str()), (Verdict::Next, "two; three"));
        assert_eq!(open.blocking().verdict(), Verdict::Blocked);
    }

    #[test]
    fn a_ready_check_names_no_command() {
        let ready = Check::ready("a", "A", "so it is", vec![]);
        assert_eq!(ready.supplied_by(Some("flowcontrol rehearse".into())).command, None);
    }
}
