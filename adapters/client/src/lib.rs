//! The HTTP client of live adapters.
//!
//! [`Client`] runs a [`Request`] inside the contract's `Guard`: it keeps the service's limits
//! ([`Windows`]), waits as `Retry-After` says, tries again what may be tried again, and classifies
//! failures as permanent, temporary or ambiguous. What a service means by its errors, a [`Service`]
//! says. [`Transport`] below it is for protocols that a library speaks: one request, one answer.
//!
//! Both use TLS with Mozilla's roots and an optional CA, or plain HTTP on loopback; follow no
//! redirect; take no proxy from the environment; and read no more than a set number of bytes in a set
//! time. Errors hold neither a query, nor credentials, nor any part of a body that was not read as the
//! service's own error.
//!
//! ```
//! use flowcontrol_client::{Client, Options, Request, Named, SystemClock};
//! use std::sync::Arc;
//! # fn example() -> flowcontrol_contract::Result<()> {
//! let options = Options { base_url: Some("https://eta.example/v1".into()), ..Options::default() };
//! let client = Client::<()>::new("eta-api", Named("Example"), &options, Arc::new(SystemClock))?;
//! let ask = Request::get("ask the route", "/route");
//! let answer = client.call(&ask); // .await?.json::<Route>()?
//! # drop(answer);
//! # Ok(())
//! # }
//! # example().unwrap();
//! ```

mod address;
mod client;
mod clock;
mod options;
mod request;
mod response;
mod retry_after;
mod service;
mod tls;
mod transport;
mod window;

pub use address::{address, base, is_loopback, linked, same_origin, shown};
pub use client::Client;
pub use clock::SystemClock;
pub use options::Options;
pub use request::{Request, Target};
pub use response::Response;
pub use retry_after::parse as retry_after;
pub use service::{Named, Service};
pub use tls::roots;
pub use transport::{NoAnswer, Transport};
pub use window::{Group, Limit, Windows};
