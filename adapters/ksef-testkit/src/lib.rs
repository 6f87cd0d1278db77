//! For tests of the KSeF crates: sample invoices, the official documents, and programs that judge.

pub mod invoices;
pub mod judges;
