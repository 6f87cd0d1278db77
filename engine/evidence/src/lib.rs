//! Evidence packets: what ran, on what, with which result, sealed and chained.
//!
//! A packet is canonical JSON with a versioned schema name. Sealing adds the SHA-256 of
//! everything else in it; each packet names the digest of the one before. The chain lives in the
//! state folder and is only ever appended to.

pub mod acceptance;
pub mod archive;
pub mod canonical;
pub mod chain;
pub mod chain_set;
mod folder;
pub mod head;
pub mod join;
pub mod keys;
pub mod manifest;
pub mod packet;
pub mod redact;
pub mod schema;
pub mod seal;
mod signers;
pub mod store;
pub mod text;
pub mod transfer;

pub use acceptance::{
    AcceptanceSubject, Authentication, RecordedAcceptance, SignIn, VouchedSignIn,
};
pub use archive::Archive;
pub use chain::{
    Anchors, ChainProblem, ChainProblemKind, ChainVerification, ForgeryCheck, Head, PacketFile,
};
pub use chain_set::ChainSet;
pub use packet::{CheckResult, Draft, Outcome, Packet, ProfileRef, Verdict};
pub use redact::KnownSecrets;
pub use seal::{Flaw, Sealed};
pub use store::{ChainListing, EvidenceStore, StoredPacket};
pub use transfer::{ExportedArchive, ImportRequest, ImportResult, Joined};
