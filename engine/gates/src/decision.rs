//! Decisions: the checks that only their owner's acceptance makes ready, and which acceptance counts.

use super::admit::{Binding, digest_text, newest};
use super::inputs::{Acceptance, Authentication, Inputs, Judged, Role, Stage};
use super::spec::{Check, Condition};
use super::values::{self, Value};
use super::{owners, rollback};
use flowcontrol_contract::{Actor, Digest, Timestamp};

/// A check that its owner decides.
#[derive(Debug, PartialEq, Eq)]
pub struct OwnerDecision {
    /// `gate/check`.
    pub path: &'static str,
    /// For people.
    pub title: &'static str,
    /// The role whose acceptance counts.
    pub role: Role,
    /// The values that the acceptance must name.
    pub values: &'static [Value],
    /// The packets that the acceptance refers to: a newer one requires a new acceptance.
    pub rests_on: &'static [(&'static str, Binding)],
}

/// Every decision, gate by gate.
pub fn all() -> impl Iterator<Item = &'static OwnerDecision> {
    let (checklist, others) = owners::DECISIONS.split_at(owners::CHECKLIST_LENGTH);
    checklist.iter().chain([&rollback::CONFIRMATION]).chain(others)
}

/// The decision for a check, by `gate/check`.
pub fn find(path: &str) -> Option<&'static OwnerDecision> {
    all().find(|d| d.path == path)
}

impl OwnerDecision {
    /// The gate that the check belongs to.
    pub fn gate(&self) -> &'static str {
        self.path.split_once('/').map_or(self.path, |(gate, _)| gate)
    }

    /// The check's id within its gate.
    pub fn id(&self) -> &'static str {
        self.path.split_once('/').map_or(self.path, |(_, id)| id)
    }

    /// The gate's check, which rests on the owner's acceptance alone.
    pub fn check(&self, inputs: &Inputs) -> Check {
        Check::given(self.id(), self.title, &[self.condition(inputs)])
            .owned_by(inputs.owner(self.role))
            .supplied_by(self.command(inputs))
    }

    /// The command that records the acceptance; while the scenario is empty, the command that fills
    /// it, since an acceptance needs a snapshot.
    pub fn command(&self, inputs: &Inputs) -> Option<String> {
        if inputs.scenario.snapshot.is_none() {
            return inputs.fill_command();
        }
        let owner = inputs.owner(self.role)?;
        Some(inputs.accept_command(self.path, &owner, self.values))
    }

    /// Digests of the current packets that a new acceptance would refer to.
    pub fn evidence(&self, inputs: &Inputs) -> Vec<Digest> {
        let in_force = |(schema, binding): &(&str, Binding)| {
            newest(inputs, schema, *binding).ok().map(|found| found.sha256)
        };
        self.rests_on.iter().filter_map(in_force).collect()
    }

    /// Whether `actor` may accept, or revoke an acceptance.
    ///
    /// # Errors
    /// One sentence that names the owner, or the permission that is missing.
    pub fn permits(&self, inputs: &Inputs, actor: &Actor) -> Result<(), String> {
        match inputs.owner(self.role) {
            Some(owner) if owner.id == actor.id => {}
            Some(owner) => {
                return Err(format!(
                    "{} is decided by {} ({}), not by {}",
                    self.path, owner.name, owner.id, actor.display_name
                ));
            }
            None => {
                return Err(format!(
                    "{} is decided by a {}, but the deployment's tenant has none",
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

    /// The owner's newest acceptance for the judged profile, whether it counts or not.
    pub fn last<'a>(&self, inputs: &'a Inputs) -> Option<&'a Acceptance> {
        let owner = inputs.owner(self.role)?;
        inputs.acceptances.iter().rev().find(|a| {
            a.check == self.path
                && a.as_of <= inputs.as_of
                && a.profile.name == inputs.profile.name
                && a.actor == owner.id.as_str()
        })
    }

    /// The owner's acceptance, if it counts: signed with their own key if it is signed, vouched for by a
    /// trusted service if they were signed in, for exactly this profile, snapshot and evidence, not
    /// revoked, not expired, and for production not by a
    /// mock login.
    ///
    /// # Errors
    /// One sentence: why it does not count.
    pub fn accepted<'a>(&self, inputs: &'a Inputs) -> Result<&'a Acceptance, String> {
        let name = inputs.named(self.role);
        let last = self.last(inputs).ok_or_else(|| format!("{name} has not accepted it"))?;
        if last.revoked {
            return Err(format!("{name} revoked the acceptance"));
        }
        self.permitted(inputs)?;
        inputs.profile.vouches_for(last).map_err(|why| format!("{name} {why}"))?;
        let other = |what: &str, then: String, now: String| {
            Err(format!("{name} accepted {what} {then}, but the current one is {now}"))
        };
        if last.profile.sha256 != inputs.profile.sha256 {
            let (then, now) = (last.profile.sha256, inputs.profile.sha256);
            return other("configuration", then.short(), now.short());
        }
        if last.snapshot != inputs.scenario.snapshot {
            return other(
                "snapshot",
                digest_text(last.snapshot),
                digest_text(inputs.scenario.snapshot),
            );
        }
        let evidence = self.evidence(inputs);
        if last.evidence != evidence {
            return other("evidence", list(&last.evidence), list(&evidence));
        }
        let production = inputs.profile.stage() == Stage::Production;
        if production && last.authentication == Authentication::Mock {
            return Err(format!(
                "{name} accepted it through a mock login, which production does not accept"
            ));
        }
        let has_key = inputs.profile.keys.keys().any(|actor| actor.as_str() == last.actor);
        if has_key && last.authentication != Authentication::Signature {
            return Err(format!(
                "{name} has a key in [keys], but the acceptance is not signed with it"
            ));
        }
        if let Some(end) = inputs.profile.expiry(last).filter(|end| *end < inputs.as_of) {
            return Err(format!("{name} accepted it at {}, which expired at {end}", last.as_of));
        }
        Ok(last)
    }

    /// [`OwnerDecision::accepted`] as a condition of a check; every value must be given and
    /// valid.
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
    /// Checks the authentication of an acceptance: signed with the key that
    /// the configuration names for the actor, or vouched for by a service that it trusts.
    ///
    /// # Errors
    /// What the owner did instead, as the end of a sentence that begins with their name.
    fn vouches_for(&self, acceptance: &Acceptance) -> Result<(), String> {
        if acceptance.authentication == Authentication::Mock {
            return Ok(());
        }
        let Some(key) = acceptance.key else {
            return Err("accepted it with a signature that is missing".to_owned());
        };
        if acceptance.authentication == Authentication::Oidc {
            return match self.vouchers.contains(&key) {
                true => Ok(()),
                false => Err(format!(
                    "accepted it while signed in to a service with key {}, but [vouching] trusted does \
                     not name that key",
                    key.short()
                )),
            };
        }
        let known = self.keys.iter().find(|(actor, _)| actor.as_str() == acceptance.actor);
        match known {
            Some((_, known)) if *known == key => Ok(()),
            Some((_, known)) => Err(format!(
                "accepted it with key {}, but [keys] names {} for {}",
                key.short(),
                known.short(),
                acceptance.actor
            )),
            None => Err(format!(
                "accepted it with key {}, but [keys] names none for {}",
                key.short(),
                acceptance.actor
            )),
        }
    }

    /// The last moment at which an acceptance counts; `None` when acceptances do not expire, or when
    /// the date is out of range.
    fn expiry(&self, acceptance: &Acceptance) -> Option<Timestamp> {
        let days = i64::from(self.acceptance_days?);
        let end = acceptance.as_of.micros().checked_add(days * 86_400 * 1_000_000)?;
        Timestamp::from_micros(end).ok()
    }
}

/// Digests as text in a sentence.
fn list(digests: &[Digest]) -> String {
    match digests {
        [] => "none".to_owned(),
        some => some.iter().map(Digest::short).collect::<Vec<_>>().join(" and "),
    }
}
