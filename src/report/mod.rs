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
pub mod layout;
pub mod markdown;
pub mod model;
pub mod progress;
pub mod sarif;
pub mod shell;
pub mod style;
pub mod terminal;
pub mod verdict;

pub use format::{ReportFormat, check_secrets, write_reports};
pub use layout::{count, counted};
pub use model::{
    CheckLine, Decision, Finding, IsolationCase, IsolationPart, Leak, MigrationPart, Mismatch,
    PacketRef, RehearsalReport, ReplayPart, ReplayedTable, RollbackPart, Scope, Severity,
    SnapshotPart, Step, StepStatus, TargetPart, Unproved, VerifyPart,
};
pub use progress::Progress;
