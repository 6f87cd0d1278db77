//! A Postgres that a rehearsal may use: where it is, who logs in, and how it is disposed of.
//!
//! A [`Target`] is started from a [`TargetChoice`]; rehearsals then work in a [`Workspace`], a
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

/// Told what a slow step is about to do, in a few words.
pub type Progress<'p> = &'p (dyn Fn(&str) + Send + Sync);
