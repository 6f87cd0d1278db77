//! What each step does; the order and the failures are the run's.

mod freeze;
mod isolation;
mod migrate;
mod replay;
mod rollback;
mod store;
mod target;
mod verify;

pub use freeze::freeze;
pub use isolation::isolation;
pub use migrate::{findings, migrate, report_finding};
pub use replay::replay;
pub use rollback::rollback;
pub use target::target;
pub use verify::verify;

use super::Run;
use crate::error::{Failure, Result};
use crate::snapshot::Summary;
use crate::target::Workspace;
use std::path::PathBuf;

/// What an earlier step must have made.
pub(super) fn snapshot(run: &Run<'_>) -> Result<(PathBuf, Summary)> {
    run.made.snapshot.clone().ok_or_else(|| Failure::check("no snapshot was frozen"))
}

/// As [`snapshot`].
pub(super) fn workspace(run: &Run<'_>) -> Result<Workspace> {
    run.made.workspace.clone().ok_or_else(|| Failure::check("no database was made"))
}
