//! Verifies a chain of packets. Pure: takes the files' bytes and known heads, returns findings.
//!
//! The digests alone reveal every edit inside the chain. They cannot reveal a removed tail, nor
//! a chain that was recomputed from its first packet: that takes a head digest stored out
//! of reach, or signatures by a key that is out of reach. The result says for each of the three
//! forgeries whether it could be checked.

pub use super::head::Head;
use super::head::HeadCheck;
use super::schema;
use super::seal::{ChainLink, Flaw, Sealed};
use super::signers::SignerCheck;
use crate::keys::PublicKey;
use flowcontrol_contract::Digest;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A file that claims to be a packet: its name and its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PacketFile {
    /// Its name, without a folder.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// What the chain is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchors {
    /// The `HEAD` file beside the packets: reveals accidents, not deliberate forgery.
    pub recorded: Head,
    /// A head digest that was stored elsewhere and is given by the user.
    pub kept: Option<Digest>,
    /// Keys that must have signed it; empty to require no signature.
    pub trusted: Vec<PublicKey>,
}

/// The kind of a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChainProblemKind {
    /// A file's bytes differ from what was sealed, or it was renamed.
    Edited,
    /// A packet between others is missing.
    Missing,
    /// A packet names a predecessor other than the packet before it.
    Unlinked,
    /// The same packet is there twice.
    Duplicate,
    /// Two different packets claim one sequence number.
    Fork,
    /// A packet breaks its schema's rules.
    Rule,
    /// A packet whose schema this build does not know.
    Schema,
    /// A signature that does not verify, or a missing signature of a trusted key.
    Signature,
    /// The head shows that packets at the end are missing, or that the chain was replaced.
    Head,
}

/// A problem that verification found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChainProblem {
    /// Its kind.
    pub kind: ChainProblemKind,
    /// The file it concerns, or `HEAD`.
    pub file: String,
    /// One sentence: what is wrong.
    pub message: String,
}

/// The result of checking for one kind of forgery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub enum ForgeryCheck {
    /// Checked and ruled out.
    Sound {
        /// What this rests on, and for which packets.
        why: String,
    },
    /// Checked and found.
    Found {
        /// What was found.
        why: String,
    },
    /// Either a removed tail or a recomputed chain was found, and it cannot be told which.
    Either {
        /// What was found.
        why: String,
    },
    /// Could not be checked.
    Unproved {
        /// What is missing for the check.
        why: String,
    },
}

/// The result of verifying a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChainVerification {
    /// Packets whose seal is valid.
    pub packets: usize,
    /// The last packet's digest; store it elsewhere to detect a later removal of packets.
    pub head: Option<Digest>,
    /// Everything that is wrong, in the order of the chain.
    pub problems: Vec<ChainProblem>,
    /// Remarks that are not problems.
    pub notes: Vec<String>,
    /// Whether a packet was edited, removed or inserted between others.
    pub edit_inside: ForgeryCheck,
    /// Whether packets were removed from the end.
    pub cut_at_tail: ForgeryCheck,
    /// Whether the whole chain was recomputed.
    pub recomputed_from_root: ForgeryCheck,
}

impl ChainVerification {
    /// Whether no problem was found, as far as could be checked.
    pub fn passed(&self) -> bool {
        self.problems.is_empty()
    }
}

/// The number that a packet's file name starts with.
pub fn sequence_in_name(name: &str) -> Option<u64> {
    let (digits, _) = name.split_once('-')?;
    if digits.len() < 5 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

/// Verifies the chain that `entries` form; their order does not matter.
pub fn verify(entries: &[PacketFile], anchors: &Anchors) -> ChainVerification {
    let mut problems = Vec::new();
    let mut notes = Vec::new();
    let mut places: BTreeMap<u64, Vec<(&str, ChainLink)>> = BTreeMap::new();
    let mut damaged: BTreeSet<u64> = BTreeSet::new();
    let mut ordered: Vec<&PacketFile> = entries.iter().collect();
    ordered.sort_by_key(|e| (sequence_in_name(&e.name), e.name.as_str()));
    let mut times = BTreeMap::new();
    for entry in ordered {
        let mut wrong = |kind, message: String| {
            problems.push(ChainProblem { kind, file: entry.name.clone(), message });
        };
        let link = match Sealed::parse(&entry.bytes) {
            Ok(sealed) => {
                if sealed.file_name() != entry.name {
                    let name = sealed.file_name();
                    wrong(
                        ChainProblemKind::Edited,
                        format!("it was renamed; its own name is {name}"),
                    );
                }
                for rule in schema::judge(sealed.packet()) {
                    wrong(ChainProblemKind::Rule, rule);
                }
                times.insert(sealed.packet().sequence, sealed.packet().created_at);
                sealed.link()
            }
            Err(Flaw::Schema { what, link }) => {
                wrong(ChainProblemKind::Schema, what);
                *link
            }
            Err(flaw) => {
                let kind = match flaw {
                    Flaw::Signature(_) => ChainProblemKind::Signature,
                    _ => ChainProblemKind::Edited,
                };
                wrong(kind, flaw.to_string());
                damaged.extend(sequence_in_name(&entry.name));
                continue;
            }
        };
        places.entry(link.sequence).or_default().push((&entry.name, link));
    }
    check_places(&places, &mut problems);
    check_links(&places, &damaged, &mut problems);
    if let Some((sequence, _)) = times
        .iter()
        .zip(times.iter().skip(1))
        .find_map(|((_, before), (s, after))| (after < before).then_some((s, after)))
    {
        notes.push(format!(
            "packet {sequence} is dated before the one it follows: a clock was set back"
        ));
    }
    // A damaged packet still has its sequence number, so it does not count as a removed tail.
    let last = places.values().next_back().and_then(|links| links.first()).map(|(_, link)| *link);
    let inside = problems.len();
    let heads = HeadCheck { places: &places, damaged: &damaged, last, anchors };
    heads.recorded(&mut problems, &mut notes);
    let seen = problems[inside..].first().cloned();
    let kept = heads.kept(&mut problems);
    let signers = SignerCheck {
        places: &places,
        last,
        recorded: &anchors.recorded,
        trusted: &anchors.trusted,
    };
    let signed = signers.judge(inside == 0, &mut problems, &mut notes);
    let (mut cut_at_tail, recomputed_from_root) = match (kept, signed) {
        (None, None) => heads.without_kept(),
        (Some(answers), None) | (None, Some(answers)) => answers,
        (Some(kept), Some(signed)) => (stronger(kept.0, signed.0), stronger(kept.1, signed.1)),
    };
    // What HEAD shows is a finding, even if an earlier stored digest still matches.
    if let (Some(ChainProblem { file, message, .. }), false) =
        (seen, matches!(cut_at_tail, ForgeryCheck::Either { .. }))
    {
        cut_at_tail = ForgeryCheck::Found { why: format!("{file}: {message}") };
    }
    ChainVerification {
        packets: places.values().map(Vec::len).sum(),
        head: last.map(|link| link.sha256),
        edit_inside: match (inside, entries.len()) {
            (0, 0) => ForgeryCheck::Sound { why: "there is no packet yet".to_owned() },
            (0, n) => ForgeryCheck::Sound {
                why: format!("the digest, link and schema rules of all {n} packets were checked"),
            },
            (1, _) => ForgeryCheck::Found { why: "one problem inside the chain".to_owned() },
            (n, _) => ForgeryCheck::Found { why: format!("{n} problems inside the chain") },
        },
        problems,
        notes,
        cut_at_tail,
        recomputed_from_root,
    }
}

/// The result for a stored digest, unless it proves nothing or the signatures show a forgery.
fn stronger(kept: ForgeryCheck, signed: ForgeryCheck) -> ForgeryCheck {
    match (&kept, &signed) {
        (ForgeryCheck::Unproved { .. }, _)
        | (ForgeryCheck::Sound { .. }, ForgeryCheck::Found { .. }) => signed,
        _ => kept,
    }
}

fn check_places(places: &BTreeMap<u64, Vec<(&str, ChainLink)>>, problems: &mut Vec<ChainProblem>) {
    for (sequence, links) in places {
        let Some(((first, original), others)) = links.split_first() else {
            continue;
        };
        for (name, link) in others {
            let (kind, message) = if link.sha256 == original.sha256 {
                (ChainProblemKind::Duplicate, format!("it is the same packet as {first}"))
            } else {
                (
                    ChainProblemKind::Fork,
                    format!("it claims sequence number {sequence}, which {first} has"),
                )
            };
            problems.push(ChainProblem { kind, file: (*name).to_owned(), message });
        }
    }
}

fn check_links(
    places: &BTreeMap<u64, Vec<(&str, ChainLink)>>,
    damaged: &BTreeSet<u64>,
    problems: &mut Vec<ChainProblem>,
) {
    let mut expected = 1;
    for (&sequence, links) in places {
        // The number in a forged packet may be huge, so the gap is not iterated over.
        let (mut first, mut last) = (expected, sequence.saturating_sub(1));
        while first <= last && damaged.contains(&first) {
            first += 1;
        }
        while first < last && damaged.contains(&last) {
            last -= 1;
        }
        if first <= last && first < sequence {
            let which = if first == last {
                format!("packet {first} is missing")
            } else {
                format!("packets {first} to {last} are missing")
            };
            problems.push(ChainProblem {
                kind: ChainProblemKind::Missing,
                file: links[0].0.to_owned(),
                message: format!("{which} before it"),
            });
        }
        expected = sequence.saturating_add(1);
        let before = sequence.checked_sub(1).filter(|&s| s > 0);
        for (name, link) in links {
            let linked = match (before, link.previous) {
                (None, None) => sequence == 1,
                (None, Some(_)) | (Some(_), None) => false,
                (Some(before), Some(previous)) => match places.get(&before) {
                    Some(links) => links.iter().any(|(_, l)| l.sha256 == previous),
                    // Missing or damaged: reported already, and there is nothing to compare with.
                    None => true,
                },
            };
            if !linked {
                let message = match link.previous {
                    Some(digest) => format!(
                        "it names {digest} as its predecessor, which is not the packet before it"
                    ),
                    None => "it names no preceding packet although it is not the first".to_owned(),
                };
                problems.push(ChainProblem {
                    kind: ChainProblemKind::Unlinked,
                    file: (*name).to_owned(),
                    message,
                });
            }
        }
    }
}
