//! Reads and appends to a scenario on a caller's behalf, limited to the caller's tenant and
//! permissions. Every access from outside goes through here.

pub mod access;

use access::Access;
use flowcontrol_contract::auth::Principal;
use flowcontrol_contract::store::{Appended, Expected};
use flowcontrol_contract::{
    Actor, CallCx, Error, ErrorKind, Kind, NewRecord, Record, RecordId, Result, Roster,
    ScenarioStore,
};
use futures::StreamExt;

/// Most records that one page scans: a filter that matches few records must not read a whole
/// history in one call.
const SCANNED: u64 = 20_000;

/// The parameters of a page.
#[derive(Clone, Copy, Debug)]
pub struct PageQuery {
    /// Only records above this sequence number.
    pub after: u64,
    /// At most this many records.
    pub limit: usize,
    /// Only records of this kind.
    pub kind: Option<Kind>,
}

/// A page of a tenant's history.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// The tenant's last sequence number when it was read.
    pub head: u64,
    /// The records, in order.
    pub records: Vec<Record>,
    /// The `after` of the next page; `None` at the end.
    pub next: Option<u64>,
}

/// The caller's tenant with the actors that the caller may see.
///
/// # Errors
/// `NotFound` when the tenant is not enrolled, else the store's error.
pub async fn roster(
    access: &Access,
    store: &dyn ScenarioStore,
    cx: &CallCx,
    caller: &Principal,
) -> Result<Roster> {
    let missing = || Error::new(ErrorKind::NotFound, "the tenant is not enrolled");
    let mut roster = store.roster(cx).await?.ok_or_else(missing)?;
    roster.actors.retain(|actor: &Actor| access.knows(caller, actor));
    Ok(roster)
}

/// A page of the records that the caller may see.
///
/// # Errors
/// The store's error.
pub async fn page(
    access: &Access,
    store: &dyn ScenarioStore,
    cx: &CallCx,
    caller: &Principal,
    wanted: PageQuery,
) -> Result<Page> {
    let head = store.head(cx).await?;
    let mut page = Page { head, records: Vec::new(), next: None };
    if wanted.after >= head {
        return Ok(page);
    }
    let mut batches = store.read(cx, wanted.after).await?;
    while let Some(batch) = batches.next().await {
        // What was appended after the head was read belongs to a later page.
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

/// One record, or `None` when it does not exist or the caller may not see it.
///
/// # Errors
/// The store's error.
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

/// Why an append was refused.
#[derive(Debug)]
pub enum Refused {
    /// The head of the tenant's history is not the expected one but this.
    Moved(u64),
    /// Any other error.
    Other(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

/// Appends records in the caller's name; their actor must be the caller.
///
/// # Errors
/// `Moved` when `expected` is not the head and the batch was not stored before; otherwise `Denied`
/// for a kind that the caller may not write, or the store's error.
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
            let why = "the actor of a record must be the caller";
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
