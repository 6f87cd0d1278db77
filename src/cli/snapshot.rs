//! `snapshot freeze / verify / diff / import`.

use super::args::Snapshot;
use super::{Cx, out};
use flowcontrol_base::text::{count, counted};
use flowcontrol_base::{Exit, Failure, Result};
use flowcontrol_contract::Mode;
use flowcontrol_snapshot::{Summary, diff, freeze, import, verify};
use std::path::Path;
use std::sync::Arc;

/// Freezes, verifies, compares or imports.
pub async fn run(cx: &Cx, args: Snapshot) -> Result<Exit> {
    match args {
        Snapshot::Freeze { out } => {
            let store = cx.store().await?;
            let step = cx.progress.step("freeze", None);
            let session = cx.settings.config.session.clone();
            let tenants = store.tenants().await?;
            let summary = freeze(&*store, session, &tenants, &out, |n| step.inc(n)).await?;
            step.done("");
            show(cx, &out, &summary)?;
        }
        Snapshot::Verify { file } => {
            let summary = check(cx, &file).await?;
            show(cx, &file, &summary)?;
        }
        Snapshot::Diff { a, b, limit } => {
            let found = on_thread(move || diff(&a, &b, limit)).await?;
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
            let summary = check(cx, &file).await?;
            let store = cx.store().await?;
            if store.info().mode == Mode::Live {
                return Err(Failure::usage("cannot import: the active profile's store is live")
                    .hint("import fills a local store; `flowcontrol cutover` moves a scenario into the live database"));
            }
            let step = cx.progress.step("import", Some(summary.records));
            let done = import(&file, summary.sha256, &*store, |n| step.inc(n)).await?;
            step.done("");
            // The store may hold more than the snapshot: records appended after an import.
            let there = summary.records - done.written;
            let value = serde_json::json!({"records": summary.records, "written": done.written,
                "there_already": there});
            out::either(cx.format, &value, || {
                let written = counted(done.written, "record", "records");
                format!("imported {written}; {} existed before", count(there))
            })?;
        }
    }
    Ok(Exit::Done)
}

async fn check(cx: &Cx, file: &Path) -> Result<Summary> {
    let size = std::fs::metadata(file).map(|m| m.len()).ok();
    let step = Arc::new(cx.progress.step("verify (bytes)", size));
    let (path, bar) = (file.to_owned(), Arc::clone(&step));
    let summary = on_thread(move || verify(&path, |n| bar.inc(n))).await?;
    if let Some(step) = Arc::into_inner(step) {
        step.done("");
    }
    Ok(summary)
}

/// Runs long work on its own thread, so that Ctrl-C works meanwhile.
async fn on_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|e| Failure::environment(format!("reading the snapshot stopped: {e}")))?
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
