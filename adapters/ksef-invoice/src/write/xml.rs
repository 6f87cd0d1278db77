//! The characters of a document.

use crate::amount::{format_amount, format_decimal};
use rust_decimal::Decimal;
use time::Date;

/// A document that is being written.
pub struct Xml(String);

impl Xml {
    /// One with its declaration.
    pub fn new() -> Self {
        let mut text = String::with_capacity(8 * 1024);
        text.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        Self(text)
    }

    /// The bytes.
    pub fn finish(mut self) -> Vec<u8> {
        self.0.push('\n');
        self.0.into_bytes()
    }

    /// The start of an element with children.
    pub fn open(&mut self, name: &str) {
        self.open_with(name, &[]);
    }

    /// The same with attributes.
    pub fn open_with(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.0.push('<');
        self.0.push_str(name);
        for (name, value) in attributes {
            self.0.push(' ');
            self.0.push_str(name);
            self.0.push_str("=\"");
            escape(&mut self.0, value);
            self.0.push('"');
        }
        self.0.push('>');
    }

    /// Its end.
    pub fn close(&mut self, name: &str) {
        self.0.push_str("</");
        self.0.push_str(name);
        self.0.push('>');
    }

    /// An element with a text.
    pub fn text(&mut self, name: &str, text: &str) {
        self.text_with(name, &[], text);
    }

    /// The same with attributes.
    pub fn text_with(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) {
        self.open_with(name, attributes);
        escape(&mut self.0, text);
        self.close(name);
    }

    /// The same, where there is a text.
    pub fn maybe(&mut self, name: &str, text: Option<&String>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    /// A sum of money.
    pub fn amount(&mut self, name: &str, value: Decimal) {
        self.text(name, &format_amount(value));
    }

    /// The same, where there is one.
    pub fn amount_maybe(&mut self, name: &str, value: Option<Decimal>) {
        if let Some(value) = value {
            self.amount(name, value);
        }
    }

    /// A price, quantity or rate, where there is one.
    pub fn number_maybe(&mut self, name: &str, value: Option<Decimal>) {
        if let Some(value) = value {
            self.text(name, &format_decimal(value));
        }
    }

    /// A day.
    pub fn day(&mut self, name: &str, day: Date) {
        self.text(name, &day.to_string());
    }

    /// The same, where there is one.
    pub fn day_maybe(&mut self, name: &str, day: Option<Date>) {
        if let Some(day) = day {
            self.day(name, day);
        }
    }

    /// `1` where it holds, nothing where not.
    pub fn flag(&mut self, name: &str, holds: bool) {
        if holds {
            self.text(name, "1");
        }
    }

    /// `1` yes, `2` no.
    pub fn yes_no(&mut self, name: &str, yes: bool) {
        self.text(name, if yes { "1" } else { "2" });
    }
}

/// A carriage return would be read back as a line feed, were it not referred to.
fn escape(out: &mut String, text: &str) {
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let reference = match byte {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&quot;",
            b'\r' => "&#13;",
            _ => continue,
        };
        out.push_str(&text[from..at]);
        out.push_str(reference);
        from = at + 1;
    }
    out.push_str(&text[from..]);
}
