//! What an acceptance packet says: an owner's word on one check, given or taken back.

use super::canonical::canonical;
use super::packet::{Packet, ProfileRef, Verdict};
use super::schema;
use crate::error::Result;
use crate::keys::{PrivateKey, Signature, Subject};
use flowcontrol_contract::{ActorId, Digest, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How an actor was known to be who they say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Authentication {
    /// A name that anyone can write.
    Mock,
    /// Signed in at an OpenID provider.
    Oidc,
    /// A signature by the actor's key.
    Signature,
}

impl Authentication {
    /// The name used in packets.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mock => "mock",
            Self::Oidc => "oidc",
            Self::Signature => "signature",
        }
    }
}

/// What was in force when the word was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bound {
    /// The profile's configuration.
    pub profile: Digest,
    /// The frozen scenario; `None` only for a word that is taken back after the scenario went.
    pub snapshot: Option<Digest>,
    /// The packets that the check rests on.
    pub evidence: Vec<Digest>,
}

/// The body of an acceptance packet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Word {
    /// `gate/check`.
    pub check: String,
    /// Who.
    pub actor: ActorId,
    /// How the actor was known.
    pub authentication: Authentication,
    /// What was decided, by name.
    pub values: BTreeMap<String, String>,
    /// Taken back.
    pub revoked: bool,
    /// What it was given for.
    pub bound: Bound,
    /// The actor's signature, where that is how they were known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
}

/// What is signed of a word: all that it says and all that it was said about, so that it stands for
/// nothing else, and the packet it follows, so that it cannot be said again later.
#[derive(Serialize)]
struct Statement<'a> {
    actor: &'a ActorId,
    check: &'a str,
    evidence: &'a [Digest],
    previous: Option<Digest>,
    profile: &'a ProfileRef,
    revoked: bool,
    snapshot: Option<Digest>,
    time: Timestamp,
    values: &'a BTreeMap<String, String>,
}

impl Word {
    /// The word signed by `key`, for a packet of `profile` made at `time` that follows `previous`.
    ///
    /// # Errors
    /// As [`canonical`].
    pub fn signed(
        self,
        key: &PrivateKey,
        profile: &ProfileRef,
        time: Timestamp,
        previous: Option<Digest>,
    ) -> Result<Self> {
        let statement = self.statement(profile, time, previous)?;
        let signature = Some(key.sign(Subject::Acceptance, &statement));
        Ok(Self { authentication: Authentication::Signature, signature, ..self })
    }

    fn statement(
        &self,
        profile: &ProfileRef,
        time: Timestamp,
        previous: Option<Digest>,
    ) -> Result<String> {
        canonical(&Statement {
            actor: &self.actor,
            check: &self.check,
            evidence: &self.bound.evidence,
            previous,
            profile,
            revoked: self.revoked,
            snapshot: self.bound.snapshot,
            time,
            values: &self.values,
        })
    }

    /// Whether the authentication that it claims holds, as far as mathematics can tell; whose key
    /// it should be is for the gates.
    fn authentic(&self, packet: &Packet) -> Result<(), String> {
        match (self.authentication, &self.signature) {
            (Authentication::Mock, None) => Ok(()),
            (Authentication::Mock, Some(_)) => {
                Err("it carries a signature and claims authentication mock".to_owned())
            }
            (Authentication::Oidc, _) => {
                Err("it claims authentication oidc, which this version cannot verify".to_owned())
            }
            (Authentication::Signature, None) => {
                Err("it claims authentication signature and carries none".to_owned())
            }
            (Authentication::Signature, Some(signature)) => {
                let statement = self
                    .statement(&packet.profile, packet.created_at, packet.previous)
                    .map_err(|e| e.message)?;
                if signature.verifies(Subject::Acceptance, &statement) {
                    return Ok(());
                }
                let key = signature.key.short();
                Err(format!("its signature is not one by {key} on what it says"))
            }
        }
    }

    /// The word in `packet`; `None` when it is of another schema.
    ///
    /// # Errors
    /// One sentence: what the packet contradicts. A signature that does not verify is refused, and
    /// so is an authentication that this version cannot verify: anybody can write it into a file.
    pub fn read(packet: &Packet) -> Result<Option<Self>, String> {
        if packet.schema != schema::ACCEPTANCE {
            return Ok(None);
        }
        let word: Self = serde_json::from_value(packet.body.clone())
            .map_err(|e| format!("its body is no acceptance: {e}"))?;
        if serde_json::to_value(&word).ok().as_ref() != Some(&packet.body) {
            return Err("its body is no acceptance: it leaves a member out".to_owned());
        }
        let [check] = packet.checks.as_slice() else {
            return Err("an acceptance holds exactly one check".to_owned());
        };
        if check.id != word.check {
            return Err(format!("its check is {}, its body accepts {}", check.id, word.check));
        }
        if (check.verdict == Verdict::Ready) == word.revoked {
            return Err(format!("check {} contradicts its body's `revoked`", check.id));
        }
        if word.bound.profile != packet.profile.sha256
            || word.bound.snapshot != packet.snapshot_sha256
        {
            return Err("its body is bound to other digests than the packet".to_owned());
        }
        if word.bound.snapshot.is_none() && !word.revoked {
            return Err("it accepts no snapshot".to_owned());
        }
        word.authentic(packet)?;
        Ok(Some(word))
    }
}
