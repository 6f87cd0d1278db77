//! Verifies a chain of packets. Pure: files' bytes and known heads in, findings out.
//!
//! The digests alone find every edit inside the chain. They cannot find a tail that was cut, nor
//! a chain that somebody computed anew from its first packet: that takes a head digest kept out
//! of reach. The answer says for each of the three whether it could be checked. A signed chain
//! will be a further member of [`Anchors`], and will be able to answer the last two as well.

use super::schema;
use super::seal::{Flaw, Link, Sealed};
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

/// What the folder's `HEAD` file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Head {
    /// There is none.
    Absent,
    /// It names this packet.
    Names {
        /// The packet's place.
        sequence: u64,
        /// The packet's digest.
        sha256: Digest,
    },
    /// Its content is not what the store writes.
    Unreadable,
}

impl Head {
    /// Reads `7 <64 hex digits>` and a line end.
    pub fn parse(bytes: &[u8]) -> Self {
        let read = || {
            let line = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?;
            let (sequence, digest) = line.split_once(' ')?;
            let head = Self::Names {
                sequence: sequence.parse().ok()?,
                sha256: Digest::parse(digest).ok()?,
            };
            (head.render().as_bytes() == bytes).then_some(head)
        };
        read().unwrap_or(Self::Unreadable)
    }

    /// The file's content; empty unless it names a packet.
    pub fn render(&self) -> String {
        match self {
            Self::Names { sequence, sha256 } => format!("{sequence} {sha256}\n"),
            Self::Absent | Self::Unreadable => String::new(),
        }
    }
}

/// What the chain is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchors {
    /// The `HEAD` file beside the packets: shows an accident, not an intent.
    pub recorded: Head,
    /// A head digest kept elsewhere and given by the user.
    pub kept: Option<Digest>,
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
                link
            }
            Err(flaw) => {
                wrong(ProblemKind::Edited, flaw.to_string());
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
    let (mut cut_at_tail, recomputed_from_root) = kept.unwrap_or_else(|| heads.without_kept());
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

struct HeadCheck<'a> {
    places: &'a BTreeMap<u64, Vec<(&'a str, Link)>>,
    damaged: &'a BTreeSet<u64>,
    last: Option<Link>,
    anchors: &'a Anchors,
}

impl HeadCheck<'_> {
    fn find(&self, digest: Digest) -> Option<Link> {
        self.places.values().flatten().map(|(_, link)| *link).find(|link| link.sha256 == digest)
    }

    /// Compares with the `HEAD` file. It is written after the packet, so one that is a single
    /// packet behind is what a crash leaves, and the next append puts it right.
    fn recorded(&self, problems: &mut Vec<Problem>, notes: &mut Vec<String>) {
        let last = self.last.map_or(0, |link| link.sequence);
        let behind = "HEAD is one packet behind, as a crash leaves it; the next packet repairs it";
        let message = match &self.anchors.recorded {
            Head::Absent => match last {
                0 => return,
                1 => return notes.push(behind.to_owned()),
                _ => "there is no HEAD file; it was removed".to_owned(),
            },
            Head::Unreadable => "it was edited: it names no packet".to_owned(),
            Head::Names { sequence, sha256 } => match self.find(*sha256) {
                Some(link) if link.sequence != *sequence => "it was edited".to_owned(),
                Some(link) if link.sequence == last => return,
                Some(link) if link.sequence + 1 == last => return notes.push(behind.to_owned()),
                Some(link) => format!(
                    "it names packet {}, yet the chain goes on to {last}; it was replaced by an \
                     older one",
                    link.sequence
                ),
                // The packet it names is damaged, and reported as that.
                None if self.damaged.contains(sequence) => return,
                None if *sequence > last => format!(
                    "it names packet {sequence}, and the chain ends at {last}: its tail was cut"
                ),
                None => format!("packet {sequence} is another one than it names"),
            },
        };
        problems.push(Problem { kind: ProblemKind::Head, file: "HEAD".to_owned(), message });
    }

    /// Compares with the head kept elsewhere; `None` when none was given.
    fn kept(&self, problems: &mut Vec<Problem>) -> Option<(Answer, Answer)> {
        let kept = self.anchors.kept?;
        let Some(link) = self.find(kept) else {
            return Some(self.kept_is_gone(kept, problems));
        };
        let last = self.last.map_or(0, |l| l.sequence);
        let sequence = link.sequence;
        let recomputed = Answer::Sound {
            why: format!("packet {sequence} has the digest that was kept elsewhere"),
        };
        let cut = if sequence == last {
            Answer::Sound { why: "the last packet has the digest that was kept elsewhere".into() }
        } else {
            Answer::Sound {
                why: format!(
                    "up to packet {sequence}, whose digest was kept elsewhere; of the packets \
                     after it ({} here) nobody kept a digest",
                    last - sequence
                ),
            }
        };
        Some((cut, recomputed))
    }

    fn kept_is_gone(&self, kept: Digest, problems: &mut Vec<Problem>) -> (Answer, Answer) {
        // The packet may be there and be the one that can no longer be read.
        if !self.damaged.is_empty() {
            let why = "the digest kept elsewhere may be that of a damaged packet".to_owned();
            return (Answer::Unproved { why: why.clone() }, Answer::Unproved { why });
        }
        problems.push(Problem {
            kind: ProblemKind::Head,
            file: "--head".to_owned(),
            message: format!(
                "no packet has the digest {kept}: the tail was cut, or the chain was computed \
                 anew, or the digest is of another chain"
            ),
        });
        let why = "the digest kept elsewhere is not in this chain".to_owned();
        (Answer::Either { why: why.clone() }, Answer::Either { why })
    }

    fn without_kept(&self) -> (Answer, Answer) {
        let way = "pass --head with a digest kept elsewhere to prove it";
        let cut = match self.last {
            None => format!("there is neither a packet nor a HEAD file; {way}"),
            Some(_) => format!(
                "HEAD beside the packets shows no cut, but whoever makes one can rewrite it; {way}"
            ),
        };
        let anew =
            format!("the chain is not signed, and a chain made anew looks like any other; {way}");
        (Answer::Unproved { why: cut }, Answer::Unproved { why: anew })
    }
}
