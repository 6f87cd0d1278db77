//! One tenant's history and the rules for adding to it.

use flowcontrol_contract::error::{Error, Result};
use flowcontrol_contract::store::{Appended, Chunk, Expected};
use flowcontrol_contract::{
    ActorId, AuditEvent, Digest, NewRecord, Record, RecordId, Roster, TenantId,
};
use std::collections::{BTreeMap, BTreeSet};

/// A tenant's roster and records.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    pub(crate) roster: Option<Roster>,
    pub(crate) records: Vec<Record>,
    /// The snapshot of the chunks imported so far.
    pub(crate) snapshot: Option<Digest>,
    pub(crate) places: BTreeMap<RecordId, usize>,
    /// The audit trail of appends, in order.
    pub(crate) events: Vec<AuditEvent>,
}

/// The decision on an append.
pub(crate) enum Placing {
    /// Nothing to write.
    Nothing(Appended),
    /// These records go to the end.
    New(Vec<Record>),
}

impl History {
    pub(crate) fn new(roster: Roster) -> Self {
        Self { roster: Some(roster), ..Self::default() }
    }

    pub(crate) fn head(&self) -> u64 {
        self.records.last().map_or(0, |r| r.seq)
    }

    pub(crate) fn find(&self, id: &RecordId) -> Option<&Record> {
        self.places.get(id).and_then(|&place| self.records.get(place))
    }

    /// The records above `after`.
    pub(crate) fn after(&self, after: u64) -> &[Record] {
        let from = self.records.partition_point(|r| r.seq <= after);
        &self.records[from..]
    }

    pub(crate) fn push(&mut self, records: Vec<Record>) {
        for record in records {
            self.places.insert(record.id.clone(), self.records.len());
            self.records.push(record);
        }
    }

    /// The events of appends whose first record lies above `after`.
    pub(crate) fn trail(&self, after: u64) -> impl Iterator<Item = &AuditEvent> {
        self.events.iter().filter(move |event| event.first().is_some_and(|first| first > after))
    }

    /// Refuses a caller who is not enrolled.
    pub(crate) fn known(&self, caller: Option<&ActorId>) -> Result<()> {
        match caller {
            Some(who) if !self.roster.as_ref().is_some_and(|roster| roster.has(who)) => {
                Err(Error::invalid(format!("the caller {who} is not an actor of the tenant")))
            }
            _ => Ok(()),
        }
    }

    /// Enrolls a roster: actors are changed and added, never removed.
    pub(crate) fn enroll(&mut self, new: &Roster) -> Result<()> {
        let mut actors = new.actors.clone();
        let earlier = self.roster.iter().flat_map(|old| &old.actors);
        actors.extend(earlier.filter(|old| !new.has(&old.id)).cloned());
        self.roster = Some(Roster::new(new.tenant.clone(), new.name.clone(), actors)?);
        Ok(())
    }

    /// Decides on an append.
    pub(crate) fn place(&self, expected: Expected, batch: &[NewRecord]) -> Result<Placing> {
        if batch.is_empty() {
            return Ok(Placing::Nothing(Appended { first: 0, last: 0, replayed: false }));
        }
        if let Some(replayed) = self.replayed(batch)? {
            return Ok(Placing::Nothing(replayed));
        }
        let Some(roster) = &self.roster else {
            return Err(Error::invalid("the tenant is not enrolled"));
        };
        let mut ids = BTreeSet::new();
        for record in batch {
            if !ids.insert(&record.id) {
                return Err(Error::conflict(format!("the batch names {} twice", record.id)));
            }
            if !roster.has(&record.actor) {
                return Err(Error::invalid(format!(
                    "record {}: {} is not an actor of {}",
                    record.id, record.actor, roster.tenant
                )));
            }
        }
        let head = self.head();
        match expected {
            Expected::Head(believed) if believed != head => {
                Err(Error::conflict(format!("the head is {head}, not {believed}")))
            }
            _ => Ok(Placing::New(
                (head + 1..)
                    .zip(batch)
                    .map(|(seq, record)| record.clone().placed(roster.tenant.clone(), seq))
                    .collect(),
            )),
        }
    }

    /// The place of a batch that is already stored; `None` when none of it is.
    fn replayed(&self, batch: &[NewRecord]) -> Result<Option<Appended>> {
        let found: Vec<&Record> = batch.iter().filter_map(|r| self.find(&r.id)).collect();
        let (Some(first), Some(last)) = (found.first(), found.last()) else { return Ok(None) };
        if found.len() < batch.len() {
            return Err(Error::conflict(format!("only part of the batch is stored: {}", first.id)));
        }
        for ((old, new), seq) in found.iter().zip(batch).zip(first.seq..) {
            if !old.same_as(new) {
                return Err(Error::conflict(format!("{} names another record", new.id)));
            }
            if old.seq != seq {
                return Err(Error::conflict("the batch is stored in another order"));
            }
        }
        Ok(Some(Appended { first: first.seq, last: last.seq, replayed: true }))
    }

    /// The records of a chunk that are not stored yet, if all of it is valid.
    pub(crate) fn fits(&self, tenant: &TenantId, chunk: Chunk<'_>) -> Result<Vec<Record>> {
        let Some(first) = chunk.records.first() else { return Ok(Vec::new()) };
        if self.snapshot.is_some_and(|earlier| earlier != chunk.snapshot) {
            return Err(Error::conflict("the tenant's earlier chunks are of another snapshot"));
        }
        if first.seq > self.head() + 1 {
            return Err(Error::conflict(format!(
                "the chunk starts at {}, but the history ends at {}",
                first.seq,
                self.head()
            )));
        }
        let (mut fresh, mut ids) = (Vec::new(), BTreeSet::new());
        for (record, seq) in chunk.records.iter().zip(first.seq..) {
            if record.tenant != *tenant {
                return Err(Error::invalid(format!("{} is of another tenant", record.id)));
            }
            if record.seq != seq || seq == 0 {
                return Err(Error::conflict(format!("{} is out of sequence", record.id)));
            }
            if let Some(old) = self.after(seq - 1).first() {
                if old != record {
                    return Err(Error::conflict(format!("record {seq} differs")));
                }
                continue;
            }
            if self.find(&record.id).is_some() || !ids.insert(&record.id) {
                return Err(Error::conflict(format!(
                    "{} is already stored with another number",
                    record.id
                )));
            }
            if !self.roster.as_ref().is_some_and(|roster| roster.has(&record.actor)) {
                return Err(Error::invalid(format!("{} is not an actor", record.actor)));
            }
            fresh.push(record.clone());
        }
        Ok(fresh)
    }
}
