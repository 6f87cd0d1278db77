//! `ScenarioStore.v1`: stores an append-only history for each tenant.

use crate::adapter::AdapterInfo;
use crate::audit::AuditEvent;
use crate::batch::BatchImport;
use crate::call::CallCx;
use crate::digest::Digest;
use crate::error::Result;
use crate::fence::Fence;
use crate::id::{RecordId, TenantId};
use crate::record::{NewRecord, Record};
use crate::roster::Roster;
use async_trait::async_trait;
use futures::stream::BoxStream;
use std::fmt;

/// The contract's versioned name.
pub const CONTRACT: &str = "ScenarioStore.v1";

/// The schema of a snapshot file (JSON Lines).
pub const SNAPSHOT_SCHEMA: &str = "BFGScenarioSnapshot.v1";

/// The head that the caller of an append expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Any head.
    Any,
    /// The last record must have this sequence number (0: no record); anything else is a conflict.
    Head(u64),
}

/// The result of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Sequence number of the batch's first record; 0 for an empty batch.
    pub first: u64,
    /// Sequence number of the batch's last record; 0 for an empty batch.
    pub last: u64,
    /// True when the same batch was stored before and nothing was written.
    pub replayed: bool,
}

/// A chunk of a snapshot to import.
#[derive(Clone, Copy, Debug)]
pub struct Chunk<'a> {
    /// SHA-256 of the snapshot that it is from.
    pub snapshot: Digest,
    /// Records of the context's tenant with consecutive sequence numbers.
    pub records: &'a [Record],
}

/// The progress of importing a snapshot for a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The last sequence number that is durable; 0 for none.
    pub last: u64,
    /// The snapshot that it came from, if the store recorded it.
    pub snapshot: Option<Digest>,
}

/// Batches of records in ascending order; a batch is never empty.
pub type Batches = BoxStream<'static, Result<Vec<Record>>>;

/// A consistent copy of several tenants' histories at one moment.
pub struct Export {
    /// The tenants in ascending order of their id, each with its actors.
    pub rosters: Vec<Roster>,
    /// Every record, ordered by (tenant, sequence).
    pub batches: Batches,
}

impl fmt::Debug for Export {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Export").field("rosters", &self.rosters).finish_non_exhaustive()
    }
}

/// Whether a read-back may have missed rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Completeness {
    /// Every row of every tenant was visible, so a missing row does not exist.
    Proved,
    /// Rows of tenants that were not listed may be invisible; the text says why.
    Unproved(String),
}

/// The number of rows of a table for one tenant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TableCount {
    /// The table.
    pub table: String,
    /// The tenant as in the row; it may be one that was not listed.
    pub tenant: String,
    /// The number of rows.
    pub rows: u64,
}

/// A row of a table, as verification compares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The row's position in the order of its table for the tenant, ascending.
    pub seq: u64,
    /// What identifies the row for people: a record's id, an actor's id.
    pub name: String,
    /// Its content in canonical form; content that could not be parsed is given unchanged.
    pub line: String,
}

/// Reads a whole store back in one consistent view, to compare it with what was written.
///
/// Tables: `tenants` (one row, [`Roster::tenant_line`]), `users` (rows are [`crate::Actor::line`],
/// in order of id), `records` (rows are [`Record::to_line`]), and for stores with projections each of
/// [`crate::projection::PROJECTIONS`].
#[async_trait]
pub trait ReadBack: Send {
    /// Whether it may have missed rows.
    fn completeness(&self) -> Completeness;

    /// The tables, in order.
    fn tables(&self) -> Vec<&'static str>;

    /// The number of rows of each table and tenant, ordered, including tenants that were not listed
    /// where they are visible.
    async fn counts(&mut self) -> Result<Vec<TableCount>>;

    /// A batch of rows of `table` for `tenant` whose `seq` is above `after`, ascending; empty at
    /// the end. For `tenants`, `seq` is 1; for `users`, it counts the actors from 1.
    async fn rows(&mut self, table: &str, tenant: &TenantId, after: u64) -> Result<Vec<Row>>;
}

/// An append-only, tenant-scoped store of scenario records.
///
/// Every call except [`ScenarioStore::export`] and [`ScenarioStore::read_back`] is limited to the
/// context's tenant; another tenant's record is `NotFound` or absent, never `Denied`.
///
/// While a freeze window of the tenant is in force, [`ScenarioStore::enroll`],
/// [`ScenarioStore::append`] and [`ScenarioStore::import`] fail with `Frozen`; see [`Fence`].
#[async_trait]
pub trait ScenarioStore: Send + Sync + fmt::Debug {
    /// The adapter's name, mode and redacted endpoint.
    fn info(&self) -> AdapterInfo;

    /// The tenants that the store is configured for or that were enrolled, ascending.
    async fn tenants(&self) -> Result<Vec<TenantId>>;

    /// Writes the tenant and its actors. Idempotent; actors can be added and changed, never
    /// removed, since records refer to them. `roster.tenant` must be the context's tenant.
    async fn enroll(&self, cx: &CallCx, roster: &Roster) -> Result<()>;

    /// The tenant and its actors; `None` when it is not enrolled.
    async fn roster(&self, cx: &CallCx) -> Result<Option<Roster>>;

    /// Appends a batch, all or nothing; it is durable when the call returns.
    ///
    /// Idempotent by record id: a batch that is stored already, record for record, is `replayed`
    /// (whatever `expected` says). An id that exists with another content, or a batch that is
    /// stored in part, is a `Conflict`; so is an `expected` head that is not the head. An actor or
    /// tenant that is not enrolled is `InvalidInput`, also the call's own actor.
    ///
    /// The records are written together with their events in the audit trail, those of
    /// [`crate::audit::append_events`]; a batch that is refused or replayed writes none.
    async fn append(
        &self,
        cx: &CallCx,
        expected: Expected,
        batch: &[NewRecord],
    ) -> Result<Appended>;

    /// One record, or `None`.
    async fn get(&self, cx: &CallCx, id: &RecordId) -> Result<Option<Record>>;

    /// The sequence number of the tenant's last record; 0 when it has none.
    async fn head(&self, cx: &CallCx) -> Result<u64>;

    /// The tenant's records whose sequence number is above `after`, in order, in constant memory,
    /// as of the call.
    async fn read(&self, cx: &CallCx, after: u64) -> Result<Batches>;

    /// The audit events of the tenant's appends whose first record is above `after`, in order, at
    /// most [`crate::audit::PAGE`] of them; continue with [`AuditEvent::first`] of the last one.
    /// Events are never changed or removed.
    async fn trail(&self, cx: &CallCx, after: u64) -> Result<Vec<AuditEvent>>;

    /// A consistent copy of the given tenants' histories at one moment, while writing may continue.
    /// A tenant that is not enrolled is `NotFound`.
    async fn export(&self, tenants: &[TenantId]) -> Result<Export>;

    /// Writes a chunk of a snapshot with its sequence numbers; durable on return.
    ///
    /// Idempotent: records that are stored already are skipped when equal, and a `Conflict` when
    /// not. A chunk that would leave a gap, or that is from another snapshot than the tenant's
    /// earlier chunks, is a `Conflict`.
    async fn import(&self, cx: &CallCx, chunk: Chunk<'_>) -> Result<Imported>;

    /// Opens a consistent view of everything, for verification.
    async fn read_back(&self, tenants: &[TenantId]) -> Result<Box<dyn ReadBack>>;

    /// Freezes and thaws tenants.
    fn fence(&self) -> &dyn Fence;

    /// Imports by batches of kinds, where the store supports being the target of a staged cutover.
    fn batches(&self) -> Option<&dyn BatchImport> {
        None
    }
}
