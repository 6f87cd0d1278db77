//! The steps; their order and the handling of failures are in `run`.

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

use super::Rehearsal;
use flowcontrol_base::{Failure, Result};
use flowcontrol_database::Workspace;
use flowcontrol_snapshot::Summary;
use std::path::PathBuf;

/// The snapshot of an earlier step; a check failure if there is none.
pub(super) fn snapshot(run: &Rehearsal<'_>) -> Result<(PathBuf, Summary)> {
    run.resources.snapshot.clone().ok_or_else(|| Failure::check("no snapshot was frozen"))
}

/// The workspace of an earlier step; a check failure if there is none.
pub(super) fn workspace(run: &Rehearsal<'_>) -> Result<Workspace> {
    run.resources.workspace.clone().ok_or_else(|| Failure::check("no database was created"))
}
