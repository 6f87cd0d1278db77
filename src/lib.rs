//! FlowControl: rehearses, proves and decides a move from a file-local scenario store to
//! Postgres with row-level security.
//!
//! Data flows one way: configuration, registry, adapters, snapshot, migration plan, target,
//! apply, replay, verify, isolation, rollback, packets, gates, decision, report.

pub mod api;
pub mod cli;
pub mod config;
pub mod cutover;
pub mod decide;
pub mod probe;
pub mod progress;
pub mod registry;
pub mod rehearsal;
pub mod report;
pub mod scenario;
pub mod sign_in;

pub use cli::run_with;
