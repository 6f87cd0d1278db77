//! A chain set: a chain with the chains of other machines that were linked to it. Pure: takes bytes,
//! returns findings.
//!
//! A linked chain is kept whole under the digest of its last packet; a packet of schema
//! [`schema::IMPORTED`] in the machine's own chain seals that digest and the number of packets.

use super::chain::{
    self, Anchors, ChainProblem, ChainProblemKind, ChainVerification, ForgeryCheck, Head,
    PacketFile,
};
use super::packet::Packet;
use super::schema;
use super::seal::Sealed;
use crate::keys::PublicKey;
use flowcontrol_contract::Digest;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// The folder, in the store and in an archive, that holds linked chains.
pub(super) const IMPORTED: &str = "imported";

/// Everything that `evidence verify` checks and `evidence export` writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainSet {
    /// The machine's own chain.
    pub own: Vec<PacketFile>,
    /// Its `HEAD`.
    pub head: Head,
    /// Linked chains by the digest of their last packet.
    pub imported: BTreeMap<Digest, Vec<PacketFile>>,
}

/// The chain that a linking packet names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct LinkedChain {
    /// The number of its packets.
    pub packets: u64,
    /// The digest of its last packet.
    pub head: Digest,
}

/// The chain that `packet` links, if it is a linking packet.
pub fn linked(packet: &Packet) -> Option<LinkedChain> {
    if packet.schema != schema::IMPORTED {
        return None;
    }
    LinkedChain::deserialize(&packet.body).ok()
}

impl ChainSet {
    /// Verifies the own chain and each linked chain, and that each link has its chain and each chain
    /// its link; `kept` is a head digest of the own chain that was stored elsewhere.
    pub fn verify(&self, kept: Option<Digest>) -> ChainVerification {
        self.verify_signed(kept, &[])
    }

    /// The same, and that `trusted` keys signed the own chain; the packets that link other chains
    /// are in it.
    pub fn verify_signed(&self, kept: Option<Digest>, trusted: &[PublicKey]) -> ChainVerification {
        let anchors = Anchors { recorded: self.head.clone(), kept, trusted: trusted.to_vec() };
        let mut result = chain::verify(&self.own, &anchors);
        let mut found = Vec::new();
        for (head, entries) in &self.imported {
            found.extend(linked_chain(*head, entries));
        }
        for (file, link) in self.linked() {
            let has = self.imported.get(&link.head).map(|entries| entries.len() as u64);
            let message = match has {
                None => format!("it links the chain that ends in {}, which is not here", link.head),
                Some(n) if n != link.packets => format!(
                    "it links a chain of {} packets that ends in {}, but that chain has {n}",
                    link.packets, link.head
                ),
                Some(_) => continue,
            };
            found.push(ChainProblem { kind: ChainProblemKind::Missing, file, message });
        }
        for head in self.unlinked() {
            result
                .notes
                .push(format!("{IMPORTED}/{head} is not referenced by any packet and is ignored"));
        }
        if let (ForgeryCheck::Sound { why }, 1..) = (&mut result.edit_inside, self.imported.len()) {
            let packets: usize = self.imported.values().map(Vec::len).sum();
            let chains = match self.imported.len() {
                1 => "1 linked chain".to_owned(),
                n => format!("{n} linked chains"),
            };
            why.push_str(&format!("; so were the packets ({packets}) of {chains}"));
        }
        if !found.is_empty() {
            let why = match found.len() {
                1 => "one problem in the linked chains".to_owned(),
                n => format!("{n} problems in the linked chains"),
            };
            result.edit_inside = ForgeryCheck::Found { why };
            result.problems.extend(found);
        }
        result
    }

    /// Whether a packet here links the chain that ends in `head`.
    pub fn links(&self, head: Digest) -> bool {
        self.linked().any(|(_, link)| link.head == head)
    }

    /// Chains that no packet links, as a crash during an import leaves them.
    pub fn unlinked(&self) -> Vec<Digest> {
        let named: BTreeSet<Digest> = self.linked().map(|(_, link)| link.head).collect();
        self.imported.keys().filter(|head| !named.contains(head)).copied().collect()
    }

    /// Every link with its packet's file name, also those in linked chains. Files are chosen by name:
    /// a packet in a file of another name is a problem of its chain.
    fn linked(&self) -> impl Iterator<Item = (String, LinkedChain)> {
        let all = self.own.iter().chain(self.imported.values().flatten());
        all.filter(|entry| entry.name.contains(schema::IMPORTED)).filter_map(|entry| {
            let sealed = Sealed::parse(&entry.bytes).ok()?;
            Some((entry.name.clone(), linked(sealed.packet())?))
        })
    }
}

/// The problems of one linked chain; its folder's name serves as its `HEAD`.
fn linked_chain(head: Digest, entries: &[PacketFile]) -> Vec<ChainProblem> {
    let recorded = Head::Names { sequence: entries.len() as u64, sha256: head, signature: None };
    let result = chain::verify(entries, &Anchors { recorded, kept: None, trusted: Vec::new() });
    let place = format!("{IMPORTED}/{head}");
    let named = |problem: ChainProblem| match problem.kind {
        ChainProblemKind::Head => ChainProblem {
            message: "its last packet is not the one that its folder is named after".to_owned(),
            file: place.clone(),
            ..problem
        },
        _ => ChainProblem { file: format!("{place}/{}", problem.file), ..problem },
    };
    let mut problems: Vec<ChainProblem> = result.problems.into_iter().map(named).collect();
    // In a store a crash may leave the head one packet behind; nothing is appended here.
    if problems.is_empty() && result.head != Some(head) {
        problems.push(ChainProblem {
            kind: ChainProblemKind::Head,
            file: place,
            message: "its last packet is not the one that its folder is named after".to_owned(),
        });
    }
    problems
}
