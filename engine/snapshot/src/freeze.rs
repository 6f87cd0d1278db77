//! Copies records between a store and a snapshot file.

use super::format::Header;
use super::reader::{Chunks, Reader};
use super::{Summary, Writer};
use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::store::{Chunk, Export, ScenarioStore};
use flowcontrol_contract::{CallCx, Digest, SessionId, TenantId};
use futures::StreamExt;
use std::collections::BTreeMap;
use std::path::Path;

/// The most records in a chunk that is written from a file into a store.
pub const CHUNK_RECORDS: usize = 5_000;
/// The most bytes in a chunk, so that memory stays bounded with large payloads.
pub const CHUNK_BYTES: usize = 4 * 1024 * 1024;

/// Freezes the histories of `tenants` as of one moment into a file. `on_records` is called with the number of
/// records added since the last call.
///
/// # Errors
/// The store's or the file's; no file is left under its name then.
pub async fn freeze(
    store: &dyn ScenarioStore,
    session: SessionId,
    tenants: &[TenantId],
    path: &Path,
    mut on_records: impl FnMut(u64),
) -> Result<Summary> {
    if tenants.is_empty() {
        return Err(Failure::usage("the store holds no tenant, so there is nothing to freeze")
            .hint("run `flowcontrol demo seed`, or append records first"));
    }
    let mut export = store.export(tenants).await?;
    let header = Header::new(session, export.rosters)?;
    let mut writer = Writer::create(path, header)?;
    while let Some(batch) = export.batches.next().await {
        let batch = batch?;
        let count = batch.len() as u64;
        // Compression takes long, so it is kept off the executor.
        writer = tokio::task::spawn_blocking(move || {
            for record in &batch {
                writer.push(record)?;
            }
            Ok::<_, Failure>(writer)
        })
        .await
        .map_err(|e| {
            Failure::environment(format!("the task that writes the snapshot failed: {e}"))
        })??;
        on_records(count);
    }
    writer.finish()
}

/// The result of an import.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imports {
    /// Records that an earlier run had written.
    pub resumed: u64,
    /// Records written by this run.
    pub written: u64,
    /// Chunks written by this run, one transaction each.
    pub chunks: u64,
}

/// Writes a snapshot into a store, chunk by chunk, and continues what an earlier run wrote.
/// `snapshot` is the file's digest, verified before.
///
/// # Errors
/// The file's or the store's; acknowledged chunks stay.
pub async fn import(
    path: &Path,
    snapshot: Digest,
    store: &dyn ScenarioStore,
    mut on_records: impl FnMut(u64),
) -> Result<Imports> {
    let header = Reader::open(path)?.header().clone();
    // Every tenant is checked before the first is written.
    let mut there = BTreeMap::new();
    for roster in &header.tenants {
        let cx = CallCx::tenant(roster.tenant.clone());
        if store.roster(&cx).await?.is_none() {
            continue;
        }
        let earlier = store.import(&cx, Chunk { snapshot, records: &[] }).await?;
        if let Some(other) = earlier.snapshot.filter(|s| *s != snapshot) {
            return Err(Failure::check(format!(
                "tenant {} already holds records of snapshot {}, not of snapshot {}",
                roster.tenant,
                other.short(),
                snapshot.short()
            ))
            .hint("import into an empty store, or resume with the snapshot that the import began with"));
        }
        there.insert(roster.tenant.clone(), earlier);
    }
    let mut done = Imports::default();
    let mut skip = Vec::new();
    for roster in &header.tenants {
        store.enroll(&CallCx::tenant(roster.tenant.clone()), roster).await?;
        // Records that no import wrote may differ: all records are sent, and the store compares them.
        let known =
            there.get(&roster.tenant).filter(|e| e.snapshot.is_some()).map_or(0, |e| e.last);
        done.resumed += known;
        skip.push((roster.tenant.clone(), known));
    }
    let mut chunks = Chunks::start(path.to_owned(), snapshot, CHUNK_RECORDS, CHUNK_BYTES, skip);
    on_records(done.resumed);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk?;
        let (Some(first), Some(last)) = (chunk.first(), chunk.last()) else { continue };
        let cx = CallCx::tenant(first.tenant.clone());
        store.import(&cx, Chunk { snapshot, records: &chunk }).await?;
        let head = there.get(&first.tenant).map_or(0, |e| e.last).max(first.seq - 1);
        let new = last.seq.saturating_sub(head);
        done.resumed += chunk.len() as u64 - new;
        done.written += new;
        done.chunks += u64::from(new > 0);
        on_records(chunk.len() as u64);
    }
    Ok(done)
}

/// Copies an export into another store, chunk by chunk. `snapshot` is the digest of what is copied.
///
/// # Errors
/// Those of either store.
pub async fn copy(
    mut export: Export,
    snapshot: Digest,
    into: &dyn ScenarioStore,
    mut on_records: impl FnMut(u64),
) -> Result<u64> {
    for roster in &export.rosters {
        into.enroll(&CallCx::tenant(roster.tenant.clone()), roster).await?;
    }
    let mut copied = 0;
    while let Some(batch) = export.batches.next().await {
        let batch = batch?;
        for records in batch.chunk_by(|a, b| a.tenant == b.tenant) {
            let cx = CallCx::tenant(records[0].tenant.clone());
            into.import(&cx, Chunk { snapshot, records }).await?;
        }
        copied += batch.len() as u64;
        on_records(batch.len() as u64);
    }
    Ok(copied)
}
