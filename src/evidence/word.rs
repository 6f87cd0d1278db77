//! What an acceptance packet says: an owner's word on one check, given or taken back.

use super::packet::{Packet, Verdict};
use super::schema;
use flowcontrol_contract::{ActorId, Digest};
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
}

impl Word {
    /// The word in `packet`; `None` when it is of another schema.
    ///
    /// # Errors
    /// One sentence: what the packet contradicts. An authentication that this version cannot
    /// verify is refused, since anybody can write it into a file.
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
        if word.authentication != Authentication::Mock {
            return Err(format!(
                "it claims authentication {}, which this version cannot verify",
                word.authentication.name()
            ));
        }
        Ok(Some(word))
    }
}
