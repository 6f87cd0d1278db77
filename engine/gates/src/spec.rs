//! Gates, checks and conditions. A check cannot declare itself ready: it takes a stated fact, or the
//! digest of the evidence it rests on.

use flowcontrol_contract::{ActorId, Digest};
use flowcontrol_evidence::Verdict;
use serde::Serialize;

/// The decision of a gate whose checks are all ready.
pub const READY: &str = "READY";

/// The actor who owns a check.
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
    /// The owner: who has the next step, or accepted the check; `None` when no actor of the scenario
    /// has the role.
    pub owner: Option<Owner>,
    /// One sentence: what the check rests on, or what is missing.
    pub reason: String,
    /// Digests of the packets and snapshots it rests on.
    pub evidence: Vec<Digest>,
    /// The command that supplies what is missing; `None` when this version has none.
    pub command: Option<String>,
}

/// A condition of a check, with the evidence it rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// `Ok` says what holds, `Err` what is missing; a part of a sentence.
    pub outcome: Result<String, String>,
    /// Digests of the packets and snapshots that were examined.
    pub evidence: Vec<Digest>,
}

impl Condition {
    /// A condition that rests on no packet: a fact of the configuration or the scenario.
    pub fn fact(holds: bool, fact: impl Into<String>, missing: impl Into<String>) -> Self {
        let outcome = if holds { Ok(fact.into()) } else { Err(missing.into()) };
        Self { outcome, evidence: Vec::new() }
    }

    /// A condition that does not hold.
    pub fn missing(what: impl Into<String>) -> Self {
        Self { outcome: Err(what.into()), evidence: Vec::new() }
    }
}

impl Check {
    /// A ready check: `fact` says what it rests on, `evidence` names the packets, unless it is
    /// a fact of the configuration or the scenario.
    pub fn ready(
        id: &'static str,
        title: &'static str,
        fact: impl Into<String>,
        evidence: Vec<Digest>,
    ) -> Self {
        let fact = fact.into();
        // Guards against our own mistakes: without a fact and without evidence it is not ready.
        let verdict =
            if fact.is_empty() && evidence.is_empty() { Verdict::Next } else { Verdict::Ready };
        Self { id, title, verdict, owner: None, reason: fact, evidence, command: None }
    }

    /// A check that is not proved yet.
    pub fn next(id: &'static str, title: &'static str, reason: impl Into<String>) -> Self {
        let (verdict, reason) = (Verdict::Next, reason.into());
        Self { id, title, verdict, owner: None, reason, evidence: Vec::new(), command: None }
    }

    /// A check that is refused, or waits for something outside.
    pub fn blocked(id: &'static str, title: &'static str, reason: impl Into<String>) -> Self {
        Self { verdict: Verdict::Blocked, ..Self::next(id, title, reason) }
    }

    /// Ready when every condition holds, otherwise next with everything that is missing. An empty list
    /// is never ready.
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
            if missing.is_empty() { "there is no evidence".into() } else { missing.join("; ") };
        Self::next(id, title, reason).resting_on(evidence)
    }

    /// Turns `next` into `blocked`.
    #[must_use]
    pub fn blocking(mut self) -> Self {
        if self.verdict == Verdict::Next {
            self.verdict = Verdict::Blocked;
        }
        self
    }

    /// Adds the digests that were examined.
    #[must_use]
    pub fn resting_on(mut self, evidence: Vec<Digest>) -> Self {
        self.evidence = evidence;
        self
    }

    /// Sets the owner.
    #[must_use]
    pub fn owned_by(mut self, owner: Option<Owner>) -> Self {
        self.owner = owner;
        self
    }

    /// Sets the command that supplies what is missing; ignored for a ready check.
    #[must_use]
    pub fn supplied_by(mut self, command: Option<String>) -> Self {
        self.command = command.filter(|_| !self.is_ready());
        self
    }

    /// The verdict.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Whether the verdict is `ready`.
    pub fn is_ready(&self) -> bool {
        self.verdict == Verdict::Ready
    }

    /// This check as a condition of another check.
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

/// A gate; a panel of the integrations console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate {
    /// The name on the command line.
    pub id: &'static str,
    /// For people.
    pub title: &'static str,
    /// The schema of the packet that belongs to it.
    pub packet: Option<&'static str>,
    /// The decision, for gates that have one: [`READY`], or the code of what is missing.
    pub decision: Option<&'static str>,
    /// The checks, in the console's order.
    pub checks: Vec<Check>,
}

impl Gate {
    /// A gate without a packet or a decision of its own.
    pub fn new(id: &'static str, title: &'static str, checks: Vec<Check>) -> Self {
        Self { id, title, packet: None, decision: None, checks }
    }

    /// Sets the schema of its packet.
    #[must_use]
    pub fn with_packet(mut self, schema: &'static str) -> Self {
        self.packet = Some(schema);
        self
    }

    /// Sets the decision: [`READY`] when every check is ready, otherwise `code`.
    #[must_use]
    pub fn deciding(mut self, code: &'static str) -> Self {
        self.decision = Some(if self.is_complete() { READY } else { code });
        self
    }

    /// The number of ready checks.
    pub fn passed(&self) -> usize {
        self.checks.iter().filter(|c| c.is_ready()).count()
    }

    /// The number of checks.
    pub fn total(&self) -> usize {
        self.checks.len()
    }

    /// Whether every check is ready; false for a gate without checks.
    pub fn is_complete(&self) -> bool {
        !self.checks.is_empty() && self.checks.iter().all(Check::is_ready)
    }

    /// A check by its id.
    pub fn check(&self, id: &str) -> Option<&Check> {
        self.checks.iter().find(|c| c.id == id)
    }

    /// This gate as a condition of another gate's check.
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
