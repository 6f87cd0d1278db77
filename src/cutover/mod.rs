//! The data cutover: writes the scenario into the configured database, batch by batch, behind a
//! freeze window on the source and one on the target.
//!
//! A journal records its progress, so that a killed run can be resumed. Until the cutover
//! is sealed, [`abort`] restores the database and lets the source take writes
//! again. No other module writes to the configured database.

mod abort;
mod audit;
mod endpoints;
mod foreign_objects;
mod journal;
mod plan;
mod run;
mod seal;
mod slice;

pub use abort::{Aborted, abort};
pub use journal::{Journal, Stage, peek};
pub use plan::{Plan, PlannedBatch, plan};
pub use run::{CutoverOrder, Ran, run};
