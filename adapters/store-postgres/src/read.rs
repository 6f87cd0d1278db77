//! Reading records in order, in constant memory.

use crate::KIND;
use crate::failure;
use crate::row;
use crate::work::{Access, Core, Work, within};
use flowcontrol_contract::store::Batches;
use flowcontrol_contract::{Error, ErrorKind, Record, RecordId, Result, TenantId};
use futures::{StreamExt, TryStreamExt, stream};
use sqlx::Row;
use sqlx::postgres::PgConnection;
use std::sync::Arc;
use std::time::Instant;

/// Most records of a batch.
const BATCH_ROWS: usize = 2_000;

/// Payload bytes after which a batch is full.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// How many rows to ask for next, so that a batch is about [`BATCH_BYTES`] at most and little is
/// fetched in vain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    rows: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self { rows: 256 }
    }
}

impl Pace {
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
    pace: &mut Pace,
) -> Result<Vec<Record>> {
    let mut rows = core
        .sql
        .query(&core.sql.range)
        .bind(tenant.as_str())
        .bind(row::to_bound(after))
        .bind(row::to_bound(upto))
        .bind(row::to_bigint(pace.rows as u64)?)
        .fetch(conn);
    let mut found = Vec::new();
    let mut bytes = 0;
    while let Some(next) = rows.try_next().await.map_err(failure::sql)? {
        let record = row::record(tenant, &next)?;
        bytes += record.payload.as_str().len();
        found.push(record);
        // Rows that are left behind are read and dropped by the driver; they come again.
        if bytes >= BATCH_BYTES {
            break;
        }
    }
    pace.learn(found.len(), bytes);
    Ok(found)
}

/// Refuses a batch that leaves a gap after `after`.
pub(crate) fn without_gap(tenant: &TenantId, after: u64, records: &[Record]) -> Result<()> {
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

/// Where a stream of one tenant's records stands.
struct Cursor {
    core: Arc<Core>,
    tenant: TenantId,
    deadline: Option<Instant>,
    after: u64,
    upto: u64,
    pace: Pace,
}

/// The tenant's records above `after` as of now. Records are never changed and are numbered
/// without a gap, so the head of this moment bounds the stream: no transaction and no connection
/// is held while the caller works on a batch.
pub(crate) async fn stream(
    core: Arc<Core>,
    tenant: TenantId,
    deadline: Option<Instant>,
    after: u64,
) -> Result<Batches> {
    let mut work = core.begin(&tenant, Access::Read, deadline).await?;
    let upto = within(deadline, head(&core, &mut work, &tenant)).await;
    let upto = work.settle(upto).await?;
    let cursor = Cursor { core, tenant, deadline, after, upto, pace: Pace::default() };
    Ok(stream::try_unfold(cursor, |cursor| async move {
        next(cursor).await.map_err(|e| e.at(KIND, "read"))
    })
    .boxed())
}

async fn next(mut cursor: Cursor) -> Result<Option<(Vec<Record>, Cursor)>> {
    if cursor.after >= cursor.upto {
        return Ok(None);
    }
    let core = Arc::clone(&cursor.core);
    let mut work = core.begin(&cursor.tenant, Access::Read, cursor.deadline).await?;
    let found = within(cursor.deadline, async {
        let (after, upto) = (cursor.after, cursor.upto);
        batch(&core, work.conn()?, &cursor.tenant, after, upto, &mut cursor.pace).await
    })
    .await;
    let found = work.settle(found).await?;
    without_gap(&cursor.tenant, cursor.after, &found)?;
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
    use super::{BATCH_ROWS, Pace};

    #[test]
    fn the_pace_follows_the_size_of_rows() {
        let mut pace = Pace::default();
        pace.learn(256, 256 * 300);
        assert_eq!(pace.rows, BATCH_ROWS);
        pace.learn(1, 4 * 1024 * 1024);
        assert_eq!(pace.rows, 1);
        pace.learn(0, 0);
        assert_eq!(pace.rows, 1, "an empty batch teaches nothing");
    }
}
