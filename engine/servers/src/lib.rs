//! The Postgres servers that rehearsals use: how they are found or started, and removed.
//!
//! A [`Target`] is started from a [`TargetChoice`]; rehearsals then work in a [`Workspace`](flowcontrol_database::Workspace), a
//! database of their own with the roles that migrations grant to.

pub mod binaries;
mod certificate;
mod choice;
pub mod cluster;
mod container;
pub mod doctor;
mod download;
mod engine;
mod external;
mod identity;
mod launch_log;
mod leftover;
pub mod local;
mod owner;
pub mod roles;
mod run_as;
mod settings;
mod start;
mod watchdog;
mod workspace;

pub use choice::{TargetChoice, TargetKind};
pub use identity::TargetIdentity;
pub use settings::{DEFAULT_IMAGE, ExternalSettings, TargetSettings};
pub use start::{Disposed, Target};
pub use workspace::DATABASE_PREFIX;

/// Called with a short text about what a slow step is about to do.
pub type Progress<'p> = &'p (dyn Fn(&str) + Send + Sync);
