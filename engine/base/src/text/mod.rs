//! Text that people and shells read: one line, columns, figures, quoted words.

pub mod layout;
mod line;
pub mod shell;

pub use layout::{count, counted};
pub use line::{one_line, unprintable};
