//! The outcome of a rehearsal: [`RehearsalReport`] is the data, [`verdict`] derives the decision.

mod model;
mod step;
pub mod verdict;

pub use model::{
    CheckLine, Finding, IsolationCase, IsolationPart, Leak, MigrationPart, Mismatch, PacketRef,
    RehearsalDecision, RehearsalReport, ReplayPart, ReplayedTable, RollbackPart, SCHEMA, Scope,
    Severity, SnapshotPart, StepReport, StepStatus, TargetPart, Unproved, VerifyPart,
};
pub use step::StepId;
