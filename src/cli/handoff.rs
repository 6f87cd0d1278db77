//! `release env` and `rollback env`.

use super::args::{Format, Release};
use super::{Cx, gates, out};
use flowcontrol_base::text::shell::assignments;
use flowcontrol_base::{Exit, Failure, Result};
use flowcontrol_gates::handoff::{self, Values};
use flowcontrol_gates::judge;
use serde_json::{Map, Value};

/// Prints the values of a release.
pub async fn release(cx: &Cx, args: &Release, named: bool) -> Result<Exit> {
    let Release::Env { judged } = args;
    let inputs = gates::gather(cx, judged.as_deref(), named).await?;
    print(cx, handoff::release(&inputs, &judge(&inputs)), "release")
}

/// Prints the values of a rollback for `judged` or the active profile.
pub async fn rollback(cx: &Cx, judged: Option<&str>, named: bool) -> Result<Exit> {
    let inputs = gates::gather(cx, judged, named).await?;
    print(cx, handoff::rollback(&inputs, &judge(&inputs)), "rollback-drill")
}

/// Prints all values or none: an incomplete environment must not be used to start a service.
fn print(cx: &Cx, values: Result<Values, String>, gate: &str) -> Result<Exit> {
    let values = values.map_err(|why| {
        Failure::check(format!("a value is missing: {why}"))
            .hint(format!("`flowcontrol gates {gate}` shows what is missing"))
    })?;
    match cx.format {
        Format::Text => out::text(&assignments(&values))?,
        Format::Json => {
            let pairs = values.into_iter().map(|(name, value)| (name.to_owned(), value.into()));
            out::json(&pairs.collect::<Map<String, Value>>())?;
        }
    }
    Ok(Exit::Done)
}
