//! Defects of importing.

use super::content::{self, coarse};
use super::defect::Defect;
use super::store::{Broken, pause};
use flowcontrol_contract::error::{Error, ErrorKind, Result};
use flowcontrol_contract::store::{Chunk, Imported, ScenarioStore};
use flowcontrol_contract::{CallCx, Record, Roster};

pub(super) async fn import(store: &Broken, cx: &CallCx, chunk: Chunk<'_>) -> Result<Imported> {
    let inner = &store.inner;
    let Some(defect) = store.defect else { return inner.import(cx, chunk).await };
    let head = inner.head(cx).await?;
    let mut records = chunk.records.to_vec();
    let first = records.first().map_or(0, |record| record.seq);
    match defect {
        Defect::ImportLosesTheLastRecord => {
            records.pop();
        }
        Defect::ReportsNothing => {
            let done = inner.import(cx, chunk).await?;
            return Ok(if records.is_empty() { Imported { last: 0, ..done } } else { done });
        }
        Defect::ImportsOneChunkOnly if head > 0 => records.clear(),
        Defect::RefusesOverlaps if first > 0 && first <= head => {
            return Err(Error::conflict("it is there already"));
        }
        Defect::RefusesAppendedHistories if head > 0 && !imported(store, cx) => {
            return Err(Error::conflict("the history was not imported"));
        }
        Defect::SkipsByNumber => records.retain(|record| record.seq > head),
        Defect::ImportsGaps if first > head + 1 => return written(store, cx, chunk, records),
        Defect::Renumbers => {
            for (record, seq) in records.iter_mut().zip(first..) {
                record.seq = seq;
            }
        }
        Defect::IgnoresTheSnapshot => {
            store.history(cx, |history| history.snapshot = None);
        }
        Defect::AdoptsForeignRecords => {
            for record in &mut records {
                record.tenant = cx.tenant.clone();
            }
        }
        Defect::ImportsIdsTwice if first == head + 1 => {
            return written(store, cx, chunk, records);
        }
        Defect::ImportsWithoutEnrolling if store.history(cx, |_| ()).is_none() => {
            inner.enroll(cx, &Roster::new(cx.tenant.clone(), "?", Vec::new())?).await?;
            return written(store, cx, chunk, records);
        }
        Defect::ImportLeavesTheIndex => {
            let done = inner.import(cx, chunk).await?;
            store.history(cx, |history| history.places.clear());
            return Ok(done);
        }
        Defect::ImportDropsMicroseconds => {
            for record in &mut records {
                record.occurred_at = coarse(record.occurred_at);
            }
        }
        Defect::ImportNormalisesText => records.iter_mut().for_each(content::normalise),
        Defect::SharesTheSnapshot => {
            let mut others = store.others(cx).into_iter().filter_map(|history| history.snapshot);
            if others.any(|snapshot| snapshot != chunk.snapshot) {
                return Err(Error::conflict("another snapshot is being imported"));
            }
        }
        Defect::RefusesLargeChunks if records.len() > 9_000 => {
            return Err(Error::new(ErrorKind::Unexpected, "too many parameters"));
        }
        Defect::ImportsTooEarly if first == head + 1 => {
            pause().await;
            return written(store, cx, chunk, records);
        }
        _ => {}
    }
    inner.import(cx, Chunk { records: &records, ..chunk }).await
}

/// Whether any chunk was imported.
fn imported(store: &Broken, cx: &CallCx) -> bool {
    store.history(cx, |history| history.snapshot.is_some()) == Some(true)
}

/// Writes records without looking at what is there.
fn written(
    store: &Broken,
    cx: &CallCx,
    chunk: Chunk<'_>,
    records: Vec<Record>,
) -> Result<Imported> {
    let write = |history: &mut crate::memory::History| {
        history.snapshot = Some(chunk.snapshot);
        history.push(records);
        Imported { last: history.head(), snapshot: history.snapshot }
    };
    store.history(cx, write).ok_or_else(|| Error::invalid("not enrolled"))
}
