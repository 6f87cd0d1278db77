//! Checks that a chain is signed by trusted keys. Pure.
//!
//! A signature on a packet covers every packet before it, since each digest covers the one
//! before. So every packet after the first trusted signature must carry one: an unsigned packet
//! between or after them may have replaced a signed one.

use super::chain::{ChainProblem, ChainProblemKind, ForgeryCheck};
use super::head::Head;
use super::seal::ChainLink;
use crate::keys::PublicKey;
use std::collections::BTreeMap;

/// A chain's packets, and the keys that count.
pub(super) struct SignerCheck<'a> {
    pub(super) places: &'a BTreeMap<u64, Vec<(&'a str, ChainLink)>>,
    pub(super) last: Option<ChainLink>,
    pub(super) recorded: &'a Head,
    pub(super) trusted: &'a [PublicKey],
}

const HINT: &str = "pass --head with a digest kept elsewhere to prove it";

impl SignerCheck<'_> {
    /// Whether the tail was cut, and whether the chain was computed anew; `None` when no key is
    /// trusted or there is no packet. `sound` says that nothing is wrong inside the chain.
    pub(super) fn judge(
        &self,
        sound: bool,
        problems: &mut Vec<ChainProblem>,
        notes: &mut Vec<String>,
    ) -> Option<(ForgeryCheck, ForgeryCheck)> {
        let last = self.last.filter(|_| !self.trusted.is_empty())?;
        let cut = self.cut(last, problems);
        Some((cut, self.anew(last, sound, problems, notes)))
    }

    fn trusts(&self, signer: Option<PublicKey>) -> bool {
        signer.is_some_and(|key| self.trusted.contains(&key))
    }

    fn cut(&self, last: ChainLink, problems: &mut Vec<ChainProblem>) -> ForgeryCheck {
        if !self.trusts(last.signed_by) {
            let why = format!(
                "packet {}, the last one here, carries no signature of a trusted key, so nothing \
                 says whether signed ones stood in its place; {HINT}",
                last.sequence
            );
            return ForgeryCheck::Unproved { why };
        }
        let older = "an older copy of the chain, restored together with its HEAD, looks the same";
        match self.recorded {
            Head::Names { signature, .. } if self.trusts(signature.map(|s| s.key)) => {
                ForgeryCheck::Unproved {
                    why: format!(
                        "HEAD is signed by a trusted key, so without the key nobody made an end \
                         that the chain never had; {older}; {HINT}"
                    ),
                }
            }
            Head::Names { .. } => {
                let message = "it is not signed by a trusted key, although the last packet is: the \
                               tail was cut, or HEAD was written by somebody else";
                problems.push(ChainProblem {
                    kind: ChainProblemKind::Head,
                    file: "HEAD".to_owned(),
                    message: message.to_owned(),
                });
                ForgeryCheck::Found { why: format!("HEAD: {message}") }
            }
            // Absent beside one packet, as a crash leaves it; otherwise it is reported already.
            Head::Absent | Head::Unreadable => {
                ForgeryCheck::Unproved { why: format!("no signed HEAD says where it ends; {HINT}") }
            }
        }
    }

    fn anew(
        &self,
        last: ChainLink,
        sound: bool,
        problems: &mut Vec<ChainProblem>,
        notes: &mut Vec<String>,
    ) -> ForgeryCheck {
        let all: Vec<(&str, ChainLink)> =
            self.places.values().filter_map(|links| links.first()).copied().collect();
        let Some(first) = all.iter().position(|(_, link)| self.trusts(link.signed_by)) else {
            let (one, whose) = match self.trusted {
                [key] => ("the trusted key", key.short()),
                keys => ("a trusted key", list(keys)),
            };
            let why = format!("no packet is signed by {one} ({whose}): it was created without");
            let file = all.last().map_or_else(String::new, |(name, _)| (*name).to_owned());
            problems.push(ChainProblem {
                kind: ChainProblemKind::Signature,
                file,
                message: why.clone(),
            });
            return ForgeryCheck::Found { why };
        };
        let (before, after) = all.split_at(first);
        let begun = after.first().map_or(last.sequence, |(_, link)| link.sequence);
        let mut strange = Vec::new();
        for (name, link) in after.iter().filter(|(_, link)| !self.trusts(link.signed_by)) {
            let whose = match link.signed_by {
                Some(key) => format!("it is signed by {}, which is not trusted", key.short()),
                None => "it carries no signature".to_owned(),
            };
            strange.push(link.sequence);
            problems.push(ChainProblem {
                kind: ChainProblemKind::Signature,
                file: (*name).to_owned(),
                message: format!(
                    "{whose}, but packet {begun} before it is signed by a trusted key"
                ),
            });
        }
        if let (Some(from), count) = (strange.first(), strange.len()) {
            let which = match count {
                1 => format!("packet {from} carries"),
                n => format!("{n} packets from {from} on carry"),
            };
            let why = format!(
                "{which} no signature of a trusted key and may stand where signed ones stood; the \
                 packets before {from} are as they were signed"
            );
            return ForgeryCheck::Found { why };
        }
        if !sound {
            let why =
                "signatures prove a complete chain only, and this one has gaps or edits".to_owned();
            return ForgeryCheck::Unproved { why };
        }
        if before.is_empty() {
            let why = "every packet is signed by a trusted key".to_owned();
            return ForgeryCheck::Sound { why };
        }
        let until = begun.saturating_sub(1);
        notes.push(format!("signatures begin with packet {begun}"));
        ForgeryCheck::Unproved {
            why: format!(
                "packets up to {until} are as they were when packet {begun} was signed; whether \
                 they had been computed anew before, their signatures do not say; {HINT}"
            ),
        }
    }
}

fn list(keys: &[PublicKey]) -> String {
    keys.iter().map(PublicKey::short).collect::<Vec<_>>().join(", ")
}
