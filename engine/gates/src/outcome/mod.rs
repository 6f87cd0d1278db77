//! What a rehearsal found: [`model`] is the data, [`verdict`] what follows from it.

mod model;
mod step;
pub mod verdict;

pub use model::{
    CheckLine, Decision, Finding, IsolationCase, IsolationPart, Leak, MigrationPart, Mismatch,
    PacketRef, RehearsalReport, ReplayPart, ReplayedTable, RollbackPart, SCHEMA, Scope, Severity,
    SnapshotPart, Step, StepStatus, TargetPart, Unproved, VerifyPart,
};
pub use step::StepId;
