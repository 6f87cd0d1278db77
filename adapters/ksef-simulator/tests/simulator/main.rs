//! The simulator as its callers see it, with nothing of the live client in between.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod batch;
mod caller;
mod document;
mod faults;
mod login;
mod session;
mod state;
