//! The program as a user meets it: the command line, rehearsals and cutovers on real servers, and
//! sign-in at a real OpenID Provider.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise, and so does what tests share"
)]

#[path = "../support/database.rs"]
mod database;
#[path = "../support/external.rs"]
mod external;
#[path = "../support/replica.rs"]
mod replica;
#[path = "../support/mod.rs"]
mod support;

mod cli;
mod oidc;
mod rehearsal;
mod schemas;
