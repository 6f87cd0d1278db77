//! Renders results as text, JSON, JUnit, Markdown, SARIF and HTML. Each renderer is a function from
//! data to text and decides nothing.

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
