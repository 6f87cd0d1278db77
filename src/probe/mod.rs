//! Probes: of the configured adapters, and of the Postgres that a rehearsal or a cutover
//! uses.

pub mod adapter;
pub mod connect;
pub mod target;
