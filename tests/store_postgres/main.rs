//! The Postgres store against a real server.

#[path = "../support/mod.rs"]
mod support;

#[path = "../support/database.rs"]
mod database;

mod appending;
mod failures;
mod importing;
mod interleaving;
mod isolation;
mod pooler;
mod powers;
mod reading_back;
mod scene;
