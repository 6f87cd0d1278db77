//! Defects of appending.

use super::content;
use super::defect::Defect;
use super::store::{Broken, pause};
use crate::memory::{History, Placing};
use flowcontrol_contract::error::{Error, ErrorKind, Result};
use flowcontrol_contract::store::{Appended, Expected, ScenarioStore};
use flowcontrol_contract::{Actor, CallCx, NewRecord, Roster};
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

pub(super) async fn append(
    store: &Broken,
    cx: &CallCx,
    expected: Expected,
    batch: &[NewRecord],
) -> Result<Appended> {
    let inner = &store.inner;
    let Some(defect) = store.defect else { return inner.append(cx, expected, batch).await };
    let head = inner.head(cx).await?;
    let known = match batch.first() {
        Some(record) => inner.get(cx, &record.id).await?.is_some(),
        None => false,
    };
    match defect {
        Defect::CountsPlacesFromZero => {
            let done = inner.append(cx, expected, batch).await?;
            let (first, last) = (done.first.saturating_sub(1), done.last.saturating_sub(1));
            Ok(Appended { first, last, ..done })
        }
        Defect::SkipsANumber if head > 0 && !known => shifted(store, cx, expected, batch, 1),
        Defect::RefusesEmptyBatches if batch.is_empty() => Err(Error::invalid("empty batch")),
        Defect::MistakesTheHead => {
            let expected = match expected {
                Expected::Head(head) => Expected::Head(head + 1),
                Expected::Any => Expected::Any,
            };
            inner.append(cx, expected, batch).await
        }
        Defect::AcceptsOlderHeads => match expected {
            Expected::Head(believed) if believed < head => {
                inner.append(cx, Expected::Any, batch).await
            }
            _ => inner.append(cx, expected, batch).await,
        },
        Defect::AcceptsLaterHeads => match expected {
            Expected::Head(believed) if believed > head => {
                inner.append(cx, Expected::Any, batch).await
            }
            _ => inner.append(cx, expected, batch).await,
        },
        Defect::EnrollsByItself if store.history(cx, |_| ()).is_none() => {
            let roster = Roster::new(cx.tenant.clone(), "?", actors_of(batch))?;
            inner.enroll(cx, &roster).await?;
            inner.append(cx, expected, batch).await
        }
        Defect::AcceptsAnyActor => with_actors(store, cx, expected, batch, actors_of(batch)),
        Defect::SharesActors => {
            let others = store.others(cx).into_iter().filter_map(|history| history.roster);
            let actors = others.flat_map(|roster| roster.actors).collect();
            with_actors(store, cx, expected, batch, actors)
        }
        Defect::DropsRepeatedIds => {
            let mut ids = BTreeSet::new();
            let batch: Vec<_> =
                batch.iter().filter(|record| ids.insert(&record.id)).cloned().collect();
            inner.append(cx, expected, &batch).await
        }
        Defect::WritesUpToABadActor => {
            kept_in_part(store, cx, expected, batch, ErrorKind::InvalidInput).await
        }
        Defect::WritesUpToATakenId => {
            kept_in_part(store, cx, expected, batch, ErrorKind::Conflict).await
        }
        Defect::WritesBeforeCheckingTheHead => {
            let outcome = inner.append(cx, expected, batch).await;
            if outcome.is_err() && expected != Expected::Any {
                drop(inner.append(cx, Expected::Any, batch).await);
            }
            outcome
        }
        Defect::BurnsNumbers => {
            let burnt = std::mem::take(&mut *store.memory.burnt.lock().unwrap());
            let outcome = shifted(store, cx, expected, batch, burnt);
            if outcome.is_err() {
                *store.memory.burnt.lock().unwrap() = batch.len() as u64;
            }
            outcome
        }
        Defect::ReplaysRefusedBatches => {
            let outcome = inner.append(cx, expected, batch).await;
            if outcome.is_err() {
                store.memory.journal.lock().unwrap().push((cx.clone(), batch.to_vec()));
            }
            outcome
        }
        Defect::HidesReplays => {
            Ok(Appended { replayed: false, ..inner.append(cx, expected, batch).await? })
        }
        Defect::RemembersTheLastBatch | Defect::RemembersWholeBatches => {
            let ids: Vec<_> = batch.iter().map(|record| record.id.clone()).collect();
            let remembered = {
                let batches = store.memory.batches.lock().unwrap();
                match defect {
                    Defect::RemembersTheLastBatch => batches.last() == Some(&ids),
                    _ => batches.contains(&ids),
                }
            };
            if known && !remembered {
                return Err(Error::conflict("this batch is not remembered"));
            }
            let done = inner.append(cx, expected, batch).await?;
            if !done.replayed {
                store.memory.batches.lock().unwrap().push(ids);
            }
            Ok(done)
        }
        Defect::ChecksTheHeadFirst => match expected {
            Expected::Head(believed) if believed != head => Err(Error::conflict("the head")),
            _ => inner.append(cx, expected, batch).await,
        },
        Defect::WritesTheRestOfABatch => {
            let mut rest = Vec::new();
            for record in batch {
                if inner.get(cx, &record.id).await?.is_none() {
                    rest.push(record.clone());
                }
            }
            inner.append(cx, expected, if rest.is_empty() { batch } else { &rest }).await
        }
        Defect::ComparesNoPayload
        | Defect::ComparesNoKind
        | Defect::ComparesNoActor
        | Defect::ComparesNoTime => {
            let mut batch = batch.to_vec();
            for record in &mut batch {
                let Some(old) = inner.get(cx, &record.id).await? else { continue };
                match defect {
                    Defect::ComparesNoPayload => record.payload = old.payload,
                    Defect::ComparesNoKind => record.kind = old.kind,
                    Defect::ComparesNoActor => record.actor = old.actor,
                    _ => record.occurred_at = old.occurred_at,
                }
            }
            inner.append(cx, expected, &batch).await
        }
        Defect::LosesUpdates => {
            let Some(mut copy) = store.history(cx, |history| history.clone()) else {
                return inner.append(cx, expected, batch).await;
            };
            let done = write(&mut copy, expected, batch, 0);
            pause().await;
            store.history(cx, |history| *history = copy);
            done
        }
        Defect::ChecksTheHeadTooEarly => match expected {
            Expected::Head(believed) if believed == head => {
                pause().await;
                inner.append(cx, Expected::Any, batch).await
            }
            _ => inner.append(cx, expected, batch).await,
        },
        Defect::ChecksReplaysTooEarly if !known => {
            pause().await;
            // Nothing is known by an empty history, so the batch is written as if it were new.
            let blind = |history: &mut History| {
                let places = std::mem::take(&mut history.places);
                let done = write(history, expected, batch, 0);
                history.places.extend(places);
                done
            };
            store.history(cx, blind).unwrap_or_else(|| Err(Error::invalid("not enrolled")))
        }
        Defect::RefusesLargeBatches if batch.len() > 9_000 => {
            Err(Error::new(ErrorKind::Unexpected, "too many parameters"))
        }
        Defect::WritesInTwoSteps if !known => {
            let (half, rest) = batch.split_at(batch.len() / 2);
            let first = inner.append(cx, expected, half).await?;
            pause().await;
            let second = inner.append(cx, Expected::Any, rest).await?;
            Ok(Appended {
                first: if half.is_empty() { second.first } else { first.first },
                ..second
            })
        }
        Defect::LeavesHalfABatch if !known => {
            let half = HalfOnDrop { store, cx, half: &batch[..batch.len() / 2] };
            pause().await;
            std::mem::forget(half);
            inner.append(cx, expected, batch).await
        }
        Defect::SetsTheTenantForAll => {
            *store.memory.tenant.lock().unwrap() = Some(cx.tenant.clone());
            pause().await;
            let tenant = store.memory.tenant.lock().unwrap().clone().unwrap();
            inner.append(&CallCx { tenant, ..cx.clone() }, expected, batch).await
        }
        Defect::LeaksReaders if store.memory.readers.load(Ordering::SeqCst) > 16 => {
            Err(Error::new(ErrorKind::Unavailable, "no connection is left"))
        }
        Defect::SharesIds => {
            let taken = |history: &History| batch.iter().any(|r| history.find(&r.id).is_some());
            if store.others(cx).iter().any(taken) {
                return Err(Error::conflict("an id is taken"));
            }
            inner.append(cx, expected, batch).await
        }
        Defect::SharesHeads => {
            let all: u64 = head + store.others(cx).iter().map(History::head).sum::<u64>();
            match expected {
                Expected::Head(believed) if believed != all => Err(Error::conflict("the head")),
                _ => inner.append(cx, Expected::Any, batch).await,
            }
        }
        Defect::SharesReplays => {
            let there = |history: &History| batch.iter().all(|r| history.find(&r.id).is_some());
            if store.others(cx).iter().any(there) {
                return Ok(Appended { first: 1, last: batch.len() as u64, replayed: true });
            }
            inner.append(cx, expected, batch).await
        }
        _ => {
            let batch = content::written(defect, batch)?;
            inner.append(cx, expected, &batch).await
        }
    }
}

/// Writes its half of a batch when it is dropped.
struct HalfOnDrop<'a> {
    store: &'a Broken,
    cx: &'a CallCx,
    half: &'a [NewRecord],
}

impl Drop for HalfOnDrop<'_> {
    fn drop(&mut self) {
        drop(shifted(self.store, self.cx, Expected::Any, self.half, 0));
    }
}

/// Writes into a history; the new records stand `shift` places too high.
fn write(
    history: &mut History,
    expected: Expected,
    batch: &[NewRecord],
    shift: u64,
) -> Result<Appended> {
    match history.place(expected, batch)? {
        Placing::Nothing(done) => Ok(done),
        Placing::New(mut records) => {
            records.iter_mut().for_each(|record| record.seq += shift);
            let first = records[0].seq;
            history.push(records);
            Ok(Appended { first, last: history.head(), replayed: false })
        }
    }
}

fn shifted(
    store: &Broken,
    cx: &CallCx,
    expected: Expected,
    batch: &[NewRecord],
    shift: u64,
) -> Result<Appended> {
    let write = |history: &mut History| write(history, expected, batch, shift);
    store.history(cx, write).unwrap_or_else(|| Err(Error::invalid("not enrolled")))
}

/// Writes as if the tenant had these actors too.
fn with_actors(
    store: &Broken,
    cx: &CallCx,
    expected: Expected,
    batch: &[NewRecord],
    actors: Vec<Actor>,
) -> Result<Appended> {
    let work = |history: &mut History| {
        let roster = history.roster.clone();
        history.roster.as_mut().unwrap().actors.extend(actors);
        let done = write(history, expected, batch, 0);
        history.roster = roster;
        done
    };
    store.history(cx, work).unwrap_or_else(|| Err(Error::invalid("not enrolled")))
}

/// Leaves the longest part of a refused batch that can be written.
async fn kept_in_part(
    store: &Broken,
    cx: &CallCx,
    expected: Expected,
    batch: &[NewRecord],
    kind: ErrorKind,
) -> Result<Appended> {
    let outcome = store.inner.append(cx, expected, batch).await;
    if outcome.as_ref().is_err_and(|e| e.kind() == kind) {
        for length in (1..batch.len()).rev() {
            if store.inner.append(cx, expected, &batch[..length]).await.is_ok() {
                break;
            }
        }
    }
    outcome
}

fn actors_of(batch: &[NewRecord]) -> Vec<Actor> {
    let ids: BTreeSet<_> = batch.iter().map(|record| record.actor.clone()).collect();
    let named = |id| Actor {
        id,
        display_name: "?".into(),
        organisation: "?".into(),
        role: "?".into(),
        permissions: Vec::new(),
    };
    ids.into_iter().map(named).collect()
}
