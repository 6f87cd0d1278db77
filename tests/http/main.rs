//! The Scenario API as a caller meets it: a real server on a free port, asked by a real client.

#![expect(clippy::unwrap_used, reason = "what the tests share may panic like the tests themselves")]

mod arbitrary;
#[path = "../support/chromium.rs"]
mod chromium;
#[path = "../support/database.rs"]
#[allow(dead_code, reason = "other tests use more of it")]
mod database;
mod evidence;
#[path = "../support/forge.rs"]
#[allow(dead_code, reason = "other tests use more of it")]
mod forge;
mod gates;
mod hostile;
mod logs;
mod oidc;
mod postgres;
mod problems;
#[path = "../support/provider.rs"]
#[allow(dead_code, reason = "other tests use more of it")]
mod provider;
mod records;
mod rehearsals;
mod running;
mod scenario;
mod service;
mod sign_in;
mod site;
#[path = "../support/mod.rs"]
mod support;
