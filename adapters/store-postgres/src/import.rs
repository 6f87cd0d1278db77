//! Imports a chunk of a snapshot: one transaction for each chunk, with a row in the ledger.
//!
//! COPY into the tables themselves is refused for every role under row-level security (0A000), so
//! rows are copied into a temporary table and inserted from there.

use crate::append::{count, expect_rows, tenant_state};
use crate::failure;
use crate::read;
use crate::row;
use crate::stage::{Encoder, SEND_BYTES};
use crate::work::{Core, Work};
use flowcontrol_contract::digest::Hasher;
use flowcontrol_contract::store::{Chunk, Imported};
use flowcontrol_contract::{CallCx, Digest, Error, ErrorKind, Record, Result, TenantId};
use sqlx::Row;
use std::sync::Arc;

/// Imports `chunk` in the open transaction.
pub(crate) async fn import(
    core: &Core,
    work: &mut Work,
    cx: &CallCx,
    chunk: Chunk<'_>,
) -> Result<Imported> {
    let tenant = &cx.tenant;
    let Some((first, last)) = bounds(tenant, chunk.records)? else {
        return progress(core, work, tenant).await;
    };
    core.admit(work, cx).await?;
    let ledger = ledger(core, work, tenant).await?;
    refuse_another(tenant, &ledger, chunk.snapshot)?;
    let state = tenant_state(core, work, tenant, chunk.records.iter().map(|r| &r.actor)).await?;
    if first > state.head + 1 {
        return Err(Error::conflict(format!(
            "tenant {tenant}: the chunk starts at {first}, but the last record is {}",
            state.head
        ))
        .hint(format!("resume at record {}", state.head + 1)));
    }
    let known = usize::try_from(state.head + 1 - first).unwrap_or(usize::MAX);
    let (there, new) = chunk.records.split_at(known.min(chunk.records.len()));
    compare(core, work, tenant, there).await?;
    if new.is_empty() {
        return Ok(Imported { last: state.head, snapshot: ledger.first().copied() });
    }
    if ledger.is_empty() {
        manifest(core, work, tenant, chunk.snapshot).await?;
    }
    let digest = copy(core, work, new).await?;
    insert(core, work, tenant, new).await?;
    let done = core
        .sql
        .query(&core.sql.ledger_add)
        .bind(tenant.as_str())
        .bind(row::to_bigint(state.head + 1)?)
        .bind(row::to_bigint(last)?)
        .bind(chunk.snapshot.to_string())
        .bind(digest.to_string())
        .execute(work.conn()?)
        .await
        .map_err(failure::sql)?;
    expect_rows("replay_chunks", done.rows_affected(), 1)?;
    Ok(Imported { last, snapshot: Some(chunk.snapshot) })
}

/// Refuses to mix snapshots in one tenant.
pub(crate) fn refuse_another(tenant: &TenantId, ledger: &[Digest], snapshot: Digest) -> Result<()> {
    match ledger.iter().find(|digest| **digest != snapshot) {
        Some(other) => Err(Error::conflict(format!(
            "tenant {tenant} was imported from snapshot {}, but this is from {}",
            other.short(),
            snapshot.short()
        ))
        .hint("import into an empty target, or resume with the first snapshot")),
        None => Ok(()),
    }
}

/// Records in the manifest what is about to be imported: one row for each tenant of a snapshot.
pub(crate) async fn manifest(
    core: &Core,
    work: &mut Work,
    tenant: &TenantId,
    snapshot: Digest,
) -> Result<()> {
    let done = core
        .sql
        .query(&core.sql.manifest_add)
        .bind(tenant.as_str())
        .bind(snapshot.to_string())
        .execute(work.conn()?)
        .await
        .map_err(failure::sql)?;
    expect_rows("scenario_snapshots", done.rows_affected(), 1)
}

/// The chunk's first and last sequence number; refuses records of another tenant or that are not
/// consecutive.
fn bounds(tenant: &TenantId, records: &[Record]) -> Result<Option<(u64, u64)>> {
    let (Some(first), Some(last)) = (records.first(), records.last()) else { return Ok(None) };
    if first.seq == 0 {
        return Err(Error::invalid("the chunk starts at 0, but records count from 1"));
    }
    for (record, seq) in records.iter().zip(first.seq..) {
        if record.tenant != *tenant {
            return Err(Error::invalid(format!(
                "record {} belongs to tenant {}, not to {tenant}",
                record.id, record.tenant
            )));
        }
        if record.seq != seq {
            return Err(Error::invalid(format!(
                "the chunk's records are not consecutive: {} instead of {seq}",
                record.seq
            )));
        }
    }
    Ok(Some((first.seq, last.seq)))
}

/// The progress of an import.
async fn progress(core: &Core, work: &mut Work, tenant: &TenantId) -> Result<Imported> {
    let snapshot = ledger(core, work, tenant).await?.first().copied();
    Ok(Imported { last: read::head(core, work, tenant).await?, snapshot })
}

/// The snapshots that the tenant was imported from, by chunk or by batch: at most one.
pub(crate) async fn ledger(core: &Core, work: &mut Work, tenant: &TenantId) -> Result<Vec<Digest>> {
    let rows = core
        .sql
        .query(&core.sql.ledger)
        .bind(tenant.as_str())
        .fetch_all(work.conn()?)
        .await
        .map_err(failure::sql)?;
    rows.iter()
        .map(|row| {
            let text: &str = row.try_get(0).map_err(failure::sql)?;
            Digest::parse(text).map_err(|e| {
                Error::new(
                    ErrorKind::Corrupt,
                    format!("the replay ledger of tenant {tenant}: {}", e.message()),
                )
            })
        })
        .collect()
}

/// Refuses records that differ from the stored ones with the same number.
async fn compare(
    core: &Core,
    work: &mut Work,
    tenant: &TenantId,
    mut there: &[Record],
) -> Result<()> {
    let mut size = read::BatchSize::default();
    while let (Some(first), Some(last)) = (there.first(), there.last()) {
        let conn = work.conn()?;
        let stored = read::batch(core, conn, tenant, first.seq - 1, last.seq, &mut size).await?;
        if stored.is_empty() {
            return Err(Error::new(
                ErrorKind::Corrupt,
                format!("tenant {tenant}: record {} is missing before the last one", first.seq),
            ));
        }
        for (old, new) in stored.iter().zip(there) {
            if old != new {
                return Err(Error::conflict(format!(
                    "tenant {tenant}: record {} ({}) is already stored with another content",
                    new.seq, new.id
                )));
            }
        }
        there = &there[stored.len().min(there.len())..];
    }
    Ok(())
}

/// The running digest of records' lines, as recorded in a ledger.
#[derive(Default)]
pub(crate) struct LinesDigest {
    hasher: Hasher,
    line: String,
}

impl LinesDigest {
    pub(crate) fn add(&mut self, record: &Record) {
        self.line.clear();
        record.write_line(&mut self.line);
        self.line.push('\n');
        self.hasher.update(&self.line);
    }

    pub(crate) fn digest(&self) -> Digest {
        self.hasher.current()
    }
}

/// Copies `records` into the staging table; returns the digest of their lines.
pub(crate) async fn copy(core: &Core, work: &mut Work, records: &[Record]) -> Result<Digest> {
    if core.transaction_pooler {
        // A pooler may run the next transaction in another session.
        run(core, work, &core.sql.stage_transaction).await?;
    } else if !work.seat()?.staged {
        run(core, work, &core.sql.stage_session).await?;
        work.creates_stage = true;
    }
    let mut copy = work.conn()?.copy_in_raw(&core.sql.stage_copy).await.map_err(failure::sql)?;
    let mut encoder = Encoder::new();
    let mut lines = LinesDigest::default();
    for record in records {
        lines.add(record);
        encoder.row(record)?;
        if encoder.bytes().len() >= SEND_BYTES {
            copy.send(encoder.bytes()).await.map_err(failure::sql)?;
            encoder.clear();
        }
    }
    encoder.end();
    copy.send(encoder.bytes()).await.map_err(failure::sql)?;
    let copied = copy.finish().await.map_err(failure::sql)?;
    expect_rows("the staging table", copied, records.len())?;
    Ok(lines.digest())
}

async fn run(core: &Core, work: &mut Work, statement: &Arc<str>) -> Result<()> {
    core.sql.query(statement).execute(work.conn()?).await.map_err(failure::sql)?;
    Ok(())
}

/// Inserts the staged rows into `records` and the projections.
pub(crate) async fn insert(
    core: &Core,
    work: &mut Work,
    tenant: &TenantId,
    records: &[Record],
) -> Result<()> {
    let insert = core.sql.query(&core.sql.from_stage).bind(tenant.as_str());
    let done = insert.execute(work.conn()?).await.map_err(failure::sql)?;
    expect_rows("records", done.rows_affected(), records.len())?;
    let counts = count(records.iter().map(|r| r.kind));
    for p in &core.sql.projections {
        let Some(&expected) = counts.get(&p.projection.kind) else { continue };
        let insert = core.sql.query(&p.from_stage).bind(tenant.as_str());
        let done = insert.execute(work.conn()?).await.map_err(failure::sql)?;
        expect_rows(p.projection.table, done.rows_affected(), expected)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::bounds;
    use flowcontrol_contract::{NewRecord, Record, TenantId};

    fn record(tenant: &str, seq: u64) -> Record {
        NewRecord::from_json(&format!(
            r#"{{"id":"r{seq}","kind":"risk","actor":"u","occurred_at":"2026-03-01T06:30:00Z","payload":{{}}}}"#
        ))
        .unwrap()
        .placed(TenantId::new(tenant).unwrap(), seq)
    }

    #[test]
    fn a_chunk_is_consecutive_and_of_one_tenant() {
        let a = TenantId::new("a").unwrap();
        assert_eq!(bounds(&a, &[]).unwrap(), None);
        assert_eq!(bounds(&a, &[record("a", 3), record("a", 4)]).unwrap(), Some((3, 4)));
        for (records, why) in [
            ([record("a", 3), record("b", 4)], "belongs to tenant b"),
            ([record("a", 3), record("a", 5)], "not consecutive"),
            ([record("a", 0), record("a", 1)], "count from 1"),
        ] {
            let error = bounds(&a, &records).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
