//! A frame: one acknowledged batch in a log: a header line, one line for each record, and lines of
//! the audit trail if the batch was appended.
//!
//! The header has a fixed length and its own checksum, so its length field can be trusted before
//! the body is read; the body's SHA-256 is in the header. Both are text: a log can be read with a
//! pager, and `grep '^{'` prints the records.

use flowcontrol_contract::Digest;
use std::fmt::Write as _;

/// The start of every header; the digit is the format's version.
pub(crate) const MAGIC: &[u8] = b"bfglog1 ";

/// Length of a header in bytes, including its line break.
pub(crate) const HEADER: usize = 8 + 21 + 21 + 21 + 21 + 65 + 65 + CHECK + 1;

/// Length of the header's own checksum: hex digits of half a SHA-256.
pub(crate) const CHECK: usize = 32;

/// Stands for "no snapshot" in the header of an append.
const NO_SNAPSHOT: &str = "----------------------------------------------------------------";

/// A frame's header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Position in the order of all writes of the store: 1, 2, 3 ..., possibly with gaps.
    pub(crate) commit: u64,
    /// Sequence number of the first record.
    pub(crate) first: u64,
    /// Number of records; at least one.
    pub(crate) count: u64,
    /// Length of the body in bytes.
    pub(crate) bytes: u64,
    /// The snapshot of an imported chunk.
    pub(crate) snapshot: Option<Digest>,
    /// SHA-256 of the body.
    pub(crate) body: Digest,
}

impl Header {
    /// The header as a line.
    pub(crate) fn encode(&self) -> String {
        let mut out = String::with_capacity(HEADER);
        out.push_str("bfglog1 ");
        for number in [self.commit, self.first, self.count, self.bytes] {
            // Writing to a String cannot fail.
            let _ = write!(out, "{number:020} ");
        }
        match self.snapshot {
            Some(digest) => out.push_str(&digest.to_string()),
            None => out.push_str(NO_SNAPSHOT),
        }
        let _ = write!(out, " {} ", self.body);
        let check = Digest::of(&out).to_string();
        out.push_str(&check[..CHECK]);
        out.push('\n');
        out
    }

    /// Parses a header at the start of `bytes`; `None` unless every byte is valid.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes.get(..HEADER)?).ok()?;
        let mut fields = text.strip_prefix("bfglog1 ")?.split(' ');
        let mut number = || fields.next().and_then(|f| f.parse::<u64>().ok());
        let (commit, first, count, bytes) = (number()?, number()?, number()?, number()?);
        let snapshot = match fields.next()? {
            NO_SNAPSHOT => None,
            text => Some(Digest::parse(text).ok()?),
        };
        let body = Digest::parse(fields.next()?).ok()?;
        let header = Self { commit, first, count, bytes, snapshot, body };
        // Encoding the header again compares every byte, including the checksum.
        (count > 0 && first > 0 && header.encode() == text).then_some(header)
    }

    /// Sequence number of the last record.
    pub(crate) fn last(&self) -> u64 {
        self.first.saturating_add(self.count - 1)
    }

    /// Length of the whole frame in bytes.
    pub(crate) fn len(&self) -> u64 {
        (HEADER as u64).saturating_add(self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::{HEADER, Header};
    use flowcontrol_contract::Digest;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_header_reads_back_and_no_other_byte_does(
            commit: u64, first in 1u64.., count in 1u64..1_000_000, bytes: u64,
            imported: bool, at in 0..HEADER, bit in 0u8..8,
        ) {
            let snapshot = imported.then(|| Digest::of("snapshot"));
            let header = Header { commit, first, count, bytes, snapshot, body: Digest::of("b") };
            let mut line = header.encode().into_bytes();
            prop_assert_eq!(line.len(), HEADER);
            prop_assert_eq!(Header::parse(&line), Some(header));
            line[at] ^= 1 << bit;
            prop_assert_eq!(Header::parse(&line), None);
        }
    }

    #[test]
    fn a_short_header_is_none() {
        assert_eq!(Header::parse(b"bfglog1 "), None);
        assert_eq!(Header::parse(b""), None);
    }
}
