//! Gates: verdicts as pure functions of facts. No clock, environment, file or network here.
//!
//! What a gate may look at is gathered in [`inputs`]; [`spec`] is what it answers with, and
//! [`admit`] says which evidence counts. [`judge`] asks all of them, in the order in which they
//! read each other.

pub mod adapters;
pub mod admit;
pub mod block;
pub mod board;
pub mod connection;
pub mod contracts;
pub mod cutover;
pub mod decision;
pub mod dry_run;
pub mod handoff;
pub mod inputs;
mod judgement;
pub mod outcome;
pub mod owners;
pub mod preflight;
pub mod readiness;
pub mod record;
pub mod release;
pub mod rollback;
pub mod runbook;
pub mod spec;
pub mod swap;
pub mod values;
pub mod wiring;

#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;

pub use inputs::Inputs;
pub use judgement::{IDS, Judgement, Production, judge};
pub use spec::{Check, Gate};

use flowcontrol_evidence::{CheckResult, Verdict};
use serde_json::{Map, Value};

/// One check's result; `Ok` is ready, `Err` is what is missing.
fn check(id: &str, title: &str, outcome: Result<String, String>, figures: Value) -> CheckResult {
    let (verdict, reason) = match outcome {
        Ok(reason) => (Verdict::Ready, reason),
        Err(reason) => (Verdict::Next, reason),
    };
    let figures = match figures {
        Value::Object(map) => map,
        _ => Map::new(),
    };
    CheckResult { id: id.to_owned(), title: title.to_owned(), verdict, reason, figures }
}
