//! The simulator as its callers see it, with nothing of the live client in between.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "support/caller.rs"]
mod caller;
#[path = "support/invoices.rs"]
mod invoices;
#[path = "support/judges.rs"]
mod judges;

#[path = "simulator/batch.rs"]
mod batch;
#[path = "simulator/document.rs"]
mod document;
#[path = "simulator/faults.rs"]
mod faults;
#[path = "simulator/login.rs"]
mod login;
#[path = "simulator/session.rs"]
mod session;
#[path = "simulator/state.rs"]
mod state;
