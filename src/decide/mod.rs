//! What the gates are asked about, and what an owner's acceptance needs: the command line and the
//! HTTP service decide over the same.

pub mod accept;
pub mod inputs;
