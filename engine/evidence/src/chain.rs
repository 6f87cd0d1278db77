//! Verifies a chain of packets. Pure: files' bytes and known heads in, findings out.
//!
//! The digests alone find every edit inside the chain. They cannot find a tail that was cut, nor
//! a chain that somebody computed anew from its first packet: that takes a head digest kept out
//! of reach, or signatures by a key that is out of reach. The answer says for each of the three
//! whether it could be checked.

pub use super::head::Head;
use super::head::HeadCheck;
use super::schema;
use super::seal::{Flaw, Link, Sealed};
use super::signers::SignerCheck;
use crate::keys::PublicKey;
use flowcontrol_contract::Digest;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A file that claims to be a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name, without a folder.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// What the chain is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchors {
    /// The `HEAD` file beside the packets: shows an accident, not an intent.
    pub recorded: Head,
    /// A head digest kept elsewhere and given by the user.
    pub kept: Option<Digest>,
    /// Keys that must have signed it; none asks for no signature.
    pub trusted: Vec<PublicKey>,
}

/// What kind of thing is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProblemKind {
    /// A file's bytes are not as sealed, or its name is not its own.
    Edited,
    /// A packet between others is not there.
    Missing,
    /// A packet names another predecessor than the one before it.
    Unlinked,
    /// The same packet stands there twice.
    Duplicate,
    /// Two different packets claim one place.
    Fork,
    /// A packet breaks its schema's rules.
    Rule,
    /// A packet of a schema this build cannot judge.
    Schema,
    /// A signature that does not verify, or none by a trusted key where there should be one.
    Signature,
    /// The head says that packets after the last one are gone, or that this is another chain.
    Head,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// What kind of thing.
    pub kind: ProblemKind,
    /// The file it is about, or `HEAD`.
    pub file: String,
    /// One sentence.
    pub message: String,
}

/// Whether a kind of forgery could be checked for, and what came out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub enum Answer {
    /// Checked, and ruled out.
    Sound {
        /// What it rests on, and how far it reaches.
        why: String,
    },
    /// Checked, and found.
    Found {
        /// What was found.
        why: String,
    },
    /// Checked: this or the other of the last two was found, and nothing can tell which.
    Either {
        /// What was found.
        why: String,
    },
    /// Could not be checked.
    Unproved {
        /// What is missing.
        why: String,
    },
}

/// The result of verifying a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// Packets whose seal holds.
    pub packets: usize,
    /// The last packet's digest; keep it elsewhere.
    pub head: Option<Digest>,
    /// Everything that is wrong, in the order of the chain.
    pub problems: Vec<Problem>,
    /// What is worth knowing and not wrong.
    pub notes: Vec<String>,
    /// Was a packet edited, removed or slipped in between others?
    pub edit_inside: Answer,
    /// Were packets removed from the end?
    pub cut_at_tail: Answer,
    /// Was the whole chain computed anew?
    pub recomputed_from_root: Answer,
}

impl Verification {
    /// Nothing is wrong, as far as could be checked.
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
pub fn verify(entries: &[Entry], anchors: &Anchors) -> Verification {
    let mut problems = Vec::new();
    let mut notes = Vec::new();
    let mut places: BTreeMap<u64, Vec<(&str, Link)>> = BTreeMap::new();
    let mut damaged: BTreeSet<u64> = BTreeSet::new();
    let mut ordered: Vec<&Entry> = entries.iter().collect();
    ordered.sort_by_key(|e| (sequence_in_name(&e.name), e.name.as_str()));
    let mut times = BTreeMap::new();
    for entry in ordered {
        let mut wrong = |kind, message: String| {
            problems.push(Problem { kind, file: entry.name.clone(), message });
        };
        let link = match Sealed::parse(&entry.bytes) {
            Ok(sealed) => {
                if sealed.file_name() != entry.name {
                    let name = sealed.file_name();
                    wrong(ProblemKind::Edited, format!("it was renamed; its own name is {name}"));
                }
                for rule in schema::judge(sealed.packet()) {
                    wrong(ProblemKind::Rule, rule);
                }
                times.insert(sealed.packet().sequence, sealed.packet().created_at);
                sealed.link()
            }
            Err(Flaw::Schema { what, link }) => {
                wrong(ProblemKind::Schema, what);
                *link
            }
            Err(flaw) => {
                let kind = match flaw {
                    Flaw::Signature(_) => ProblemKind::Signature,
                    _ => ProblemKind::Edited,
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
    // A damaged packet still has its place, so its loss is no cut tail.
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
    // What HEAD shows is a finding, whatever a digest kept earlier still vouches for.
    if let (Some(Problem { file, message, .. }), false) =
        (seen, matches!(cut_at_tail, Answer::Either { .. }))
    {
        cut_at_tail = Answer::Found { why: format!("{file}: {message}") };
    }
    Verification {
        packets: places.values().map(Vec::len).sum(),
        head: last.map(|link| link.sha256),
        edit_inside: match (inside, entries.len()) {
            (0, 0) => Answer::Sound { why: "there is no packet yet".to_owned() },
            (0, n) => Answer::Sound {
                why: format!("all {n} packets were hashed, linked and judged again"),
            },
            (1, _) => Answer::Found { why: "one problem inside the chain".to_owned() },
            (n, _) => Answer::Found { why: format!("{n} problems inside the chain") },
        },
        problems,
        notes,
        cut_at_tail,
        recomputed_from_root,
    }
}

/// What a kept digest says, unless it says nothing or the signatures show a forgery.
fn stronger(kept: Answer, signed: Answer) -> Answer {
    match (&kept, &signed) {
        (Answer::Unproved { .. }, _) | (Answer::Sound { .. }, Answer::Found { .. }) => signed,
        _ => kept,
    }
}

fn check_places(places: &BTreeMap<u64, Vec<(&str, Link)>>, problems: &mut Vec<Problem>) {
    for (sequence, links) in places {
        let Some(((first, original), others)) = links.split_first() else {
            continue;
        };
        for (name, link) in others {
            let (kind, message) = if link.sha256 == original.sha256 {
                (ProblemKind::Duplicate, format!("it is the same packet as {first}"))
            } else {
                (ProblemKind::Fork, format!("it claims place {sequence}, which {first} has"))
            };
            problems.push(Problem { kind, file: (*name).to_owned(), message });
        }
    }
}

fn check_links(
    places: &BTreeMap<u64, Vec<(&str, Link)>>,
    damaged: &BTreeSet<u64>,
    problems: &mut Vec<Problem>,
) {
    let mut expected = 1;
    for (&sequence, links) in places {
        // A number in a forged packet may be huge, so the gap is not walked through.
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
            problems.push(Problem {
                kind: ProblemKind::Missing,
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
                    // Missing or damaged: reported as that, and nothing to compare with.
                    None => true,
                },
            };
            if !linked {
                let message = match link.previous {
                    Some(digest) => format!("it follows {digest}, which is not the packet before"),
                    None => "it follows no packet although it is not the first".to_owned(),
                };
                problems.push(Problem {
                    kind: ProblemKind::Unlinked,
                    file: (*name).to_owned(),
                    message,
                });
            }
        }
    }
}
