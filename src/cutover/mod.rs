//! The data cutover: writes the scenario into the configured database, batch by batch, behind a
//! freeze window on the source and one on the target.
//!
//! A journal says how far it came, so that a killed run goes on where it stood; until the last
//! batch is sealed, [`abort`] puts the database back to how it was found and lets the source write
//! again. It is the only thing that writes to the configured database.

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
pub use run::{Order, Ran, run};
