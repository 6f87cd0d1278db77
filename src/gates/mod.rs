//! Gates: verdicts as pure functions of facts. No clock, environment, file or network here.

pub mod connection;
pub mod dry_run;

use crate::evidence::{CheckResult, Verdict};
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
