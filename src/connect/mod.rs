//! Connection probes: what can be known of a server before anything is written to it.

mod certificate;

pub use certificate::{Certificate, certificate};
