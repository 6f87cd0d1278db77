//! The end of a chain, compared with `HEAD` and with a digest that was stored elsewhere. Pure.

use super::chain::{Anchors, ChainProblem, ChainProblemKind, ForgeryCheck};
use super::seal::ChainLink;
use crate::keys::{PrivateKey, PublicKey, Signature, SignedKind, Value};
use flowcontrol_contract::Digest;
use std::collections::{BTreeMap, BTreeSet};

/// The content of the folder's `HEAD` file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Head {
    /// There is no such file.
    Absent,
    /// It names this packet.
    Names {
        /// The packet's sequence number.
        sequence: u64,
        /// The packet's digest.
        sha256: Digest,
        /// A signature on both, which verifies.
        signature: Option<Signature>,
    },
    /// Its content is not valid.
    Unreadable,
}

impl Head {
    /// The head that names `link`, unsigned.
    pub fn of(link: ChainLink) -> Self {
        Self::Names { sequence: link.sequence, sha256: link.sha256, signature: None }
    }

    /// The same, signed by `key` if there is one.
    #[must_use]
    pub fn signed(self, key: Option<&PrivateKey>) -> Self {
        match (self, key) {
            (Self::Names { sequence, sha256, .. }, Some(key)) => {
                let signature = Some(key.sign(SignedKind::Head, &named(sequence, sha256)));
                Self::Names { sequence, sha256, signature }
            }
            (head, _) => head,
        }
    }

    /// Reads `7 <64 hex digits>` and a line end; before that, ` ed25519:<64 hex digits>:<128 hex
    /// digits>` where it is signed. A signature that does not verify makes it unreadable.
    pub fn parse(bytes: &[u8]) -> Self {
        let read = || {
            let line = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?;
            let mut fields = line.split(' ');
            let (sequence, sha256) = (fields.next()?, fields.next()?);
            let (sequence, sha256) = (sequence.parse().ok()?, Digest::parse(sha256).ok()?);
            let signature = match fields.next() {
                None => None,
                Some(field) => {
                    let (key, value) = field.rsplit_once(':')?;
                    let (key, value) = (PublicKey::parse(key).ok()?, Value::parse(value).ok()?);
                    let by = Signature { key, value };
                    Some(by)
                        .filter(|by| by.verifies(SignedKind::Head, &named(sequence, sha256)))?;
                    Some(by)
                }
            };
            let head = Self::Names { sequence, sha256, signature };
            (head.render().as_bytes() == bytes).then_some(head)
        };
        read().unwrap_or(Self::Unreadable)
    }

    /// Whether it names the same packet as `other`, regardless of the signatures.
    pub fn agrees(&self, other: &Self) -> bool {
        self.clone().unsigned() == other.clone().unsigned()
    }

    fn unsigned(self) -> Self {
        match self {
            Self::Names { sequence, sha256, .. } => {
                Self::Names { sequence, sha256, signature: None }
            }
            other => other,
        }
    }

    /// Who signed it.
    pub fn signed_by(&self) -> Option<PublicKey> {
        match self {
            Self::Names { signature, .. } => signature.map(|s| s.key),
            Self::Absent | Self::Unreadable => None,
        }
    }

    /// The file's content; empty unless it names a packet.
    pub fn render(&self) -> String {
        match self {
            Self::Names { sequence, sha256, signature: None } => {
                format!("{}\n", named(*sequence, *sha256))
            }
            Self::Names { sequence, sha256, signature: Some(Signature { key, value }) } => {
                format!("{} {key}:{value}\n", named(*sequence, *sha256))
            }
            Self::Absent | Self::Unreadable => String::new(),
        }
    }
}

/// The text of a head, which is also what is signed.
fn named(sequence: u64, sha256: Digest) -> String {
    format!("{sequence} {sha256}")
}

/// Compares a chain's packets with what is known about its end.
pub(super) struct HeadCheck<'a> {
    pub(super) places: &'a BTreeMap<u64, Vec<(&'a str, ChainLink)>>,
    pub(super) damaged: &'a BTreeSet<u64>,
    pub(super) last: Option<ChainLink>,
    pub(super) anchors: &'a Anchors,
}

impl HeadCheck<'_> {
    fn find(&self, digest: Digest) -> Option<ChainLink> {
        self.places.values().flatten().map(|(_, link)| *link).find(|link| link.sha256 == digest)
    }

    /// Compares with the `HEAD` file. It is written after the packet, so a crash can leave it a single
    /// packet behind; the next append corrects it.
    pub(super) fn recorded(&self, problems: &mut Vec<ChainProblem>, notes: &mut Vec<String>) {
        let last = self.last.map_or(0, |link| link.sequence);
        let behind = "HEAD is one packet behind, as a crash leaves it; the next packet repairs it";
        let message = match &self.anchors.recorded {
            Head::Absent => match last {
                0 => return,
                1 => return notes.push(behind.to_owned()),
                _ => "there is no HEAD file; it was removed".to_owned(),
            },
            Head::Unreadable => {
                "it was edited: it names no packet, or its signature does not verify".to_owned()
            }
            Head::Names { sequence, sha256, .. } => match self.find(*sha256) {
                Some(link) if link.sequence != *sequence => "it was edited".to_owned(),
                Some(link) if link.sequence == last => return,
                Some(link) if link.sequence + 1 == last => return notes.push(behind.to_owned()),
                Some(link) => format!(
                    "it names packet {}, but the chain continues to {last}; it was replaced by an \
                     older one",
                    link.sequence
                ),
                // The packet it names is damaged, which is reported already.
                None if self.damaged.contains(sequence) => return,
                None if *sequence > last => format!(
                    "it names packet {sequence}, but the chain ends at {last}: packets were removed from the end"
                ),
                None => format!("packet {sequence} is not the one that it names"),
            },
        };
        problems.push(ChainProblem {
            kind: ChainProblemKind::Head,
            file: "HEAD".to_owned(),
            message,
        });
    }

    /// Compares with the head digest that was stored elsewhere; `None` when none was given.
    pub(super) fn kept(
        &self,
        problems: &mut Vec<ChainProblem>,
    ) -> Option<(ForgeryCheck, ForgeryCheck)> {
        let kept = self.anchors.kept?;
        let Some(link) = self.find(kept) else {
            return Some(self.kept_is_gone(kept, problems));
        };
        let last = self.last.map_or(0, |l| l.sequence);
        let sequence = link.sequence;
        let recomputed = ForgeryCheck::Sound {
            why: format!("packet {sequence} has the digest that was kept elsewhere"),
        };
        let cut = if sequence == last {
            ForgeryCheck::Sound {
                why: "the last packet has the digest that was kept elsewhere".into(),
            }
        } else {
            ForgeryCheck::Sound {
                why: format!(
                    "up to packet {sequence}, whose digest was kept elsewhere; of the packets \
                     after it ({} here) nobody kept a digest",
                    last - sequence
                ),
            }
        };
        Some((cut, recomputed))
    }

    fn kept_is_gone(
        &self,
        kept: Digest,
        problems: &mut Vec<ChainProblem>,
    ) -> (ForgeryCheck, ForgeryCheck) {
        // The packet may be present but damaged.
        if !self.damaged.is_empty() {
            let why = "the digest kept elsewhere may be that of a damaged packet".to_owned();
            return (ForgeryCheck::Unproved { why: why.clone() }, ForgeryCheck::Unproved { why });
        }
        problems.push(ChainProblem {
            kind: ChainProblemKind::Head,
            file: "--head".to_owned(),
            message: format!(
                "no packet has the digest {kept}: the tail was cut, or the chain was computed \
                 anew, or the digest is of another chain"
            ),
        });
        let why = "the digest kept elsewhere is not in this chain".to_owned();
        (ForgeryCheck::Either { why: why.clone() }, ForgeryCheck::Either { why })
    }

    pub(super) fn without_kept(&self) -> (ForgeryCheck, ForgeryCheck) {
        let hint = "pass --head with a digest kept elsewhere to prove it";
        let cut = match self.last {
            None => format!("there is neither a packet nor a HEAD file; {hint}"),
            Some(_) => format!(
                "HEAD matches the last packet, but whoever removes packets can rewrite HEAD too; {hint}"
            ),
        };
        let signed = self.places.values().flatten().any(|(_, link)| link.signed_by.is_some());
        let anew = if signed {
            format!(
                "its signatures verify, but no trusted key was named; pass --signed-by \
                 with the signer's public key, or {hint}"
            )
        } else {
            format!("the chain is not signed, and a recomputed chain looks like any other; {hint}")
        };
        (ForgeryCheck::Unproved { why: cut }, ForgeryCheck::Unproved { why: anew })
    }
}
