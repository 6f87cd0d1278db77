//! Gates: verdicts as pure functions of facts, without clock, environment, files or network.
//!
//! A gate's facts are in [`inputs`], its result is in [`spec`], and
//! [`admit`] decides which evidence counts. [`judge`] evaluates all gates in the order in which they
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

/// One check's result: `Ok` gives a ready check, `Err` one with what is missing.
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
