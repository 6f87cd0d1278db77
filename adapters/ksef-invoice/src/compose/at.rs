//! Where in a payload a value stands, and what is wrong with it.

use crate::amount;
use crate::document::refused;
use crate::schema::{Text, day};
use rust_decimal::Decimal;
use std::fmt;
use time::Date;

/// Why a payload makes no invoice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildError {
    /// The value, as a JSON pointer into the payload such as `/ksef/seller/nip`.
    pub pointer: String,
    /// What is wrong, and what to do about it.
    pub why: String,
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.pointer, self.why)
    }
}

impl std::error::Error for BuildError {}

/// Shorthand.
pub type Built<T> = Result<T, BuildError>;

/// A place in a payload; formatted only for a message.
#[derive(Clone, Copy)]
pub enum At<'a> {
    /// The payload as a whole.
    Top,
    /// A field of an object.
    Field(&'a At<'a>, &'static str),
    /// An item of an array.
    Item(&'a At<'a>, usize),
    /// A place in another document, as that document writes it.
    Elsewhere(&'a str),
}

impl At<'_> {
    /// A field of what stands here.
    pub fn field(&self, name: &'static str) -> At<'_> {
        At::Field(self, name)
    }

    /// An item of what stands here.
    pub fn item(&self, index: usize) -> At<'_> {
        At::Item(self, index)
    }

    fn pointer(&self) -> String {
        match self {
            At::Top => String::new(),
            At::Field(parent, name) => format!("{}/{name}", parent.pointer()),
            At::Item(parent, index) => format!("{}/{index}", parent.pointer()),
            At::Elsewhere(place) => (*place).to_owned(),
        }
    }

    /// The refusal of what stands here.
    pub fn refuse(&self, why: impl Into<String>) -> BuildError {
        BuildError { pointer: self.pointer(), why: why.into() }
    }

    /// A text that fits its field of FA(3).
    pub fn text(&self, text: &str, form: Text) -> Built<String> {
        if let Some(char) = refused(text) {
            let code = u32::from(char);
            return Err(self.refuse(format!("has the character U+{code:04X}, which KSeF refuses")));
        }
        form.judge(text).map_err(|(_, message)| self.refuse(message))?;
        Ok(text.to_owned())
    }

    /// The same for one that may be absent.
    pub fn maybe(&self, text: Option<&String>, form: Text) -> Built<Option<String>> {
        text.map(|text| self.text(text, form)).transpose()
    }

    /// A number in the form of its field.
    pub fn number(&self, text: &str, form: Text) -> Built<Decimal> {
        form.judge(text).map_err(|(_, message)| self.refuse(message))?;
        amount::read(text).ok_or_else(|| self.refuse(format!("{text:?} is not a valid number")))
    }

    /// The same for one that may be absent.
    pub fn number_maybe(&self, text: Option<&String>, form: Text) -> Built<Option<Decimal>> {
        text.map(|text| self.number(text, form)).transpose()
    }

    /// A day as most fields have it.
    pub fn day(&self, text: &str) -> Built<Date> {
        let refuse = |message| self.refuse(message);
        Text::Day(2006).judge(text).map_err(|(_, message)| refuse(message))?;
        day(text).ok_or_else(|| refuse(format!("{text:?} is not a valid date")))
    }

    /// The same for one that may be absent.
    pub fn day_maybe(&self, text: Option<&String>) -> Built<Option<Date>> {
        text.map(|text| self.day(text)).transpose()
    }
}
