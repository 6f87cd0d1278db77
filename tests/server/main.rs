//! What the library does with real servers: PostgreSQL, Docker, an OpenID Provider, and its own
//! HTTP service asked by a real client.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test stops at the first surprise and says why it was skipped"
)]

#[path = "../support/database.rs"]
mod database;
#[path = "../support/mod.rs"]
mod support;

mod conformance;
mod http;
mod isolation;
mod migrations;
mod schema;
mod store_postgres;
mod target;
mod target_container;
