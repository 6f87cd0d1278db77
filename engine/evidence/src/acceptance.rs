//! The body of an acceptance packet: an owner's acceptance of one check, or its revocation.

use super::canonical::canonical;
use super::packet::{Packet, ProfileRef, Verdict};
use super::schema;
use crate::keys::{PrivateKey, PublicKey, Signature, SignedKind};
use flowcontrol_base::Result;
use flowcontrol_contract::{ActorId, Digest, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How the actor was authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Authentication {
    /// Not authenticated: a name that anyone can type.
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

/// The subject of an acceptance: what was current when it was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcceptanceSubject {
    /// The profile's configuration.
    pub profile: Digest,
    /// The frozen scenario; `None` only when an acceptance is revoked after the scenario is gone.
    pub snapshot: Option<Digest>,
    /// The packets that the check rests on.
    pub evidence: Vec<Digest>,
}

/// The body of an acceptance packet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedAcceptance {
    /// The accepted check, as `gate/check`.
    pub check: String,
    /// The actor's id.
    pub actor: ActorId,
    /// How the actor was authenticated.
    pub authentication: Authentication,
    /// The values that the decision names, by name.
    pub values: BTreeMap<String, String>,
    /// Whether this revokes an earlier acceptance.
    pub revoked: bool,
    /// The subject: what is accepted.
    pub bound: AcceptanceSubject,
    /// The actor's signature, for [`Authentication::Signature`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
    /// The sign-in, for [`Authentication::Oidc`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_in: Option<SignIn>,
}

/// The sign-in of the actor when they accepted, as the service vouches for it: the service verified
/// a token of the issuer and mapped it to the actor. The token itself is not stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// The OpenID provider.
    pub issuer: String,
    /// The actor's subject (`sub`) at the provider.
    pub subject: String,
    /// The id of the request that recorded the acceptance.
    pub request: String,
    /// The service's signature on the acceptance and on the sign-in.
    pub signature: Signature,
}

/// A sign-in that a service vouches for, with the key it signs with.
#[derive(Clone, Copy, Debug)]
pub struct VouchedSignIn<'a> {
    /// The OpenID provider.
    pub issuer: &'a str,
    /// The actor's subject (`sub`) at the provider.
    pub subject: &'a str,
    /// The id of the request that recorded the acceptance.
    pub request: &'a str,
    /// The service's key.
    pub key: &'a PrivateKey,
}

/// The bytes that a service signs, as canonical JSON.
#[derive(Serialize)]
struct Vouched<'a> {
    issuer: &'a str,
    request: &'a str,
    subject: &'a str,
    word: Statement<'a>,
}

/// The signed content of an acceptance: its whole body and its subject, so that the signature cannot
/// be moved to another acceptance, and the packet it follows, so that it cannot be replayed later.
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
    /// The acceptance signed with `key`, for a packet of `profile` created at `time` after `previous`.
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
        let signature = Some(key.sign(SignedKind::Acceptance, &statement));
        Ok(Self { authentication: Authentication::Signature, signature, ..self })
    }

    /// The acceptance vouched for by a service in which its actor is signed in; otherwise as
    /// [`RecordedAcceptance::signed`].
    ///
    /// # Errors
    /// As [`canonical`].
    pub fn vouched(
        self,
        by: &VouchedSignIn<'_>,
        profile: &ProfileRef,
        time: Timestamp,
        previous: Option<Digest>,
    ) -> Result<Self> {
        let VouchedSignIn { issuer, subject, request, key } = *by;
        let word = self.statement(profile, time, previous);
        let vouched = canonical(&Vouched { issuer, request, subject, word })?;
        let sign_in = Some(SignIn {
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
            request: request.to_owned(),
            signature: key.sign(SignedKind::SignIn, &vouched),
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

    /// Verifies the signature behind the claimed authentication. Whether the key is one of the
    /// configured keys is decided by the gates.
    fn authentic(&self, packet: &Packet) -> Result<(), String> {
        let Packet { profile, created_at, previous, .. } = packet;
        let statement = self.statement(profile, *created_at, *previous);
        let unlike =
            |key: &PublicKey| Err(format!("its signature by {} does not verify", key.short()));
        match (self.authentication, &self.signature, &self.sign_in) {
            (Authentication::Mock, None, None) => Ok(()),
            (Authentication::Mock, Some(_), _) => {
                Err("it claims authentication mock but carries a signature".to_owned())
            }
            (Authentication::Signature, None, _) => {
                Err("it claims authentication signature but carries none".to_owned())
            }
            (Authentication::Signature, Some(signature), None) => {
                let text = canonical(&statement).map_err(|e| e.message)?;
                match signature.verifies(SignedKind::Acceptance, &text) {
                    true => Ok(()),
                    false => unlike(&signature.key),
                }
            }
            (Authentication::Oidc, None, Some(SignIn { issuer, subject, request, signature })) => {
                let vouched = Vouched { issuer, request, subject, word: statement };
                let text = canonical(&vouched).map_err(|e| e.message)?;
                match signature.verifies(SignedKind::SignIn, &text) {
                    true => Ok(()),
                    false => unlike(&signature.key),
                }
            }
            (Authentication::Oidc, _, None) => {
                Err("it claims authentication oidc but no service vouches for it".to_owned())
            }
            (Authentication::Oidc, Some(_), Some(_)) => {
                Err("it claims authentication oidc but carries an actor's signature".to_owned())
            }
            (other, _, Some(_)) => {
                Err(format!("it carries a sign-in but claims authentication {}", other.name()))
            }
        }
    }

    /// The acceptance in `packet`; `None` when it is of another schema.
    ///
    /// # Errors
    /// One sentence that names the contradiction. A signature that does not verify is refused, and
    /// so is a sign-in that no service vouches for, because anyone could write it into a file.
    pub fn read(packet: &Packet) -> Result<Option<Self>, String> {
        if packet.schema != schema::ACCEPTANCE {
            return Ok(None);
        }
        let word: Self = serde_json::from_value(packet.body.clone())
            .map_err(|e| format!("its body is not a valid acceptance: {e}"))?;
        if serde_json::to_value(&word).ok().as_ref() != Some(&packet.body) {
            return Err("its body is not a valid acceptance: a member is missing".to_owned());
        }
        let [check] = packet.checks.as_slice() else {
            return Err("an acceptance holds exactly one check".to_owned());
        };
        if check.id != word.check {
            return Err(format!("its check is {}, but its body accepts {}", check.id, word.check));
        }
        if (check.verdict == Verdict::Ready) == word.revoked {
            return Err(format!("check {} contradicts its body's `revoked`", check.id));
        }
        if word.bound.profile != packet.profile.sha256
            || word.bound.snapshot != packet.snapshot_sha256
        {
            return Err("its body is bound to digests other than the packet's".to_owned());
        }
        if word.bound.snapshot.is_none() && !word.revoked {
            return Err("it accepts a check without naming a snapshot".to_owned());
        }
        word.authentic(packet)?;
        Ok(Some(word))
    }
}
