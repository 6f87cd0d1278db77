//! What a rehearsal found, and the forms it is shown in.
//!
//! [`model`] is the data; each renderer is a function from it to text and decides nothing.

pub mod adapters;
pub mod cutover;
pub mod dossier;
pub mod evidence;
pub mod format;
pub mod gates;
pub mod github;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod sarif;
pub mod style;
pub mod terminal;

pub use format::{ReportFormat, check_secrets, write_reports};
