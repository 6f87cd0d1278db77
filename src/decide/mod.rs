//! Loads the gates' inputs and records acceptances, for the command line and the
//! HTTP service alike.

pub mod accept;
pub mod inputs;
