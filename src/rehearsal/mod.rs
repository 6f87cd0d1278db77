//! To be written.

pub mod isolation;
