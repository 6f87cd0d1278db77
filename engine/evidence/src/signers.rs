//! Checks that a chain is signed by trusted keys. Pure.
//!
//! A signature on a packet covers every packet before it, since each digest covers the one
//! before. So every packet after the first trusted signature must carry one: an unsigned packet
//! between or after them may have replaced a signed one.

use super::chain::{Answer, Problem, ProblemKind};
use super::head::Head;
use super::seal::Link;
use crate::keys::PublicKey;
use std::collections::BTreeMap;

/// A chain's packets, and the keys that count.
pub(super) struct SignerCheck<'a> {
    pub(super) places: &'a BTreeMap<u64, Vec<(&'a str, Link)>>,
    pub(super) last: Option<Link>,
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
        problems: &mut Vec<Problem>,
        notes: &mut Vec<String>,
    ) -> Option<(Answer, Answer)> {
        let last = self.last.filter(|_| !self.trusted.is_empty())?;
        let cut = self.cut(last, problems);
        Some((cut, self.anew(last, sound, problems, notes)))
    }

    fn trusts(&self, signer: Option<PublicKey>) -> bool {
        signer.is_some_and(|key| self.trusted.contains(&key))
    }

    fn cut(&self, last: Link, problems: &mut Vec<Problem>) -> Answer {
        if !self.trusts(last.signed_by) {
            let why = format!(
                "packet {}, the last one here, carries no signature of a trusted key, so nothing \
                 says whether signed ones stood in its place; {HINT}",
                last.sequence
            );
            return Answer::Unproved { why };
        }
        let older = "an older copy of the chain, restored together with its HEAD, looks the same";
        match self.recorded {
            Head::Names { signature, .. } if self.trusts(signature.map(|s| s.key)) => {
                Answer::Unproved {
                    why: format!(
                        "HEAD is signed by a trusted key, so without the key nobody made an end \
                         that the chain never had; {older}; {HINT}"
                    ),
                }
            }
            Head::Names { .. } => {
                let message = "it is not signed by a trusted key, although the last packet is: the \
                               tail was cut, or HEAD was written by somebody else";
                problems.push(Problem {
                    kind: ProblemKind::Head,
                    file: "HEAD".to_owned(),
                    message: message.to_owned(),
                });
                Answer::Found { why: format!("HEAD: {message}") }
            }
            // Absent beside one packet, as a crash leaves it; otherwise it is reported already.
            Head::Absent | Head::Unreadable => {
                Answer::Unproved { why: format!("no signed HEAD says where it ends; {HINT}") }
            }
        }
    }

    fn anew(
        &self,
        last: Link,
        sound: bool,
        problems: &mut Vec<Problem>,
        notes: &mut Vec<String>,
    ) -> Answer {
        let all: Vec<(&str, Link)> =
            self.places.values().filter_map(|links| links.first()).copied().collect();
        let Some(first) = all.iter().position(|(_, link)| self.trusts(link.signed_by)) else {
            let (one, whose) = match self.trusted {
                [key] => ("the trusted key", key.short()),
                keys => ("a trusted key", list(keys)),
            };
            let why = format!("no packet is signed by {one} ({whose}): it was created without");
            let file = all.last().map_or_else(String::new, |(name, _)| (*name).to_owned());
            problems.push(Problem { kind: ProblemKind::Signature, file, message: why.clone() });
            return Answer::Found { why };
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
            problems.push(Problem {
                kind: ProblemKind::Signature,
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
            return Answer::Found { why };
        }
        if !sound {
            let why =
                "signatures prove a complete chain only, and this one has gaps or edits".to_owned();
            return Answer::Unproved { why };
        }
        if before.is_empty() {
            let why = "every packet is signed by a trusted key".to_owned();
            return Answer::Sound { why };
        }
        let until = begun.saturating_sub(1);
        notes.push(format!("signatures begin with packet {begun}"));
        Answer::Unproved {
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
