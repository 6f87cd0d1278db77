//! Connection probes: what can be known of a server before anything is written to it.

mod certificate;
mod probes;

pub use certificate::{Certificate, certificate};
pub use probes::Probe;
