//! FlowControl: rehearses, proves and decides a move from a file-local scenario store to
//! Postgres with row-level security.
//!
//! Data flows one way: configuration, registry, adapters, snapshot, migration plan, target,
//! apply, replay, verify, isolation, rollback, packets, gates, decision, report.

pub mod accept;
pub mod access;
pub mod api;
pub mod cli;
pub mod clock;
pub mod config;
pub mod connect;
pub mod cutover;
pub mod demo;
pub mod error;
pub mod evidence;
pub mod gates;
pub mod gather;
pub mod keys;
pub mod login;
pub mod probe;
pub mod registry;
pub mod rehearsal;
pub mod report;
pub mod runbook;
pub mod scenario;
pub mod session;
pub mod snapshot;
pub mod target;

pub use error::{Exit, Failure, Result};
