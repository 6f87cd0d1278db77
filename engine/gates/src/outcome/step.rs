//! The steps of a rehearsal.

use serde::{Deserialize, Serialize};
use std::fmt;

/// One of the eight steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepId {
    /// Freezes the scenario.
    Freeze,
    /// Starts or connects to the server, and probes it.
    Target,
    /// Takes every migration up, down and up again.
    Migrate,
    /// Writes the snapshot's records.
    Replay,
    /// Reads everything back.
    Verify,
    /// Attacks the isolation of tenants.
    Isolation,
    /// Takes the data back to a fresh file store.
    Rollback,
    /// Seals the evidence.
    Evidence,
}

impl StepId {
    /// All of them, in their order.
    pub const ALL: [Self; 8] = [
        Self::Freeze,
        Self::Target,
        Self::Migrate,
        Self::Replay,
        Self::Verify,
        Self::Isolation,
        Self::Rollback,
        Self::Evidence,
    ];

    /// The name used in reports and packets.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Freeze => "freeze",
            Self::Target => "target",
            Self::Migrate => "migrate",
            Self::Replay => "replay",
            Self::Verify => "verify",
            Self::Isolation => "isolation",
            Self::Rollback => "rollback",
            Self::Evidence => "evidence",
        }
    }

    /// The step for people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Freeze => "Freeze the scenario",
            Self::Target => "Provision and probe the target",
            Self::Migrate => "Migrate up, down and up again",
            Self::Replay => "Replay the snapshot",
            Self::Verify => "Read everything back",
            Self::Isolation => "Probe tenant isolation",
            Self::Rollback => "Roll back to a fresh file store",
            Self::Evidence => "Seal the evidence",
        }
    }
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
