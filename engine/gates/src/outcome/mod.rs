//! The outcome of a rehearsal: [`model`] is the data, [`verdict`] derives the decision.

mod model;
mod step;
pub mod verdict;

pub use model::{
    CheckLine, Decision, Finding, IsolationCase, IsolationPart, Leak, MigrationPart, Mismatch,
    PacketRef, RehearsalReport, ReplayPart, ReplayedTable, RollbackPart, SCHEMA, Scope, Severity,
    SnapshotPart, Step, StepStatus, TargetPart, Unproved, VerifyPart,
};
pub use step::StepId;
