//! The migration engine on a real Postgres: see `migrations/` beside this file for the cases.

#![expect(clippy::unwrap_used, reason = "what the tests share may panic like the tests themselves")]

mod support;

#[path = "migrations/catalog.rs"]
mod catalog;
#[path = "migrations/engine.rs"]
mod engine;
#[path = "migrations/folder.rs"]
mod folder;
#[path = "migrations/locking.rs"]
mod locking;
#[path = "migrations/scratch.rs"]
mod scratch;
