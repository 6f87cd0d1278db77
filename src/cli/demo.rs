//! `demo seed`.

use super::args::Demo;
use super::{Cx, out};
use crate::demo::{Size, seed};
use crate::error::{Exit, Result};
use crate::report::counted;

/// Fills the configured store.
pub async fn run(cx: &Cx, args: Demo) -> Result<Exit> {
    let Demo::Seed { records, tenants, seed: number } = args;
    let size = Size { records, tenants, seed: number }.check()?;
    let store = cx.store().await?;
    let step = cx.progress.step("seed", Some(records));
    let written = seed(&*store, size, |n| step.inc(n)).await?;
    step.done("");
    let endpoint = store.info().endpoint;
    let value = serde_json::json!({"records": written, "tenants": tenants, "seed": number,
        "store": endpoint});
    out::either(cx.format, &value, || {
        format!(
            "wrote {} of {} into {endpoint}",
            counted(written, "record", "records"),
            counted(u64::from(tenants), "tenant", "tenants")
        )
    })?;
    Ok(Exit::Done)
}
