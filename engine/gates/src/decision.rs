//! Decisions: the checks that nothing but their owner's word supplies, and which word counts.

use super::admit::{Binding, newest, spell};
use super::inputs::{Acceptance, Authentication, Inputs, Judged, Role, Stage};
use super::spec::{Check, Condition};
use super::values::{self, Value};
use super::{owners, rollback};
use flowcontrol_contract::{Actor, Digest, Timestamp};

/// A check that is its owner's to decide.
#[derive(Debug, PartialEq, Eq)]
pub struct Decision {
    /// `gate/check`.
    pub path: &'static str,
    /// For people.
    pub title: &'static str,
    /// Whose word counts.
    pub role: Role,
    /// What the word must name.
    pub values: &'static [Value],
    /// The packets that the word is given on: a newer one of these asks for a new word.
    pub rests_on: &'static [(&'static str, Binding)],
}

/// Every decision, gate by gate.
pub fn all() -> impl Iterator<Item = &'static Decision> {
    let (checklist, others) = owners::DECISIONS.split_at(owners::CHECKLIST_LENGTH);
    checklist.iter().chain([&rollback::CONFIRMATION]).chain(others)
}

/// The decision that is a check's, by `gate/check`.
pub fn find(path: &str) -> Option<&'static Decision> {
    all().find(|d| d.path == path)
}

impl Decision {
    /// The gate that the check belongs to.
    pub fn gate(&self) -> &'static str {
        self.path.split_once('/').map_or(self.path, |(gate, _)| gate)
    }

    /// The check's id within its gate.
    pub fn id(&self) -> &'static str {
        self.path.split_once('/').map_or(self.path, |(_, id)| id)
    }

    /// The gate's check: the owner's word and nothing else.
    pub fn check(&self, inputs: &Inputs) -> Check {
        Check::given(self.id(), self.title, &[self.condition(inputs)])
            .owned_by(inputs.owner(self.role))
            .supplied_by(self.command(inputs))
    }

    /// The command that gives the word; the one that fills the scenario while there is nothing
    /// that a word could be bound to.
    pub fn command(&self, inputs: &Inputs) -> Option<String> {
        if inputs.scenario.snapshot.is_none() {
            return inputs.fill_command();
        }
        let owner = inputs.owner(self.role)?;
        Some(inputs.accept_command(self.path, &owner, self.values))
    }

    /// Digests of the packets in force that a word given now is bound to.
    pub fn evidence(&self, inputs: &Inputs) -> Vec<Digest> {
        let in_force = |(schema, binding): &(&str, Binding)| {
            newest(inputs, schema, *binding).ok().map(|found| found.sha256)
        };
        self.rests_on.iter().filter_map(in_force).collect()
    }

    /// Whether `actor` may give the word or take it back.
    ///
    /// # Errors
    /// One sentence that names the owner, or the permission that is missing.
    pub fn permits(&self, inputs: &Inputs, actor: &Actor) -> Result<(), String> {
        match inputs.owner(self.role) {
            Some(owner) if owner.id == actor.id => {}
            Some(owner) => {
                return Err(format!(
                    "{} is for {} ({}) to decide, not for {}",
                    self.path, owner.name, owner.id, actor.display_name
                ));
            }
            None => {
                return Err(format!(
                    "{} is for a {} to decide, and the deployment's tenant has none",
                    self.path,
                    inputs.role_key(self.role)
                ));
            }
        }
        self.permitted(inputs)
    }

    fn permitted(&self, inputs: &Inputs) -> Result<(), String> {
        inputs.lacks_permission(self.role).map_or(Ok(()), |permission| {
            Err(format!("{} does not hold {permission}", inputs.named(self.role)))
        })
    }

    /// The owner's newest word for the judged profile, whatever it is worth.
    pub fn last<'a>(&self, inputs: &'a Inputs) -> Option<&'a Acceptance> {
        let owner = inputs.owner(self.role)?;
        inputs.acceptances.iter().rev().find(|a| {
            a.check == self.path
                && a.as_of <= inputs.as_of
                && a.profile.name == inputs.profile.name
                && a.actor == owner.id.as_str()
        })
    }

    /// The owner's word, if it counts: signed by their own key if it is signed, vouched for by a
    /// service that is trusted if they were signed in, for this very profile, snapshot and evidence, not taken back, not expired, and for production not by a
    /// mock login.
    ///
    /// # Errors
    /// One sentence: why it does not.
    pub fn accepted<'a>(&self, inputs: &'a Inputs) -> Result<&'a Acceptance, String> {
        let name = inputs.named(self.role);
        let last = self.last(inputs).ok_or_else(|| format!("{name} has not accepted it"))?;
        if last.revoked {
            return Err(format!("{name} took the acceptance back"));
        }
        self.permitted(inputs)?;
        inputs.profile.vouches_for(last).map_err(|why| format!("{name} {why}"))?;
        let other = |what: &str, then: String, now: String| {
            Err(format!("{name} accepted {what} {then}, in force is {now}"))
        };
        if last.profile.sha256 != inputs.profile.sha256 {
            let (then, now) = (last.profile.sha256, inputs.profile.sha256);
            return other("configuration", then.short(), now.short());
        }
        if last.snapshot != inputs.scenario.snapshot {
            return other("snapshot", spell(last.snapshot), spell(inputs.scenario.snapshot));
        }
        let evidence = self.evidence(inputs);
        if last.evidence != evidence {
            return other("evidence", list(&last.evidence), list(&evidence));
        }
        let production = inputs.profile.stage() == Stage::Production;
        if production && last.authentication == Authentication::Mock {
            return Err(format!(
                "{name} accepted it through a mock login, which production never admits"
            ));
        }
        let has_key = inputs.profile.keys.keys().any(|actor| actor.as_str() == last.actor);
        if has_key && last.authentication != Authentication::Signature {
            return Err(format!(
                "{name} has a key in [keys], and the acceptance is not signed with it"
            ));
        }
        if let Some(end) = inputs.profile.expiry(last).filter(|end| *end < inputs.as_of) {
            return Err(format!("{name} accepted it at {}, which expired at {end}", last.as_of));
        }
        Ok(last)
    }

    /// [`Decision::accepted`] as something that a check asks for; every value must be given and
    /// fit.
    pub fn condition(&self, inputs: &Inputs) -> Condition {
        let found = match self.accepted(inputs) {
            Ok(found) => found,
            Err(why) => return Condition::missing(why),
        };
        let name = inputs.named(self.role);
        let outcome = match values::judge(self.values, &found.values, inputs.profile.residency) {
            Ok(()) => {
                let until = inputs.profile.expiry(found);
                let until = until.map_or_else(String::new, |end| format!(", until {end}"));
                Ok(format!("{name} accepted it at {}{until}", found.as_of))
            }
            Err(why) => Err(format!("{name} accepted it {why}")),
        };
        Condition { outcome, evidence: vec![found.sha256] }
    }
}

impl Judged {
    /// Whether a word is the actor's, as far as it claims to be proved: signed by the very key that
    /// the configuration names for them now, or vouched for by a service that it trusts now.
    ///
    /// # Errors
    /// What the owner did instead, to follow their name.
    fn vouches_for(&self, word: &Acceptance) -> Result<(), String> {
        if word.authentication == Authentication::Mock {
            return Ok(());
        }
        let Some(key) = word.key else {
            return Err("accepted it with a signature that is not there".to_owned());
        };
        if word.authentication == Authentication::Oidc {
            return match self.vouchers.contains(&key) {
                true => Ok(()),
                false => Err(format!(
                    "accepted it signed in to a service with key {}, and [vouching] trusted does \
                     not name that one",
                    key.short()
                )),
            };
        }
        let known = self.keys.iter().find(|(actor, _)| actor.as_str() == word.actor);
        match known {
            Some((_, known)) if *known == key => Ok(()),
            Some((_, known)) => Err(format!(
                "accepted it with key {}, and [keys] names {} for {}",
                key.short(),
                known.short(),
                word.actor
            )),
            None => Err(format!(
                "accepted it with key {}, and [keys] names none for {}",
                key.short(),
                word.actor
            )),
        }
    }

    /// The last moment at which a word counts; `None` where words do not expire, and for one that
    /// would outlive the calendar.
    fn expiry(&self, word: &Acceptance) -> Option<Timestamp> {
        let days = i64::from(self.acceptance_days?);
        let end = word.as_of.micros().checked_add(days * 86_400 * 1_000_000)?;
        Timestamp::from_micros(end).ok()
    }
}

/// Digests in a sentence.
fn list(digests: &[Digest]) -> String {
    match digests {
        [] => "none".to_owned(),
        some => some.iter().map(Digest::short).collect::<Vec<_>>().join(" and "),
    }
}
