//! The client of KSeF API 2.0 behind `ksef-api`, and behind `mock-ksef` too, where it talks to a
//! simulator in the same process.
//!
//! `decide`, `refusal` and `receipt` are functions of data; `state` alone writes files;
//! `http` alone speaks to the network; `login` keeps one access token for all calls; `interactive`
//! and `batch` put the parts in order.

mod api;
mod batch;
mod config;
mod decide;
mod http;
mod interactive;
mod keys;
mod limits;
mod login;
mod look_up;
mod package;
mod preflight;
mod provider;
mod receipt;
mod refusal;
mod route;
mod state;

pub use config::{Config, Environment};
pub use flowcontrol_client::SystemClock;
pub use login::SignIn;
pub use provider::{ClientSettings, KIND, Ksef, build};
