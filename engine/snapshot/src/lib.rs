//! `BFGScenarioSnapshot.v1`: a frozen, ordered, checksummed copy of a scenario.
//!
//! JSON Lines, every line canonical (RFC 8785): a header, the records ordered by (tenant,
//! sequence), a trailer with the counts and the SHA-256 of every byte before it. Compression
//! (zstd) is around it, never part of the digest.

mod diff;
mod format;
mod freeze;
mod reader;
mod writer;

pub use diff::{Difference, diff};
pub use format::{Counts, Header, SCHEMA, Trailer};
pub use freeze::{CHUNK_BYTES, CHUNK_RECORDS, Imports, copy, freeze, import};
pub use reader::{Chunks, Reader, verify};
pub use writer::Writer;

use flowcontrol_contract::Digest;
use serde::Serialize;

/// The summary of a verified or newly written snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The header.
    pub header: Header,
    /// SHA-256 over the uncompressed bytes before the trailer.
    pub sha256: Digest,
    /// The number of records.
    pub records: u64,
    /// Record counts by tenant and kind.
    pub counts: Counts,
    /// Uncompressed size in bytes, trailer included.
    pub bytes: u64,
}
