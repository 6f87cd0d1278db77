//! Formats text for people and shells: one-line escaping, columns, figures, shell quoting.

pub mod layout;
mod line;
pub mod shell;

pub use layout::{count, counted};
pub use line::{one_line, unprintable};
