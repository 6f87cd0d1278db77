//! What an acceptance packet says: an owner's word on one check, given or taken back.

use super::canonical::canonical;
use super::packet::{Packet, ProfileRef, Verdict};
use super::schema;
use crate::keys::{PrivateKey, PublicKey, Signature, Subject};
use flowcontrol_base::Result;
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
pub struct RecordedAcceptance {
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
    /// Who was signed in, where that is how they were known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_in: Option<SignIn>,
}

/// Somebody who was signed in when they gave a word, as the service says that took it: it verified a
/// token of the issuer and found the actor in it. The token itself is kept nowhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// The OpenID provider.
    pub issuer: String,
    /// Whom the provider knows the actor as.
    pub subject: String,
    /// The request that the word came with.
    pub request: String,
    /// The service's signature on the word and on this.
    pub signature: Signature,
}

/// What a service vouches for: that this is who gave the word.
#[derive(Clone, Copy, Debug)]
pub struct SignedIn<'a> {
    /// The OpenID provider.
    pub issuer: &'a str,
    /// Whom the provider knows the actor as.
    pub subject: &'a str,
    /// The request that the word came with.
    pub request: &'a str,
    /// The service's key.
    pub key: &'a PrivateKey,
}

/// What a service signs.
#[derive(Serialize)]
struct Vouched<'a> {
    issuer: &'a str,
    request: &'a str,
    subject: &'a str,
    word: Statement<'a>,
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

impl RecordedAcceptance {
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
        let statement = canonical(&self.statement(profile, time, previous))?;
        let signature = Some(key.sign(Subject::Acceptance, &statement));
        Ok(Self { authentication: Authentication::Signature, signature, ..self })
    }

    /// The word vouched for by a service in which its actor is signed in; otherwise as
    /// [`RecordedAcceptance::signed`].
    ///
    /// # Errors
    /// As [`canonical`].
    pub fn vouched(
        self,
        by: &SignedIn<'_>,
        profile: &ProfileRef,
        time: Timestamp,
        previous: Option<Digest>,
    ) -> Result<Self> {
        let SignedIn { issuer, subject, request, key } = *by;
        let word = self.statement(profile, time, previous);
        let vouched = canonical(&Vouched { issuer, request, subject, word })?;
        let sign_in = Some(SignIn {
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
            request: request.to_owned(),
            signature: key.sign(Subject::SignIn, &vouched),
        });
        Ok(Self { authentication: Authentication::Oidc, sign_in, ..self })
    }

    fn statement<'a>(
        &'a self,
        profile: &'a ProfileRef,
        time: Timestamp,
        previous: Option<Digest>,
    ) -> Statement<'a> {
        Statement {
            actor: &self.actor,
            check: &self.check,
            evidence: &self.bound.evidence,
            previous,
            profile,
            revoked: self.revoked,
            snapshot: self.bound.snapshot,
            time,
            values: &self.values,
        }
    }

    /// Whether the authentication that it claims holds, as far as mathematics can tell; whose key
    /// it should be is for the gates.
    fn authentic(&self, packet: &Packet) -> Result<(), String> {
        let Packet { profile, created_at, previous, .. } = packet;
        let statement = self.statement(profile, *created_at, *previous);
        let unlike = |key: &PublicKey| {
            Err(format!("its signature is not one by {} on what it says", key.short()))
        };
        match (self.authentication, &self.signature, &self.sign_in) {
            (Authentication::Mock, None, None) => Ok(()),
            (Authentication::Mock, Some(_), _) => {
                Err("it carries a signature and claims authentication mock".to_owned())
            }
            (Authentication::Signature, None, _) => {
                Err("it claims authentication signature and carries none".to_owned())
            }
            (Authentication::Signature, Some(signature), None) => {
                let text = canonical(&statement).map_err(|e| e.message)?;
                match signature.verifies(Subject::Acceptance, &text) {
                    true => Ok(()),
                    false => unlike(&signature.key),
                }
            }
            (Authentication::Oidc, None, Some(SignIn { issuer, subject, request, signature })) => {
                let vouched = Vouched { issuer, request, subject, word: statement };
                let text = canonical(&vouched).map_err(|e| e.message)?;
                match signature.verifies(Subject::SignIn, &text) {
                    true => Ok(()),
                    false => unlike(&signature.key),
                }
            }
            (Authentication::Oidc, _, None) => {
                Err("it claims authentication oidc, and no service vouches for it".to_owned())
            }
            (Authentication::Oidc, Some(_), Some(_)) => {
                Err("it carries a signature and claims authentication oidc".to_owned())
            }
            (other, _, Some(_)) => {
                Err(format!("it carries a sign-in and claims authentication {}", other.name()))
            }
        }
    }

    /// The word in `packet`; `None` when it is of another schema.
    ///
    /// # Errors
    /// One sentence: what the packet contradicts. A signature that does not verify is refused, and
    /// so is a sign-in for which no service vouches: anybody can write it into a file.
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
