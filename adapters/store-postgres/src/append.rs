//! Appends a batch of records.

use crate::row;
use crate::work::{Core, Work};
use crate::{chain, failure};
use flowcontrol_contract::store::{Appended, Expected};
use flowcontrol_contract::{
    ActorId, CallCx, Error, Kind, NewRecord, Record, Result, TenantId, audit,
};
use sqlx::Row;
use std::collections::{BTreeSet, HashMap, HashSet};

/// Most records in one INSERT: enough to be fast, and far below the protocol's limits.
const STATEMENT: usize = 5_000;

/// Most bytes of payload in one INSERT, which bounds the driver's copy of them.
const STATEMENT_BYTES: usize = 8 * 1024 * 1024;

/// The state of the tenant before a write.
pub(crate) struct TenantState {
    pub(crate) head: u64,
}

/// Appends `batch` in the open transaction.
pub(crate) async fn append(
    core: &Core,
    work: &mut Work,
    cx: &CallCx,
    expected: Expected,
    batch: &[NewRecord],
) -> Result<Appended> {
    refuse_duplicate_ids(batch)?;
    core.admit(work, cx).await?;
    let tenant = &cx.tenant;
    if let Some(done) = replayed(batch, &stored(core, work, tenant, batch).await?)? {
        return Ok(done);
    }
    let actors = batch.iter().map(|r| &r.actor).chain(&cx.actor);
    let state = tenant_state(core, work, tenant, actors).await?;
    if let Expected::Head(head) = expected
        && head != state.head
    {
        return Err(Error::conflict(format!(
            "tenant {tenant}: the last record is {}, not {head} as expected",
            state.head
        ))
        .hint("read the new records, then try again"));
    }
    let mut head = state.head;
    for part in statements(batch) {
        insert(core, work, tenant, head, part).await?;
        head += part.len() as u64;
    }
    project(core, work, tenant, state.head, batch.iter().map(|r| r.kind)).await?;
    let events = audit::append_events(cx, state.head + 1, batch)?;
    chain::add(core, work, cx, &events.iter().collect::<Vec<_>>()).await?;
    Ok(Appended { first: state.head + 1, last: head, replayed: false })
}

fn refuse_duplicate_ids(batch: &[NewRecord]) -> Result<()> {
    let mut seen = HashSet::with_capacity(batch.len());
    match batch.iter().find(|record| !seen.insert(&record.id)) {
        Some(record) => {
            Err(Error::conflict(format!("record {} occurs twice in the batch", record.id)))
        }
        None => Ok(()),
    }
}

/// Reads the head and refuses a tenant or actors that are not enrolled. The caller holds the
/// tenant's lock, so the head cannot change.
pub(crate) async fn tenant_state(
    core: &Core,
    work: &mut Work,
    tenant: &TenantId,
    actors: impl Iterator<Item = &ActorId>,
) -> Result<TenantState> {
    let actors: BTreeSet<&str> = actors.map(ActorId::as_str).collect();
    let actors: Vec<&str> = actors.into_iter().collect();
    let row = core
        .sql
        .query(&core.sql.state)
        .bind(tenant.as_str())
        .bind(actors)
        .fetch_one(work.conn()?)
        .await
        .map_err(failure::sql)?;
    let enrolled: bool = row.try_get(1).map_err(failure::sql)?;
    if !enrolled {
        return Err(Error::invalid(format!("tenant {tenant} is not enrolled"))
            .hint("enroll the tenant and its actors first"));
    }
    let missing: Vec<String> = row.try_get(2).map_err(failure::sql)?;
    if let Some(actor) = missing.first() {
        return Err(Error::invalid(format!("actor {actor} is not enrolled in tenant {tenant}"))
            .hint("enroll the actor first"));
    }
    Ok(TenantState { head: row::from_bigint(row.try_get(0).map_err(failure::sql)?)? })
}

async fn stored(
    core: &Core,
    work: &mut Work,
    tenant: &TenantId,
    batch: &[NewRecord],
) -> Result<Vec<Record>> {
    let ids: Vec<&str> = batch.iter().map(|r| r.id.as_str()).collect();
    let rows = core
        .sql
        .query(&core.sql.by_ids)
        .bind(tenant.as_str())
        .bind(ids)
        .fetch_all(work.conn()?)
        .await
        .map_err(failure::sql)?;
    rows.iter().map(|row| row::record(tenant, row)).collect()
}

/// The result when some of the batch's ids are stored already; `None` when none is.
fn replayed(batch: &[NewRecord], stored: &[Record]) -> Result<Option<Appended>> {
    let Some(first) = stored.first() else { return Ok(None) };
    let by_id: HashMap<_, _> = stored.iter().map(|r| (&r.id, r)).collect();
    for new in batch {
        match by_id.get(&new.id) {
            Some(old) if !old.same_as(new) => {
                return Err(Error::conflict(format!(
                    "record {} is already stored with another content",
                    new.id
                )));
            }
            _ => {}
        }
    }
    if let Some(new) = batch.iter().find(|new| !by_id.contains_key(&new.id)) {
        return Err(Error::conflict(format!(
            "a part of the batch is already stored, but not record {}",
            new.id
        )));
    }
    let in_place = batch.iter().zip(first.seq..).all(|(new, seq)| by_id[&new.id].seq == seq);
    if !in_place {
        return Err(Error::conflict(
            "the batch's records are already stored, but not consecutively in this order",
        ));
    }
    let last = first.seq + (batch.len() as u64) - 1;
    Ok(Some(Appended { first: first.seq, last, replayed: true }))
}

/// Splits the batch into parts of one INSERT each.
fn statements(batch: &[NewRecord]) -> Vec<&[NewRecord]> {
    let mut parts = Vec::new();
    let (mut from, mut bytes) = (0, 0);
    for (at, record) in batch.iter().enumerate() {
        let size = record.payload.as_str().len();
        if at > from && (at - from >= STATEMENT || bytes + size > STATEMENT_BYTES) {
            parts.push(&batch[from..at]);
            (from, bytes) = (at, 0);
        }
        bytes += size;
    }
    if from < batch.len() {
        parts.push(&batch[from..]);
    }
    parts
}

async fn insert(
    core: &Core,
    work: &mut Work,
    tenant: &TenantId,
    head: u64,
    part: &[NewRecord],
) -> Result<()> {
    let texts = |f: fn(&NewRecord) -> &str| part.iter().map(f).collect::<Vec<_>>();
    let times: Vec<String> = part.iter().map(|r| r.occurred_at.to_string()).collect();
    let done = core
        .sql
        .query(&core.sql.append)
        .bind(tenant.as_str())
        .bind(row::to_bigint(head)?)
        .bind(texts(|r| r.id.as_str()))
        .bind(texts(|r| r.kind.name()))
        .bind(texts(|r| r.actor.as_str()))
        .bind(times)
        .bind(texts(|r| r.payload.as_str()))
        .execute(work.conn()?)
        .await
        .map_err(failure::sql)?;
    expect_rows("records", done.rows_affected(), part.len())
}

/// Fills the projections of the records above `after`.
async fn project(
    core: &Core,
    work: &mut Work,
    tenant: &TenantId,
    after: u64,
    kinds: impl Iterator<Item = Kind>,
) -> Result<()> {
    let counts = count(kinds);
    for p in &core.sql.projections {
        let Some(&expected) = counts.get(&p.projection.kind) else { continue };
        let done = core
            .sql
            .query(&p.from_records)
            .bind(tenant.as_str())
            .bind(row::to_bigint(after)?)
            .execute(work.conn()?)
            .await
            .map_err(failure::sql)?;
        expect_rows(p.projection.table, done.rows_affected(), expected)?;
    }
    Ok(())
}

/// The number of records of each kind.
pub(crate) fn count(kinds: impl Iterator<Item = Kind>) -> HashMap<Kind, usize> {
    let mut counts = HashMap::new();
    for kind in kinds {
        *counts.entry(kind).or_default() += 1;
    }
    counts
}

/// Refuses a write that stored fewer rows than were sent, because a policy, rule or trigger dropped
/// some.
pub(crate) fn expect_rows(table: &str, affected: u64, sent: usize) -> Result<()> {
    if affected == sent as u64 {
        return Ok(());
    }
    Err(Error::new(
        flowcontrol_contract::ErrorKind::Unexpected,
        format!("{table}: {sent} rows were sent but {affected} were written; the transaction is rolled back"),
    )
    .hint("check the table for rules, triggers or policies that drop rows"))
}

#[cfg(test)]
mod tests {
    use super::{refuse_duplicate_ids, replayed, statements};
    use flowcontrol_contract::{ErrorKind, NewRecord, Record, TenantId};

    fn new(id: &str, text: &str) -> NewRecord {
        NewRecord::from_json(&format!(
            r#"{{"id":"{id}","kind":"risk","actor":"u","occurred_at":"2026-03-01T06:30:00Z",
                "payload":{{"text":"{text}"}}}}"#
        ))
        .unwrap()
    }

    fn placed(id: &str, text: &str, seq: u64) -> Record {
        new(id, text).placed(TenantId::new("a").unwrap(), seq)
    }

    #[test]
    fn a_batch_is_replayed_as_a_whole_or_not_at_all() {
        let batch = [new("a", "1"), new("b", "2")];
        assert_eq!(replayed(&batch, &[]).unwrap(), None);
        let done = replayed(&batch, &[placed("a", "1", 4), placed("b", "2", 5)]).unwrap().unwrap();
        assert_eq!((done.first, done.last, done.replayed), (4, 5, true));
        for stored in [
            vec![placed("a", "1", 4)],
            vec![placed("a", "1", 4), placed("b", "other", 5)],
            vec![placed("b", "2", 4), placed("a", "1", 5)],
            vec![placed("a", "1", 4), placed("b", "2", 6)],
        ] {
            assert_eq!(replayed(&batch, &stored).unwrap_err().kind(), ErrorKind::Conflict);
        }
    }

    #[test]
    fn an_id_twice_in_a_batch_is_refused() {
        let error = refuse_duplicate_ids(&[new("a", "1"), new("a", "1")]).unwrap_err();
        assert!(error.message().contains("twice"), "{error}");
    }

    #[test]
    fn statements_are_cut_by_count_and_size_and_lose_nothing() {
        let small: Vec<_> = (0..12_001).map(|i| new(&i.to_string(), "x")).collect();
        let parts = statements(&small);
        assert_eq!(parts.iter().map(|p| p.len()).collect::<Vec<_>>(), [5000, 5000, 2001]);
        let big: Vec<_> = (0..5).map(|i| new(&i.to_string(), &"x".repeat(4_000_000))).collect();
        let parts = statements(&big);
        assert_eq!(parts.iter().map(|p| p.len()).collect::<Vec<_>>(), [2, 2, 1]);
        assert!(statements(&[]).is_empty());
    }
}
