//! A loopback HTTP/1.1 server for simulators, stand-ins and tests, with faults on request.
//!
//! [`Listener`] binds a free port and serves any `tower` service, such as an `axum::Router`.
//! [`Scripted`] wraps a service and applies a script of faults to it, written as
//! `OPERATION:FAULT[=VALUE][@FIRST][*TIMES]`; a simulator with faults of its own uses
//! [`Script`], [`before`] and [`after`] directly. [`Canned`] is a service that answers from a table.
//!
//! ```
//! use flowcontrol_standin::{Answer, Canned, Listener, Script, Scripted, by_path};
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let canned = Canned::default();
//! canned.put("/status", Answer::json(&serde_json::json!({"ready": true})));
//! let faults = Script::default();
//! faults.plan("/status:429=30@2".parse()?);
//! let server = Listener::free().await?.serve(Scripted::new(canned, faults, by_path));
//! assert!(server.origin().starts_with("http://127.0.0.1:"));
//! server.stop().await;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod apply;
mod body;
mod canned;
mod fault;
mod script;
mod scripted;
mod seen;
mod server;
#[cfg(feature = "tls")]
mod tls;

pub use apply::{HangUp, after, before, hang_up};
pub use body::{Body, BoxError, full};
pub use canned::{Answer, Canned};
pub use fault::Fault;
pub use script::{Planned, Script};
pub use scripted::{Scripted, by_path};
pub use seen::Seen;
pub use server::{Listener, Server};
#[cfg(feature = "tls")]
pub use tls::Certificate;
