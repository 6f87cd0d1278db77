//! `demo seed`.

use super::args::Demo;
use super::{Cx, out};
use flowcontrol_base::text::{count, counted};
use flowcontrol_base::{Exit, Result};
use flowcontrol_demo::{Size, seed};

/// Fills the configured store.
pub async fn run(cx: &Cx, args: Demo) -> Result<Exit> {
    let Demo::Seed { records, tenants, seed: number } = args;
    let size = Size { records, tenants, seed: number }.check()?;
    let store = cx.store().await?;
    let step = cx.progress.step("seed", Some(records));
    let done = seed(&*store, size, |n| step.inc(n)).await?;
    step.done("");
    let endpoint = store.info().endpoint;
    let value = serde_json::json!({"records": done.written, "kept": done.kept, "tenants": tenants, "seed": number,
        "store": endpoint});
    out::either(cx.format, &value, || {
        let kept = match done.kept {
            0 => String::new(),
            n => format!("; {} of the same scenario were there already", count(n)),
        };
        format!(
            "wrote {} of {} into {endpoint}{kept}",
            counted(done.written, "record", "records"),
            counted(u64::from(tenants), "tenant", "tenants")
        )
    })?;
    Ok(Exit::Done)
}
