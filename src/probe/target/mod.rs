//! Connection probes: checks of a server before anything is written to it.

mod certificate;
mod pin;
mod probes;

pub use certificate::{Certificate, certificate};
pub use pin::pinned;
pub use probes::Probe;
