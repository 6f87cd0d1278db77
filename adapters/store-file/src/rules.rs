//! Rules of appending and importing: decisions on data alone.

use flowcontrol_contract::store::{Chunk, Expected};
use flowcontrol_contract::{
    ActorId, Digest, Error, NewRecord, Record, RecordId, Result, Roster, TenantId, projection,
};
use std::collections::HashSet;

/// A stored record with an id of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StoredRecord {
    /// Its sequence number.
    pub(crate) seq: u64,
    /// Whether its content equals the batch's record.
    pub(crate) same: bool,
}

/// What to do with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Write it; its first record gets this number.
    Append(u64),
    /// It is stored already, from this number on.
    Replayed(u64),
}

/// Refuses a caller who is not an actor of the tenant.
pub(crate) fn check_caller(roster: &Roster, caller: Option<&ActorId>) -> Result<()> {
    match caller {
        Some(who) if !roster.has(who) => {
            Err(Error::invalid(format!("actor {who} is not enrolled in tenant {}", roster.tenant))
                .hint("enroll the caller first"))
        }
        _ => Ok(()),
    }
}

fn enrolled<'a>(roster: &Roster, mut actors: impl Iterator<Item = &'a ActorId>) -> Result<()> {
    let known: HashSet<_> = roster.actors.iter().map(|a| &a.id).collect();
    match actors.find(|actor| !known.contains(actor)) {
        None => Ok(()),
        Some(actor) => Err(Error::invalid(format!(
            "actor {actor} is not enrolled in tenant {}",
            roster.tenant
        ))
        .hint("enroll the actor first, or correct the record's actor")),
    }
}

fn distinct<'a>(ids: impl Iterator<Item = &'a RecordId>) -> Result<(), RecordId> {
    let mut seen = HashSet::new();
    for id in ids {
        if !seen.insert(id) {
            return Err(id.clone());
        }
    }
    Ok(())
}

/// Checks a batch without looking at stored records.
///
/// # Errors
/// `InvalidInput` for an unknown actor, an id that occurs twice, or a payload without its fields.
pub(crate) fn check_batch(roster: &Roster, batch: &[NewRecord]) -> Result<()> {
    enrolled(roster, batch.iter().map(|r| &r.actor))?;
    distinct(batch.iter().map(|r| &r.id))
        .map_err(|id| Error::invalid(format!("record {id} occurs twice in one batch")))?;
    // A line that could not be parsed again must not be acknowledged.
    batch.iter().try_for_each(|r| projection::check(r.kind, &r.payload))
}

/// Decides on a batch; `standing` holds what is stored under each record's id.
///
/// # Errors
/// `Conflict` as documented for the contract's `append`.
pub(crate) fn decide_append(
    expected: Expected,
    head: u64,
    batch: &[NewRecord],
    standing: &[Option<StoredRecord>],
) -> Result<Decision> {
    let stored = || batch.iter().zip(standing).filter_map(|(r, s)| s.map(|s| (&r.id, s)));
    if let Some((id, other)) = stored().find(|(_, s)| !s.same) {
        return Err(Error::conflict(format!(
            "record {id} is already stored with another content, as number {}",
            other.seq
        ))
        .hint("give the new record another id; stored records never change"));
    }
    if let Some((id, one)) = stored().next() {
        let first = standing[0].map_or(0, |s| s.seq);
        let whole = standing
            .iter()
            .zip(first..)
            .all(|(s, seq)| first > 0 && s.is_some_and(|s| s.seq == seq));
        return if whole {
            Ok(Decision::Replayed(first))
        } else {
            Err(Error::conflict(format!(
                "the batch is stored in part or in another order: record {id} is number {}",
                one.seq
            ))
            .hint("repeat the batch unchanged, or send only the new records"))
        };
    }
    match expected {
        Expected::Head(wanted) if wanted != head => Err(Error::conflict(format!(
            "the last record is number {head}, not {wanted} as expected: another writer was \
                                 first"
        ))
        .hint("read the new records, then try again")),
        _ => Ok(Decision::Append(head + 1)),
    }
}

/// Checks a chunk and returns how many of its records are at or before `head`.
///
/// # Errors
/// `InvalidInput` for another tenant's record, an unknown actor or an impossible number;
/// `Conflict` for a gap, another snapshot or an id that occurs twice.
pub(crate) fn check_chunk(
    roster: &Roster,
    head: u64,
    imported: Option<Digest>,
    chunk: &Chunk<'_>,
) -> Result<usize> {
    let tenant = &roster.tenant;
    if let Some(earlier) = imported.filter(|earlier| *earlier != chunk.snapshot) {
        return Err(Error::conflict(format!(
            "tenant {tenant} was imported from snapshot {}, and this chunk is from {}",
            earlier.short(),
            chunk.snapshot.short()
        ))
        .hint("import the other snapshot into a store of its own"));
    }
    let Some(first) = chunk.records.first() else { return Ok(0) };
    owned(tenant, chunk.records)?;
    enrolled(roster, chunk.records.iter().map(|r| &r.actor))?;
    for pair in chunk.records.windows(2) {
        let (one, two) = (pair[0].seq, pair[1].seq);
        if two <= one {
            return Err(Error::invalid(format!("record number {two} follows number {one}")));
        }
        if two != one + 1 {
            return Err(gap(one, two));
        }
    }
    if first.seq > head + 1 {
        return Err(gap(head, first.seq));
    }
    distinct(chunk.records.iter().map(|r| &r.id))
        .map_err(|id| Error::conflict(format!("record {id} occurs twice in one chunk")))?;
    let there = usize::try_from(head + 1 - first.seq).unwrap_or(usize::MAX);
    Ok(there.min(chunk.records.len()))
}

fn owned(tenant: &TenantId, records: &[Record]) -> Result<()> {
    for record in records {
        if record.tenant != *tenant {
            return Err(Error::invalid(format!(
                "record {} belongs to tenant {}, but the chunk to {tenant}",
                record.id, record.tenant
            )));
        }
        if record.seq == 0 {
            return Err(Error::invalid(format!("record {} has number 0", record.id)));
        }
        projection::check(record.kind, &record.payload)?;
    }
    Ok(())
}

fn gap(one: u64, two: u64) -> Error {
    Error::conflict(format!("record number {two} follows {one}: the chunk would leave a gap"))
        .hint("import the chunks of a snapshot in order")
}

/// The error for a record of a chunk whose number or id is taken.
pub(crate) fn taken(record: &Record, by: u64) -> Error {
    let what = if by == record.seq { "with another content" } else { "elsewhere" };
    Error::conflict(format!(
        "record {} of the chunk, number {}, is stored {what}: see number {by}",
        record.id, record.seq
    ))
    .hint("import into an empty store, or compare the two with `snapshot diff`")
}

#[cfg(test)]
mod tests {
    use super::{Decision, StoredRecord, decide_append};
    use flowcontrol_contract::store::Expected;
    use flowcontrol_contract::{ErrorKind, NewRecord};

    fn records(count: usize) -> Vec<NewRecord> {
        (0..count)
            .map(|i| {
                NewRecord::from_json(&format!(
                    r#"{{"id":"r{i}","kind":"risk","actor":"a",
                        "occurred_at":"2026-03-01T06:30:00Z","payload":{{}}}}"#
                ))
                .unwrap()
            })
            .collect()
    }

    #[test]
    fn a_batch_is_appended_replayed_or_refused() {
        let here = |seq| Some(StoredRecord { seq, same: true });
        let other = |seq| Some(StoredRecord { seq, same: false });
        let (any, head) = (Expected::Any, Expected::Head);
        let conflict = Err(ErrorKind::Conflict);
        for (expected, standing, want) in [
            (any, [None, None], Ok(Decision::Append(8))),
            (head(7), [None, None], Ok(Decision::Append(8))),
            (head(6), [None, None], conflict),
            (head(8), [None, None], conflict),
            (head(0), [here(3), here(4)], Ok(Decision::Replayed(3))),
            (any, [here(4), here(3)], conflict),
            (any, [here(3), here(5)], conflict),
            (any, [here(3), None], conflict),
            (any, [None, here(7)], conflict),
            (any, [here(3), other(4)], conflict),
        ] {
            let got = decide_append(expected, 7, &records(2), &standing).map_err(|e| e.kind());
            assert_eq!(got, want, "{expected:?} {standing:?}");
        }
    }
}
