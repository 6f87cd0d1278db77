//! Assertions with the expected and the actual value.

use flowcontrol_contract::error::{Error, ErrorKind, Result};
use flowcontrol_contract::{NewRecord, Record, TenantId};
use std::fmt::Debug;

/// A case's result; a failure is a message for the adapter's author.
pub(crate) type Outcome<T = ()> = std::result::Result<T, String>;

/// Longest value in a failure, in characters; a payload may be a megabyte.
const SHOWN: usize = 300;

fn shown(value: &impl Debug) -> String {
    let text = format!("{value:?}");
    if text.chars().count() <= SHOWN {
        return text;
    }
    let start: String = text.chars().take(SHOWN).collect();
    format!("{start}... ({} bytes)", text.len())
}

/// The value of a call that must succeed.
pub(crate) fn done<T>(what: &str, result: Result<T>) -> Outcome<T> {
    result.map_err(|e| format!("{what}: expected success, got {}: {}", kind(&e), e.chain()))
}

fn kind(error: &Error) -> &'static str {
    error.kind().name()
}

/// Requires that a call fails with one of the given kinds.
pub(crate) fn refused<T: Debug>(what: &str, result: Result<T>, kinds: &[ErrorKind]) -> Outcome {
    let names: Vec<_> = kinds.iter().map(|k| k.name()).collect();
    let wanted = names.join(" or ");
    match result {
        Err(e) if kinds.contains(&e.kind()) => Ok(()),
        Err(e) => Err(format!("{what}: expected {wanted}, got {}: {}", kind(&e), e.chain())),
        Ok(value) => Err(format!("{what}: expected {wanted}, got {}", shown(&value))),
    }
}

/// Requires that two values are equal.
pub(crate) fn equal<T: PartialEq + Debug>(what: &str, came: &T, expected: &T) -> Outcome {
    if came == expected {
        return Ok(());
    }
    Err(format!("{what}: expected {}, got {}", shown(expected), shown(came)))
}

/// Requires that a condition holds.
pub(crate) fn holds(what: &str, condition: bool) -> Outcome {
    if condition { Ok(()) } else { Err(format!("{what}: this is not the case")) }
}

/// Requires the same values in the same order, and names the first difference.
pub(crate) fn same<T: PartialEq + Debug>(what: &str, came: &[T], expected: &[T]) -> Outcome {
    for (place, (c, e)) in came.iter().zip(expected).enumerate() {
        equal(&format!("{what}, place {place}"), c, e)?;
    }
    equal(&format!("{what}, how many"), &came.len(), &expected.len())
}

/// The records that `written` becomes when they are stored from sequence number `first` on.
pub(crate) fn placed(tenant: &TenantId, first: u64, written: &[NewRecord]) -> Vec<Record> {
    (first..).zip(written).map(|(seq, new)| new.clone().placed(tenant.clone(), seq)).collect()
}
