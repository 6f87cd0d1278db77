//! Reads and extends a scenario on a caller's behalf: their tenant, what they may see, what they may
//! write. Whoever calls from outside comes through here.

pub mod access;

use access::Access;
use flowcontrol_contract::auth::Principal;
use flowcontrol_contract::store::{Appended, Expected};
use flowcontrol_contract::{
    Actor, CallCx, Error, ErrorKind, Kind, NewRecord, Record, RecordId, Result, Roster,
    ScenarioStore,
};
use futures::StreamExt;

/// Records that one page passes over at most: a filter that few records fit must not read a whole
/// history in one call.
const SCANNED: u64 = 20_000;

/// What a page is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Only records above this sequence number.
    pub after: u64,
    /// So many of them at most.
    pub limit: usize,
    /// Of this kind alone.
    pub kind: Option<Kind>,
}

/// A part of a tenant's history.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// The tenant's last sequence number when it was read.
    pub head: u64,
    /// The records, in order.
    pub records: Vec<Record>,
    /// Where the next page goes on; `None` at the end.
    pub next: Option<u64>,
}

/// The caller's tenant with the actors that they may know.
///
/// # Errors
/// `NotFound` when the tenant was never enrolled; what the store says.
pub async fn roster(
    access: &Access,
    store: &dyn ScenarioStore,
    cx: &CallCx,
    caller: &Principal,
) -> Result<Roster> {
    let missing = || Error::new(ErrorKind::NotFound, "the tenant was never enrolled");
    let mut roster = store.roster(cx).await?.ok_or_else(missing)?;
    roster.actors.retain(|actor: &Actor| access.knows(caller, actor));
    Ok(roster)
}

/// A page of what the caller may see.
///
/// # Errors
/// What the store says.
pub async fn page(
    access: &Access,
    store: &dyn ScenarioStore,
    cx: &CallCx,
    caller: &Principal,
    wanted: Wanted,
) -> Result<Page> {
    let head = store.head(cx).await?;
    let mut page = Page { head, records: Vec::new(), next: None };
    if wanted.after >= head {
        return Ok(page);
    }
    let mut batches = store.read(cx, wanted.after).await?;
    while let Some(batch) = batches.next().await {
        // What was appended since the head was read belongs to a later page.
        for record in batch?.into_iter().take_while(|record| record.seq <= head) {
            let seq = record.seq;
            let fits = wanted.kind.is_none_or(|kind| kind == record.kind);
            if fits && access.sees(caller, record.kind, &record.actor) {
                page.records.push(record);
            }
            let full = page.records.len() >= wanted.limit;
            if (full || seq - wanted.after >= SCANNED) && seq < head {
                page.next = Some(seq);
                return Ok(page);
            }
        }
    }
    Ok(page)
}

/// One record, if the caller may see it; that it is there and another's is not told.
///
/// # Errors
/// What the store says.
pub async fn get(
    access: &Access,
    store: &dyn ScenarioStore,
    cx: &CallCx,
    caller: &Principal,
    id: &RecordId,
) -> Result<Option<Record>> {
    let found = store.get(cx, id).await?;
    Ok(found.filter(|record| access.sees(caller, record.kind, &record.actor)))
}

/// What an append came to, when it did not come to an end.
#[derive(Debug)]
pub enum Refused {
    /// The tenant's history ends elsewhere than the caller believed: with this record.
    Moved(u64),
    /// Anything else.
    Other(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

/// Appends records as the caller, who must be the one they are by.
///
/// # Errors
/// `Moved` when `expected` is not the head and the batch is not there already; otherwise `Denied`
/// for a kind that is not the caller's to write, or what the store says.
pub async fn append(
    access: &Access,
    store: &dyn ScenarioStore,
    cx: &CallCx,
    caller: &Principal,
    expected: Expected,
    batch: &[NewRecord],
) -> Result<Appended, Refused> {
    for record in batch {
        access.writes(caller, record.kind)?;
        if record.actor != caller.actor {
            let why = "a record is by whoever writes it";
            return Err(Error::new(ErrorKind::Denied, why).into());
        }
    }
    match (store.append(cx, expected, batch).await, expected) {
        (Ok(done), _) => Ok(done),
        (Err(error), Expected::Head(believed)) if error.kind() == ErrorKind::Conflict => {
            match store.head(cx).await? {
                head if head != believed => Err(Refused::Moved(head)),
                _ => Err(error.into()),
            }
        }
        (Err(error), _) => Err(error.into()),
    }
}
