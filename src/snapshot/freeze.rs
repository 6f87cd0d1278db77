//! Between a store and a snapshot file.

use super::format::Header;
use super::reader::{Chunks, Reader};
use super::{Summary, Writer};
use crate::error::{Failure, Result};
use flowcontrol_contract::store::{Chunk, ScenarioStore};
use flowcontrol_contract::{CallCx, Digest, SessionId, TenantId};
use futures::StreamExt;
use std::path::Path;

/// Records of a chunk on its way from a file into a store.
pub const CHUNK_RECORDS: usize = 5_000;
/// Bytes of a chunk: large payloads make chunks of fewer records, so memory stays bounded.
pub const CHUNK_BYTES: usize = 4 * 1024 * 1024;

/// Freezes the histories of `tenants` as of one moment into a file. `on_records` hears how many
/// records were added since it was last called.
///
/// # Errors
/// What the store or the file says; nothing stands under the file's name then.
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
        // Writing is short beside reading, but compression is not: keep it off the executor.
        writer = tokio::task::spawn_blocking(move || {
            for record in &batch {
                writer.push(record)?;
            }
            Ok::<_, Failure>(writer)
        })
        .await
        .map_err(|e| Failure::environment(format!("writing the snapshot stopped: {e}")))??;
        on_records(count);
    }
    writer.finish()
}

/// Writes a snapshot into a store, chunk by chunk; what is there already is compared and kept.
/// `snapshot` is the digest that the file must have: it is checked first.
///
/// # Errors
/// What the file or the store says; chunks that were acknowledged stay.
pub async fn import(
    path: &Path,
    snapshot: Digest,
    store: &dyn ScenarioStore,
    mut on_records: impl FnMut(u64),
) -> Result<u64> {
    let header = Reader::open(path)?.header().clone();
    let mut there = Vec::new();
    for roster in &header.tenants {
        let cx = CallCx::tenant(roster.tenant.clone());
        store.enroll(&cx, roster).await?;
        let done = store.import(&cx, Chunk { snapshot, records: &[] }).await?;
        if let Some(other) = done.snapshot.filter(|s| *s != snapshot) {
            return Err(Failure::check(format!(
                "tenant {} already holds records of snapshot {}, not of {}",
                roster.tenant,
                other.short(),
                snapshot.short()
            ))
            .hint("import into an empty store, or resume with the snapshot it was begun with"));
        }
        there.push((roster.tenant.clone(), done.last));
    }
    let mut chunks = Chunks::start(path.to_owned(), CHUNK_RECORDS, CHUNK_BYTES, there);
    let mut written = 0;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk?;
        let Some(first) = chunk.first() else { continue };
        let cx = CallCx::tenant(first.tenant.clone());
        store.import(&cx, Chunk { snapshot, records: &chunk }).await?;
        written += chunk.len() as u64;
        on_records(chunk.len() as u64);
    }
    Ok(written)
}
