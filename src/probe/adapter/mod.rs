//! Probes of configured adapters: whether each fulfils its contract with the configured service.
//! They read, and change nothing.

mod auth;
mod ksef;
mod secrets;
mod store;

pub use auth::auth;
pub use ksef::ksef;
pub use secrets::secrets;
pub use store::store;

use flowcontrol_evidence::{CheckResult, Verdict};
use serde_json::{Map, Value};

/// A probe's result as a check whose id is its port's name.
fn found(
    id: &str,
    title: String,
    outcome: Result<String, String>,
    figures: Map<String, Value>,
) -> CheckResult {
    let (verdict, reason) = match outcome {
        Ok(reason) => (Verdict::Ready, reason),
        Err(reason) => (Verdict::Next, reason),
    };
    CheckResult { id: id.to_owned(), title, verdict, reason, figures }
}

/// The check of an adapter that could not be opened, with the reason `why`.
pub fn unopened(port: flowcontrol_contract::Port, kind: &str, why: String) -> CheckResult {
    let figures = Map::from_iter([("kind".to_owned(), Value::from(kind))]);
    found(port.name(), format!("{port} adapter"), Err(why), figures)
}

/// The check of a port whose kind this program was not built with.
pub fn absent(port: flowcontrol_contract::Port, kind: &str) -> CheckResult {
    unopened(port, kind, format!("this version has no adapter {kind}"))
}
