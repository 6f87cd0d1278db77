//! Imports by batches of kinds: one transaction for each part, with a row in the ledger
//! `cutover_parts`.

use crate::append::{expect_rows, tenant_state};
use crate::import::{LinesDigest, copy, insert, ledger, manifest, refuse_another};
use crate::store::PgStore;
use crate::work::{Access, Core, Work, until_deadline};
use crate::{KIND, chain, failure, row};
use async_trait::async_trait;
use flowcontrol_contract::batch::check_name;
use flowcontrol_contract::store::Imported;
use flowcontrol_contract::{
    AuditEvent, BatchImport, CallCx, Digest, Error, Part, Record, Result, TenantId,
};
use futures::TryStreamExt;
use sqlx::Row;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// Imports `part`, which was checked before, in the open transaction.
async fn import(core: &Core, work: &mut Work, cx: &CallCx, part: Part<'_>) -> Result<Imported> {
    let tenant = &cx.tenant;
    if !core.admit(work, cx).await?
        && let Some(window) = &cx.window
    {
        return Err(Error::conflict(format!(
            "freeze window {window} of tenant {tenant} ended while the batches were being imported"
        ))
        .hint("check what was written meanwhile, then raise the window again and resume"));
    }
    let ledger = ledger(core, work, tenant).await?;
    refuse_another(tenant, &ledger, part.snapshot)?;
    let end = batch_end(core, work, tenant, part.batch).await?;
    let there = stored_equal(core, work, tenant, part.records).await?;
    let known = part.records.partition_point(|r| r.seq <= end);
    let (old, rest) = part.records.split_at(known);
    if let Some(record) = old.iter().find(|r| !there.contains(&r.seq)) {
        return Err(Error::conflict(format!(
            "tenant {tenant}: batch {} is stored up to {end}, but record {} ({}) is missing",
            part.batch, record.seq, record.id
        ))
        .hint("send the parts of a batch in order, cut from one snapshot"));
    }
    let (Some(first), Some(last)) = (rest.first(), rest.last()) else {
        return Ok(Imported { last: end, snapshot: ledger.first().copied() });
    };
    tenant_state(core, work, tenant, rest.iter().map(|r| &r.actor)).await?;
    if ledger.is_empty() {
        manifest(core, work, tenant, part.snapshot).await?;
    }
    let new = missing(rest, &there);
    let copied = if new.is_empty() { None } else { Some(copy(core, work, &new).await?) };
    if copied.is_some() {
        insert(core, work, tenant, &new).await?;
    }
    let digest = match copied {
        Some(digest) if new.len() == rest.len() => digest,
        _ => {
            let mut lines = LinesDigest::default();
            rest.iter().for_each(|record| lines.add(record));
            lines.digest()
        }
    };
    let line = core
        .sql
        .query(&core.sql.part_add)
        .bind(tenant.as_str())
        .bind(part.batch)
        .bind(row::to_bigint(first.seq)?)
        .bind(row::to_bigint(last.seq)?)
        .bind(row::to_bigint(rest.len() as u64)?)
        .bind(part.snapshot.to_string())
        .bind(digest.to_string());
    let done = line.execute(work.conn()?).await.map_err(failure::sql)?;
    expect_rows("cutover_parts", done.rows_affected(), 1)?;
    Ok(Imported { last: last.seq, snapshot: Some(part.snapshot) })
}

/// The last sequence number of the batch; 0 for none.
async fn batch_end(core: &Core, work: &mut Work, tenant: &TenantId, batch: &str) -> Result<u64> {
    let query = core.sql.query(&core.sql.batch_end).bind(tenant.as_str()).bind(batch);
    let found = query.fetch_one(work.conn()?).await.map_err(failure::sql)?;
    row::from_bigint(found.try_get(0).map_err(failure::sql)?)
}

/// The numbers of those records that are stored already; refuses one that differs.
async fn stored_equal(
    core: &Core,
    work: &mut Work,
    tenant: &TenantId,
    records: &[Record],
) -> Result<BTreeSet<u64>> {
    let seqs = records.iter().map(|r| row::to_bigint(r.seq)).collect::<Result<Vec<_>>>()?;
    let query = core.sql.query(&core.sql.by_seqs).bind(tenant.as_str()).bind(seqs);
    let mut rows = query.fetch(work.conn()?);
    let (mut there, mut sent) = (BTreeSet::new(), records.iter());
    while let Some(found) = rows.try_next().await.map_err(failure::sql)? {
        let old = row::record(tenant, &found)?;
        match sent.find(|new| new.seq == old.seq) {
            Some(new) if *new == old => there.insert(old.seq),
            _ => {
                return Err(Error::conflict(format!(
                    "tenant {tenant}: record {} ({}) is already stored with another content",
                    old.seq, old.id
                )));
            }
        };
    }
    Ok(there)
}

/// The records that are not stored yet.
fn missing<'a>(records: &'a [Record], stored: &BTreeSet<u64>) -> Cow<'a, [Record]> {
    if !records.iter().any(|r| stored.contains(&r.seq)) {
        return Cow::Borrowed(records);
    }
    records.iter().filter(|r| !stored.contains(&r.seq)).cloned().collect()
}

#[async_trait]
impl BatchImport for PgStore {
    async fn import_batch(&self, cx: &CallCx, part: Part<'_>) -> Result<Imported> {
        let run = async {
            self.require_writable()?;
            part.check(&cx.tenant)?;
            let mut work = self.core.begin(&cx.tenant, Access::Write, cx.deadline).await?;
            let import = import(&self.core, &mut work, cx, part);
            let done = until_deadline(cx.deadline, import).await;
            work.finish(done).await
        };
        run.await.map_err(|e| e.in_operation(KIND, "import batch"))
    }

    async fn progress(&self, cx: &CallCx, snapshot: Digest, batch: &str) -> Result<u64> {
        let run = async {
            self.require_row_security()?;
            check_name(batch)?;
            let mut work = self.core.begin(&cx.tenant, Access::Read, cx.deadline).await?;
            let done = until_deadline(cx.deadline, async {
                let ledger = ledger(&self.core, &mut work, &cx.tenant).await?;
                refuse_another(&cx.tenant, &ledger, snapshot)?;
                batch_end(&self.core, &mut work, &cx.tenant, batch).await
            })
            .await;
            work.finish(done).await
        };
        run.await.map_err(|e| e.in_operation(KIND, "progress"))
    }

    async fn carry_chain(&self, cx: &CallCx, events: &[AuditEvent]) -> Result<u64> {
        let run = async {
            self.require_writable()?;
            let mut work = self.core.begin(&cx.tenant, Access::Write, cx.deadline).await?;
            let done =
                until_deadline(cx.deadline, chain::carry(&self.core, &mut work, cx, events)).await;
            work.finish(done).await
        };
        run.await.map_err(|e| e.in_operation(KIND, "carry chain"))
    }

    async fn carried(&self, cx: &CallCx) -> Result<u64> {
        let run = async {
            self.require_row_security()?;
            let mut work = self.core.begin(&cx.tenant, Access::Read, cx.deadline).await?;
            let done = until_deadline(cx.deadline, chain::count(&self.core, &mut work, cx)).await;
            work.finish(done).await
        };
        run.await.map_err(|e| e.in_operation(KIND, "carried"))
    }
}

#[cfg(test)]
mod tests {
    use super::missing;
    use flowcontrol_contract::{NewRecord, Record, TenantId};
    use std::borrow::Cow;
    use std::collections::BTreeSet;

    #[test]
    fn what_is_there_is_left_out() {
        let record = |seq: u64| {
            NewRecord::from_json(&format!(
                r#"{{"id":"r{seq}","kind":"risk","actor":"u","occurred_at":"2026-03-01T06:30:00Z","payload":{{}}}}"#
            ))
            .unwrap()
            .placed(TenantId::new("a").unwrap(), seq)
        };
        let part = [3, 5, 9].map(record);
        let seqs = |there: &[u64]| {
            let left = missing(&part, &there.iter().copied().collect::<BTreeSet<_>>());
            let copied = matches!(left, Cow::Owned(_));
            (left.iter().map(|r: &Record| r.seq).collect::<Vec<_>>(), copied)
        };
        assert_eq!(seqs(&[]), (vec![3, 5, 9], false));
        assert_eq!(seqs(&[4]), (vec![3, 5, 9], false));
        assert_eq!(seqs(&[5]), (vec![3, 9], true));
        assert_eq!(seqs(&[3, 5, 9]), (vec![], true));
    }
}
