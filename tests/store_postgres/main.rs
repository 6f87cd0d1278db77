//! The Postgres store against a real server.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test stops at the first surprise and says why it was skipped"
)]

#[path = "../support/mod.rs"]
mod support;

#[path = "../support/database.rs"]
#[allow(dead_code, reason = "shared with the conformance tests")]
mod database;

mod appending;
mod batches;
mod chain;
mod failures;
mod freezing;
mod importing;
mod interleaving;
mod isolation;
mod lookup;
mod pooler;
mod powers;
mod reading_back;
mod scene;
mod trail;
