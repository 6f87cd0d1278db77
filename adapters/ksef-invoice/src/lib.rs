//! Structured invoices FA(3) for KSeF: composed from a payload, checked as KSeF would, summarised,
//! printed, with their QR codes. Functions of data: no files, no network, no clock.

mod amount;
mod check;
mod compose;
mod document;
mod finding;
pub mod key;
mod model;
pub mod nip;
pub mod number;
mod payload;
pub mod print;
pub mod qr;
mod reader;
mod rules;
mod schema;
mod structure;
mod summary;
mod warsaw;
mod write;

pub use amount::{Decimal, is_amount};
pub use check::{Context, check};
pub use compose::{BuildError, Source, draft, read_parties};
pub use finding::{Finding, Severity, accepted};
pub use model::Invoice;
pub use payload::Parties;
pub use reader::{Part, Reader};
pub use summary::{Summary, summary};
pub use warsaw::{offset_at, today_at, would_be_offline};
pub use write::write;

/// The namespace of FA(3).
pub const NAMESPACE: &str = "http://crd.gov.pl/wzor/2025/06/25/13775/";
/// The largest invoice that KSeF takes, in bytes of its XML.
pub const MAX_BYTES: usize = 1_000_000;
/// The same for an invoice with an attachment (`Zalacznik`).
pub const MAX_BYTES_WITH_ATTACHMENT: usize = 3_000_000;
