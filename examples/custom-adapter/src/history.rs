//! One tenant's history and the rules for adding to it; it does not access the file.

use crate::journal::JournalEntry;
use flowcontrol_contract::error::{Error, Result};
use flowcontrol_contract::store::{Appended, Chunk, Expected};
use flowcontrol_contract::{
    AuditEvent, CallCx, Digest, NewRecord, Record, RecordId, Roster, TenantId, audit,
};
use std::collections::{HashMap, HashSet};

/// The journal's content for one tenant. Record `n` is at index `n - 1`.
#[derive(Debug)]
pub(crate) struct History {
    pub(crate) roster: Roster,
    records: Vec<Record>,
    places: HashMap<RecordId, usize>,
    pub(crate) snapshot: Option<Digest>,
    events: Vec<AuditEvent>,
}

impl History {
    pub(crate) fn new(roster: Roster) -> Self {
        Self {
            roster,
            records: Vec::new(),
            places: HashMap::new(),
            snapshot: None,
            events: Vec::new(),
        }
    }

    pub(crate) fn head(&self) -> u64 {
        self.records.len() as u64
    }

    pub(crate) fn get(&self, id: &RecordId) -> Option<&Record> {
        self.records.get(*self.places.get(id)?)
    }

    /// At most `limit` records above `after` and up to `last`.
    pub(crate) fn slice(&self, after: u64, last: u64, limit: usize) -> &[Record] {
        let place = |seq: u64| usize::try_from(seq).unwrap_or(usize::MAX).min(self.records.len());
        let (from, to) = (place(after), place(last));
        &self.records[from..to.clamp(from, from.saturating_add(limit))]
    }

    /// The events of appends whose first record is above `after`, at most a page.
    pub(crate) fn trail(&self, after: u64) -> Vec<AuditEvent> {
        let later = |event: &&AuditEvent| event.first().is_some_and(|first| first > after);
        self.events.iter().filter(later).take(audit::PAGE).cloned().collect()
    }

    /// Adds an entry read from the journal.
    pub(crate) fn apply(&mut self, entry: JournalEntry) -> Result<()> {
        self.roster = entry.roster.unwrap_or_else(|| self.roster.clone());
        self.snapshot = entry.snapshot.or(self.snapshot);
        self.events.extend(entry.events);
        for record in entry.records {
            if record.tenant != self.roster.tenant || record.seq != self.head() + 1 {
                return Err(Error::invalid(format!("record {} is out of sequence", record.id)));
            }
            self.places.insert(record.id.clone(), self.records.len());
            self.records.push(record);
        }
        Ok(())
    }

    /// The roster with the changes and additions of `new`; no actor is removed.
    pub(crate) fn merged(&self, new: &Roster) -> Result<Roster> {
        let staying = self.roster.actors.iter().filter(|actor| !new.has(&actor.id));
        let actors = new.actors.iter().chain(staying).cloned().collect();
        Roster::new(new.tenant.clone(), new.name.clone(), actors)
    }

    /// The result of an append, and what to write.
    pub(crate) fn append(
        &self,
        cx: &CallCx,
        expected: Expected,
        batch: &[NewRecord],
    ) -> Result<(Appended, JournalEntry)> {
        let Some(start) = batch.first() else {
            return Ok((Appended { first: 0, last: 0, replayed: false }, JournalEntry::default()));
        };
        if let Some(old) = self.get(&start.id) {
            let (first, last) = (old.seq, old.seq + batch.len() as u64 - 1);
            let there = self.slice(first - 1, last, batch.len());
            if there.len() < batch.len() || !there.iter().zip(batch).all(|(o, n)| o.same_as(n)) {
                return Err(Error::conflict(format!(
                    "record {} is already stored, but not followed by the same records",
                    start.id
                )));
            }
            return Ok((Appended { first, last, replayed: true }, JournalEntry::default()));
        }
        let head = self.head();
        if let Expected::Head(believed) = expected
            && believed != head
        {
            return Err(Error::conflict(format!("the last record is {head}, not {believed}")));
        }
        let tenant = &self.roster.tenant;
        let records: Vec<Record> =
            (head + 1..).zip(batch).map(|(seq, r)| r.clone().placed(tenant.clone(), seq)).collect();
        self.check_new(&records)?;
        if let Some(caller) = cx.actor.as_ref().filter(|actor| !self.roster.has(actor)) {
            return Err(Error::invalid(format!("tenant {tenant} has no actor {caller}"))
                .hint("enroll the caller first"));
        }
        let events = audit::append_events(cx, head + 1, batch)?;
        Ok((
            Appended { first: head + 1, last: head + records.len() as u64, replayed: false },
            JournalEntry { records, events, ..JournalEntry::default() },
        ))
    }

    /// The records of a chunk that are not stored yet.
    pub(crate) fn import(&self, tenant: &TenantId, chunk: Chunk<'_>) -> Result<Vec<Record>> {
        let Some(start) = chunk.records.first() else { return Ok(Vec::new()) };
        if self.snapshot.is_some_and(|earlier| earlier != chunk.snapshot) {
            return Err(Error::conflict("another snapshot was imported before"));
        }
        if !(1..=self.head() + 1).contains(&start.seq) {
            return Err(Error::conflict(format!(
                "the chunk starts at {}, and the history ends at {}",
                start.seq,
                self.head()
            )));
        }
        let mut missing = Vec::new();
        for (record, seq) in chunk.records.iter().zip(start.seq..) {
            if record.tenant != *tenant {
                return Err(Error::invalid(format!(
                    "the chunk of tenant {tenant} holds a record of another tenant"
                )));
            }
            if record.seq != seq {
                return Err(Error::invalid(format!("the chunk has no record {seq}")));
            }
            match self.slice(seq - 1, seq, 1).first() {
                Some(old) if old != record => {
                    return Err(Error::conflict(format!(
                        "record {seq} is already stored with another content"
                    )));
                }
                Some(_) => {}
                None => missing.push(record.clone()),
            }
        }
        self.check_new(&missing)?;
        Ok(missing)
    }

    /// Refuses new records whose id is taken or whose actor is unknown.
    fn check_new(&self, records: &[Record]) -> Result<()> {
        let mut ids = HashSet::new();
        for record in records {
            if self.places.contains_key(&record.id) || !ids.insert(&record.id) {
                return Err(Error::conflict(format!("the id {} is taken", record.id)));
            }
            if !self.roster.has(&record.actor) {
                return Err(Error::invalid(format!(
                    "record {}: tenant {} has no actor {}",
                    record.id, self.roster.tenant, record.actor
                ))
                .hint("enroll the actor first"));
            }
        }
        Ok(())
    }
}
