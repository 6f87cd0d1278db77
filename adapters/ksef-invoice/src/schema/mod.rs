//! The structure of FA(3) 1-0E as tables: element names, their order, how often they may stand, and
//! what their texts look like.

mod codes;
mod form;
mod invoice;
mod lines;
mod parties;
mod parts;
mod terms;
mod text;

pub use form::{day, instant, is_white, trim};
pub use invoice::INVOICE;
pub use lines::{GTU, PROCEDURE, RATE};
pub use parts::{Body, Element, Part};
pub use text::{LONG, SHORT, TINY, Text, WORDS};
