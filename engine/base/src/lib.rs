//! What every crate of the engine uses: failures with a hint and an exit code, the clock, and
//! text for people.

pub mod clock;
mod error;
pub mod text;
pub mod user_file;

pub use error::{Exit, Failure, Result};

/// The version of FlowControl, as reports and packets name it.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
