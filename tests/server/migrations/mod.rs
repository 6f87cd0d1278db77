//! The migration engine on a real Postgres: see `migrations/` beside this file for the cases.

mod catalog;
mod engine;
mod folder;
mod locking;
mod scratch;
