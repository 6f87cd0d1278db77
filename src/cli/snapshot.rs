//! `snapshot freeze / verify / diff / import`.

use super::args::Snapshot;
use super::{Cx, out};
use crate::error::{Exit, Failure, Result};
use crate::registry::open_store;
use crate::snapshot::{Summary, diff, freeze, import, verify};
use flowcontrol_contract::Mode;
use std::path::Path;

/// Freezes, checks, compares or imports.
pub async fn run(cx: &Cx, args: Snapshot) -> Result<Exit> {
    match args {
        Snapshot::Freeze { out } => {
            let store = open_store(&cx.settings).await?;
            let step = cx.progress.step("freeze", None);
            let session = cx.settings.config.session.clone();
            let tenants = store.tenants().await?;
            let summary = freeze(&*store, session, &tenants, &out, |n| step.inc(n)).await?;
            step.done("");
            show(cx, &out, &summary)?;
        }
        Snapshot::Verify { file } => {
            let summary = check(cx, &file)?;
            show(cx, &file, &summary)?;
        }
        Snapshot::Diff { a, b, limit } => {
            let found = tokio::task::block_in_place(|| diff(&a, &b, limit))?;
            out::either(cx.format, &found, || {
                let mut text = String::new();
                if found.header {
                    text.push_str("~ header: session, tenants or actors differ\n");
                }
                for line in &found.first {
                    text.push_str(line);
                    text.push('\n');
                }
                text.push_str(&format!(
                    "{} same, {} changed, {} removed, {} added",
                    found.same, found.changed, found.removed, found.added
                ));
                text
            })?;
            return Ok(if found.is_empty() { Exit::Done } else { Exit::Check });
        }
        Snapshot::Import { file } => {
            let summary = check(cx, &file)?;
            let store = open_store(&cx.settings).await?;
            if store.info().mode == Mode::Live {
                return Err(Failure::usage("the active profile's store is live")
                    .hint("a rehearsal replays into Postgres; import fills a local store"));
            }
            let step = cx.progress.step("import", Some(summary.records));
            let done = import(&file, summary.sha256, &*store, |n| step.inc(n)).await?;
            step.done("");
            let value = serde_json::json!({"records": summary.records, "written": done.written,
                "there_already": done.resumed});
            out::either(cx.format, &value, || {
                format!("imported {} records; {} were there already", done.written, done.resumed)
            })?;
        }
    }
    Ok(Exit::Done)
}

fn check(cx: &Cx, file: &Path) -> Result<Summary> {
    let size = std::fs::metadata(file).map(|m| m.len()).ok();
    let step = cx.progress.step("verify (bytes)", size);
    let summary = tokio::task::block_in_place(|| verify(file, |n| step.inc(n)))?;
    step.done("");
    Ok(summary)
}

fn show(cx: &Cx, file: &Path, summary: &Summary) -> Result<()> {
    let value = serde_json::json!({"schema": summary.header.schema, "file": file,
        "session": summary.header.session, "sha256": summary.sha256,
        "short": summary.sha256.short(), "records": summary.records, "bytes": summary.bytes,
        "counts": summary.counts});
    out::either(cx.format, &value, || {
        let mut text = format!(
            "{}  {}\n  session  {}\n  digest   {}  {}\n  records  {}\n",
            summary.header.schema,
            file.display(),
            summary.header.session,
            summary.sha256.short(),
            summary.sha256,
            summary.records
        );
        for (tenant, kinds) in &summary.counts {
            let kinds: Vec<_> = kinds.iter().map(|(kind, n)| format!("{kind} {n}")).collect();
            text.push_str(&format!("  {tenant}  {}\n", kinds.join(", ")));
        }
        text
    })
}
