//! Compares an imported chain with the local one. Pure.

use flowcontrol_contract::Digest;

/// The relation of an imported chain to the local one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainRelation {
    /// Every packet of it is in the local chain already.
    Contained,
    /// It starts with the local chain and continues after `after` packets; 0 without a local chain.
    Extends {
        /// How many packets the two have in common.
        after: usize,
    },
    /// The two have different packets with the same sequence number.
    Diverges {
        /// The first such sequence number, from 1.
        place: usize,
        /// The local packet's digest there.
        here: Digest,
        /// The imported packet's digest there.
        there: Digest,
    },
}

/// Compares two verified chains, given as the digests of their packets in order.
pub fn relate(here: &[Digest], there: &[Digest]) -> ChainRelation {
    let differing = here.iter().zip(there).position(|(a, b)| a != b);
    match differing {
        Some(at) => ChainRelation::Diverges { place: at + 1, here: here[at], there: there[at] },
        None if there.len() > here.len() => ChainRelation::Extends { after: here.len() },
        None => ChainRelation::Contained,
    }
}

#[cfg(test)]
mod tests {
    use super::{ChainRelation, relate};
    use flowcontrol_contract::Digest;

    #[test]
    fn a_chain_contains_extends_or_leaves_another() {
        let [a, b, c, x] = ["a", "b", "c", "x"].map(Digest::of);
        assert_eq!(relate(&[], &[a, b]), ChainRelation::Extends { after: 0 });
        assert_eq!(relate(&[a], &[a, b, c]), ChainRelation::Extends { after: 1 });
        assert_eq!(relate(&[a, b, c], &[a, b]), ChainRelation::Contained);
        assert_eq!(relate(&[a, b], &[a, b]), ChainRelation::Contained);
        let diverges = ChainRelation::Diverges { place: 2, here: b, there: x };
        assert_eq!(relate(&[a, b, c], &[a, x]), diverges);
    }
}
