//! Defects of reading and exporting.

use super::content;
use super::defect::Defect;
use super::store::{Broken, pause};
use crate::memory::{History, batches};
use flowcontrol_contract::error::{Error, ErrorKind, Result};
use flowcontrol_contract::store::{Batches, Export, ScenarioStore};
use flowcontrol_contract::{CallCx, Record, RecordId, TenantId};
use futures::stream::{self, StreamExt};
use std::sync::atomic::Ordering;

pub(super) async fn get(store: &Broken, cx: &CallCx, id: &RecordId) -> Result<Option<Record>> {
    let inner = &store.inner;
    let Some(defect) = store.defect else { return inner.get(cx, id).await };
    let found = inner.get(cx, &content::id(defect, id)).await?;
    Ok(match defect {
        Defect::PanicsWhenAsked => panic!("deliberately, asked for {id}"),
        Defect::FindsEarlyRecordsOnly => found.filter(|record| record.seq <= 20),
        Defect::FindsByPattern => {
            let pattern = id.as_str().to_lowercase();
            let matches = |record: &&Record| match pattern.strip_suffix('%') {
                Some(start) => record.id.as_str().starts_with(start),
                None => record.id.as_str() == pattern,
            };
            store.history(cx, |h| h.records.iter().find(matches).cloned()).flatten()
        }
        Defect::FindsInAnyTenant => {
            found.or_else(|| store.others(cx).iter().find_map(|history| history.find(id).cloned()))
        }
        _ => found,
    })
}

pub(super) async fn head(store: &Broken, cx: &CallCx) -> Result<u64> {
    let head = store.inner.head(cx).await?;
    match store.defect {
        Some(Defect::HasNoHeadWhenEmpty) if head == 0 => {
            Err(Error::new(ErrorKind::NotFound, "no record"))
        }
        Some(Defect::CountsAllTenants) => {
            Ok(head + store.others(cx).iter().map(History::head).sum::<u64>())
        }
        _ => Ok(head),
    }
}

pub(super) async fn read(store: &Broken, cx: &CallCx, after: u64) -> Result<Batches> {
    let Some(defect) = store.defect else { return store.inner.read(cx, after).await };
    let mut records = store.history(cx, |h| h.after(after).to_vec()).unwrap_or_default();
    match defect {
        Defect::OrdersByTime => records.sort_by_key(|record| record.occurred_at),
        Defect::LosesRecordsBetweenBatches => {
            records = records.chunks(500).flat_map(|c| &c[..c.len().min(499)]).cloned().collect();
        }
        Defect::IncludesTheStart => {
            let from = after.saturating_sub(1);
            records = store.history(cx, |h| h.after(from).to_vec()).unwrap_or_default();
        }
        Defect::FailsOnLargeNumbers if i64::try_from(after).is_err() => {
            return Err(Error::new(ErrorKind::Unexpected, "out of range"));
        }
        Defect::ReadsLazily => return Ok(lazily(store.clone(), cx.clone(), after)),
        Defect::SharesOneCursor => {
            *store.memory.cursor.lock().unwrap() = after;
            return Ok(from_cursor(store.clone(), cx.clone()));
        }
        Defect::LeaksReaders => {
            store.memory.readers.fetch_add(1, Ordering::SeqCst);
            let memory = store.memory.clone();
            let given_back = stream::poll_fn(move |_| {
                memory.readers.fetch_sub(1, Ordering::SeqCst);
                std::task::Poll::Ready(None)
            });
            return Ok(batches(&records).chain(given_back).boxed());
        }
        Defect::GivesEmptyBatches => {
            return Ok(batches(&records).chain(stream::iter([Ok(Vec::new())])).boxed());
        }
        Defect::ReadsAllTenants => {
            for other in store.others(cx) {
                records.extend_from_slice(other.after(after));
            }
        }
        Defect::StopsAfterManyRecords => records.truncate(2_600),
        _ => {}
    }
    Ok(batches(&records))
}

/// A stream that asks the store for each batch when it is wanted.
fn lazily(store: Broken, cx: CallCx, after: u64) -> Batches {
    stream::unfold((store, cx, after), |(store, cx, after)| async move {
        let batch: Vec<Record> =
            store.history(&cx, |h| h.after(after).iter().take(500).cloned().collect())?;
        let last = batch.last()?.seq;
        Some((Ok(batch), (store, cx, last)))
    })
    .boxed()
}

fn from_cursor(store: Broken, cx: CallCx) -> Batches {
    stream::unfold((store, cx), |(store, cx)| async move {
        let after = *store.memory.cursor.lock().unwrap();
        let batch: Vec<Record> =
            store.history(&cx, |h| h.after(after).iter().take(500).cloned().collect())?;
        *store.memory.cursor.lock().unwrap() = batch.last()?.seq;
        Some((Ok(batch), (store, cx)))
    })
    .boxed()
}

pub(super) async fn export(store: &Broken, tenants: &[TenantId]) -> Result<Export> {
    let inner = &store.inner;
    let Some(defect) = store.defect else { return inner.export(tenants).await };
    let mut tenants = tenants.to_vec();
    tenants.sort();
    match defect {
        Defect::ExportLosesTheLastRecord | Defect::ExportNormalisesText => {
            let mut export = inner.export(&tenants).await?;
            let mut records = Vec::new();
            while let Some(batch) = export.batches.next().await {
                records.extend(batch?);
            }
            match defect {
                Defect::ExportNormalisesText => records.iter_mut().for_each(content::normalise),
                _ => drop(records.pop()),
            }
            Ok(Export { batches: batches(&records), ..export })
        }
        Defect::ExportsBackwards => {
            tenants.reverse();
            let (mut rosters, mut records) = (Vec::new(), Vec::new());
            for tenant in tenants {
                let cx = CallCx::tenant(tenant);
                rosters.extend(inner.roster(&cx).await?);
                records.extend(store.history(&cx, |h| h.records.clone()).unwrap_or_default());
            }
            Ok(Export { rosters, batches: batches(&records) })
        }
        Defect::ExportsEverybody => inner.export(&inner.tenants().await?).await,
        Defect::LeavesOutTenantsWithoutRecords => {
            let empty = |t: &TenantId| store.history(&CallCx::tenant(t.clone()), |h| h.head() == 0);
            tenants.retain(|tenant| empty(tenant) != Some(true));
            inner.export(&tenants).await
        }
        Defect::SkipsUnknownTenants => {
            let known = inner.tenants().await?;
            tenants.retain(|tenant| known.contains(tenant));
            inner.export(&tenants).await
        }
        Defect::ExportsLazily => {
            let rosters = inner.export(&tenants).await?.rosters;
            let store = store.clone();
            let each = move |tenant| lazily(store.clone(), CallCx::tenant(tenant), 0);
            Ok(Export { rosters, batches: stream::iter(tenants).flat_map(each).boxed() })
        }
        Defect::ExportsTenantByTenant => {
            let (mut rosters, mut records) = (Vec::new(), Vec::new());
            for tenant in tenants {
                let cx = CallCx::tenant(tenant);
                rosters.extend(inner.roster(&cx).await?);
                records.extend(store.history(&cx, |h| h.records.clone()).unwrap_or_default());
                pause().await;
            }
            Ok(Export { rosters, batches: batches(&records) })
        }
        _ => inner.export(&tenants).await,
    }
}
