//! What a rehearsal found: [`model`] is the data, [`verdict`] what follows from it.

mod model;
pub mod verdict;

pub use model::{
    CheckLine, Decision, Finding, IsolationCase, IsolationPart, Leak, MigrationPart, Mismatch,
    PacketRef, RehearsalReport, ReplayPart, ReplayedTable, RollbackPart, SCHEMA, STEPS, Scope,
    Severity, SnapshotPart, Step, StepStatus, TargetPart, Unproved, VerifyPart,
};
