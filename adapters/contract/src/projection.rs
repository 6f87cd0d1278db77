//! Projections: fields of records that are repeated in tables of their own.
//!
//! This is their only definition: payloads are checked against it on append, stores fill their
//! tables from it, and verification recomputes it.

use crate::error::{Error, Result};
use crate::json::push_string;
use crate::kind::Kind;
use crate::money;
use crate::record::{Payload, Record};
use serde_json::Value;

/// How a column's text is checked and stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// Any text.
    Text,
    /// A decimal string, see [`money::is_decimal`]; `numeric` in Postgres.
    Decimal,
    /// A currency code, see [`money::is_currency`].
    Currency,
}

/// A column and the place of its value in the payload.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// The column's name.
    pub name: &'static str,
    /// Keys from the payload's top to the value, which is a JSON string.
    pub path: &'static [&'static str],
    /// How the text is checked.
    pub ty: ColumnType,
    /// Whether the payload may omit it; it is then NULL.
    pub optional: bool,
}

/// A table that repeats fields of one kind of record.
#[derive(Clone, Copy, Debug)]
pub struct Projection {
    /// The table's name.
    pub table: &'static str,
    /// The kind of record.
    pub kind: Kind,
    /// Its columns after `tenant_id` and `seq`.
    pub columns: &'static [Column],
}

const fn text(name: &'static str, path: &'static [&'static str]) -> Column {
    Column { name, path, ty: ColumnType::Text, optional: false }
}

const fn decimal(name: &'static str, path: &'static [&'static str]) -> Column {
    Column { name, path, ty: ColumnType::Decimal, optional: false }
}

const fn currency(name: &'static str, path: &'static [&'static str]) -> Column {
    Column { name, path, ty: ColumnType::Currency, optional: false }
}

/// Every projection, in the order in which stores fill them.
pub const PROJECTIONS: [Projection; 4] = [
    Projection {
        table: "orders",
        kind: Kind::Order,
        columns: &[
            text("order_no", &["order_no"]),
            text("client", &["client"]),
            text("origin", &["origin"]),
            text("destination", &["destination"]),
            text("status", &["status"]),
            decimal("price_amount", &["price", "amount"]),
            currency("price_currency", &["price", "currency"]),
        ],
    },
    Projection {
        table: "documents",
        kind: Kind::Document,
        columns: &[
            text("document_no", &["document_no"]),
            text("document_type", &["document_type"]),
            text("order_no", &["order_no"]),
            text("title", &["title"]),
        ],
    },
    Projection {
        table: "invoices",
        kind: Kind::Invoice,
        columns: &[
            text("invoice_no", &["invoice_no"]),
            text("order_no", &["order_no"]),
            text("buyer", &["buyer"]),
            decimal("gross_amount", &["gross", "amount"]),
            currency("gross_currency", &["gross", "currency"]),
            Column { name: "ksef_no", path: &["ksef_no"], ty: ColumnType::Text, optional: true },
        ],
    },
    Projection {
        table: "payments",
        kind: Kind::Payment,
        columns: &[
            text("payment_no", &["payment_no"]),
            text("invoice_no", &["invoice_no"]),
            text("method", &["method"]),
            decimal("paid_amount", &["paid", "amount"]),
            currency("paid_currency", &["paid", "currency"]),
        ],
    },
];

/// The projection of a kind, if it has one.
pub fn for_kind(kind: Kind) -> Option<&'static Projection> {
    PROJECTIONS.iter().find(|p| p.kind == kind)
}

/// Checks that a payload has the fields that the projection of its kind needs.
///
/// # Errors
/// `InvalidInput` with the field as a JSON pointer and the rule.
pub fn check(kind: Kind, payload: &Payload) -> Result<()> {
    let Some(projection) = for_kind(kind) else { return Ok(()) };
    values(projection, payload).map(drop)
}

impl Projection {
    /// The row of `record` in this table as canonical JSON, `seq` and every column as text;
    /// verification compares this form.
    ///
    /// # Errors
    /// As [`check`].
    pub fn line(&self, record: &Record) -> Result<String> {
        Ok(self.row_line(record.seq, &values(self, &record.payload)?))
    }

    /// The same form, from values read back from a table in the order of `columns`.
    pub fn row_line(&self, seq: u64, values: &[Option<String>]) -> String {
        let seq = seq.to_string();
        let mut fields: Vec<(&str, Option<&str>)> =
            self.columns.iter().map(|c| c.name).zip(values.iter().map(Option::as_deref)).collect();
        fields.push(("seq", Some(&seq)));
        fields.sort_unstable_by_key(|(name, _)| *name);
        let mut out = String::from("{");
        for (name, value) in fields {
            if out.len() > 1 {
                out.push(',');
            }
            push_string(&mut out, name);
            out.push(':');
            match value {
                Some(value) => push_string(&mut out, value),
                None => out.push_str("null"),
            }
        }
        out.push('}');
        out
    }
}

/// The projected values of a payload, in the order of the columns.
///
/// # Errors
/// As [`check`].
pub fn values(projection: &Projection, payload: &Payload) -> Result<Vec<Option<String>>> {
    let value: Value = serde_json::from_str(payload.as_str())
        .map_err(|e| Error::invalid("the payload is not JSON").source(e))?;
    projection.columns.iter().map(|column| field(projection.kind, column, &value)).collect()
}

fn field(kind: Kind, column: &Column, payload: &Value) -> Result<Option<String>> {
    let found = column.path.iter().try_fold(payload, |value, key| value.get(key));
    let refuse = |why: &str| {
        let pointer = column.path.join("/");
        Err(Error::invalid(format!("payload of {kind}: /{pointer} {why}")))
    };
    match found {
        None | Some(Value::Null) if column.optional => Ok(None),
        None => refuse("is missing"),
        Some(Value::String(text)) => match column.ty {
            ColumnType::Decimal if !money::is_decimal(text) => {
                refuse("is not a decimal such as \"1250.00\" (at most 15 digits and 6 decimals)")
            }
            ColumnType::Currency if !money::is_currency(text) => {
                refuse("is not a currency code such as \"PLN\"")
            }
            _ => Ok(Some(text.clone())),
        },
        Some(Value::Number(_)) if column.ty == ColumnType::Decimal => {
            refuse("is a JSON number; money is a decimal string, never a float")
        }
        Some(_) => refuse("is not a string"),
    }
}
