//! Reading records in order, in constant memory.

use crate::KIND;
use crate::failure;
use crate::row;
use crate::work::{Access, Core, Work, until_deadline};
use flowcontrol_contract::store::Batches;
use flowcontrol_contract::{Error, ErrorKind, Record, RecordId, Result, TenantId};
use futures::{StreamExt, TryStreamExt, stream};
use sqlx::Row;
use sqlx::postgres::PgConnection;
use std::sync::Arc;
use std::time::Instant;

/// Most records in a batch.
const BATCH_ROWS: usize = 2_000;

/// Payload bytes after which a batch ends.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// The number of rows to ask for next, so that a batch is about [`BATCH_BYTES`] at most and few
/// rows are fetched in vain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchSize {
    rows: usize,
}

impl Default for BatchSize {
    fn default() -> Self {
        Self { rows: 256 }
    }
}

impl BatchSize {
    fn learn(&mut self, rows: usize, bytes: usize) {
        if let Some(mean) = bytes.checked_div(rows) {
            self.rows = (BATCH_BYTES / mean.max(1)).clamp(1, BATCH_ROWS);
        }
    }
}

/// The tenant's last sequence number; 0 for none.
pub(crate) async fn head(core: &Core, work: &mut Work, tenant: &TenantId) -> Result<u64> {
    head_on(core, work.conn()?, tenant).await
}

pub(crate) async fn head_on(
    core: &Core,
    conn: &mut PgConnection,
    tenant: &TenantId,
) -> Result<u64> {
    let query = core.sql.query(&core.sql.head).bind(tenant.as_str());
    match query.fetch_optional(conn).await.map_err(failure::sql)? {
        Some(found) => row::from_bigint(found.try_get(0).map_err(failure::sql)?),
        None => Ok(0),
    }
}

/// One record by its id.
pub(crate) async fn get(
    core: &Core,
    work: &mut Work,
    tenant: &TenantId,
    id: &RecordId,
) -> Result<Option<Record>> {
    let found = core
        .sql
        .query(&core.sql.by_ids)
        .bind(tenant.as_str())
        .bind(vec![id.as_str()])
        .fetch_optional(work.conn()?)
        .await
        .map_err(failure::sql)?;
    found.map(|found| row::record(tenant, &found)).transpose()
}

/// The records above `after` and up to `upto` that fit into one batch; empty at the end.
pub(crate) async fn batch(
    core: &Core,
    conn: &mut PgConnection,
    tenant: &TenantId,
    after: u64,
    upto: u64,
    size: &mut BatchSize,
) -> Result<Vec<Record>> {
    let mut rows = core
        .sql
        .query(&core.sql.range)
        .bind(tenant.as_str())
        .bind(row::to_bound(after))
        .bind(row::to_bound(upto))
        .bind(row::to_bigint(size.rows as u64)?)
        .fetch(conn);
    let mut found = Vec::new();
    let mut bytes = 0;
    while let Some(next) = rows.try_next().await.map_err(failure::sql)? {
        let record = row::record(tenant, &next)?;
        bytes += record.payload.as_str().len();
        found.push(record);
        // The driver reads and drops the remaining rows; they are read again for the next batch.
        if bytes >= BATCH_BYTES {
            break;
        }
    }
    size.learn(found.len(), bytes);
    Ok(found)
}

/// Refuses a batch that leaves a gap after `after`.
pub(crate) fn refuse_gap(tenant: &TenantId, after: u64, records: &[Record]) -> Result<()> {
    for (record, expected) in records.iter().zip(after + 1..) {
        if record.seq != expected {
            return Err(Error::new(
                ErrorKind::Corrupt,
                format!("tenant {tenant}: record {expected} is missing before {}", record.seq),
            ));
        }
    }
    Ok(())
}

/// The position of a stream of one tenant's records.
struct Cursor {
    core: Arc<Core>,
    tenant: TenantId,
    deadline: Option<Instant>,
    after: u64,
    upto: u64,
    size: BatchSize,
}

/// The tenant's records above `after` as of now. Records never change and are numbered without a
/// gap, so the current head bounds the stream: no transaction and no connection is held while the
/// caller processes a batch.
pub(crate) async fn stream(
    core: Arc<Core>,
    tenant: TenantId,
    deadline: Option<Instant>,
    after: u64,
) -> Result<Batches> {
    let mut work = core.begin(&tenant, Access::Read, deadline).await?;
    let upto = until_deadline(deadline, head(&core, &mut work, &tenant)).await;
    let upto = work.finish(upto).await?;
    let cursor = Cursor { core, tenant, deadline, after, upto, size: BatchSize::default() };
    Ok(stream::try_unfold(cursor, |cursor| async move {
        next(cursor).await.map_err(|e| e.in_operation(KIND, "read"))
    })
    .boxed())
}

async fn next(mut cursor: Cursor) -> Result<Option<(Vec<Record>, Cursor)>> {
    if cursor.after >= cursor.upto {
        return Ok(None);
    }
    let core = Arc::clone(&cursor.core);
    let mut work = core.begin(&cursor.tenant, Access::Read, cursor.deadline).await?;
    let found = until_deadline(cursor.deadline, async {
        let (after, upto) = (cursor.after, cursor.upto);
        batch(&core, work.conn()?, &cursor.tenant, after, upto, &mut cursor.size).await
    })
    .await;
    let found = work.finish(found).await?;
    refuse_gap(&cursor.tenant, cursor.after, &found)?;
    let Some(last) = found.last() else {
        return Err(Error::new(
            ErrorKind::Corrupt,
            format!("tenant {}: record {} is missing", cursor.tenant, cursor.after + 1),
        ));
    };
    cursor.after = last.seq;
    Ok(Some((found, cursor)))
}

#[cfg(test)]
mod tests {
    use super::{BATCH_ROWS, BatchSize};

    #[test]
    fn the_pace_follows_the_size_of_rows() {
        let mut size = BatchSize::default();
        size.learn(256, 256 * 300);
        assert_eq!(size.rows, BATCH_ROWS);
        size.learn(1, 4 * 1024 * 1024);
        assert_eq!(size.rows, 1);
        size.learn(0, 0);
        assert_eq!(size.rows, 1, "an empty batch teaches nothing");
    }
}
