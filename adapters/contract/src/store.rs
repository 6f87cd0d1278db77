//! `ScenarioStore.v1`: an append-only history for each tenant.

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

/// The schema of a frozen scenario: a file of JSON Lines.
pub const SNAPSHOT_SCHEMA: &str = "BFGScenarioSnapshot.v1";

/// What the caller believes of the tenant's history before an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Nothing: append after whatever is there.
    Any,
    /// The last record has this sequence number (0: none yet); anything else is a conflict.
    Head(u64),
}

/// What an append did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Sequence number of the batch's first record; 0 for an empty batch.
    pub first: u64,
    /// Sequence number of the batch's last record; 0 for an empty batch.
    pub last: u64,
    /// True when the very same batch was there already and nothing was written.
    pub replayed: bool,
}

/// A chunk of a snapshot on its way into a store.
#[derive(Clone, Copy, Debug)]
pub struct Chunk<'a> {
    /// SHA-256 of the snapshot it was cut from.
    pub snapshot: Digest,
    /// Records of the context's tenant with consecutive sequence numbers.
    pub records: &'a [Record],
}

/// How far a snapshot has been imported for a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The last sequence number that is durably there; 0 for none.
    pub last: u64,
    /// The snapshot it came from, as far as the store recorded it.
    pub snapshot: Option<Digest>,
}

/// Batches of records in ascending order; a batch is never empty.
pub type Batches = BoxStream<'static, Result<Vec<Record>>>;

/// A consistent copy of several tenants' histories as of one moment.
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

/// Whether a read-back can have missed rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Completeness {
    /// Every row of every tenant was visible, so an absent row is absent.
    Proved,
    /// Rows outside the listed tenants may exist unseen; says why.
    Unproved(String),
}

/// Rows of one table, counted for one tenant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TableCount {
    /// The table.
    pub table: String,
    /// The tenant as it stands in the row, which may be one that nobody listed.
    pub tenant: String,
    /// How many rows.
    pub rows: u64,
}

/// One row of a table as verification compares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The row's place in its table's order for the tenant, ascending.
    pub seq: u64,
    /// What names the row to a person: a record's id, an actor's id.
    pub name: String,
    /// Its content in canonical form; what did not parse is given as it stands.
    pub line: String,
}

/// Reads a whole store back in one consistent view, to be compared with what was written.
///
/// Tables: `tenants` (one row, [`Roster::tenant_line`]), `users` (rows are [`crate::Actor::line`],
/// in order of id), `records` (rows are [`Record::to_line`]), and for stores with projections each of
/// [`crate::projection::PROJECTIONS`].
#[async_trait]
pub trait ReadBack: Send {
    /// Whether it can have missed rows.
    fn completeness(&self) -> Completeness;

    /// The tables it reads, in order.
    fn tables(&self) -> Vec<&'static str>;

    /// Rows of each table and tenant, tenants that nobody listed included where they can be
    /// seen; ordered.
    async fn counts(&mut self) -> Result<Vec<TableCount>>;

    /// Up to a batch of rows of `table` for `tenant` whose `seq` is above `after`, ascending;
    /// empty at the end. For `tenants`, `seq` is 1; for `users`, it counts the actors from 1.
    async fn rows(&mut self, table: &str, tenant: &TenantId, after: u64) -> Result<Vec<Row>>;
}

/// An append-only, tenant-scoped store of scenario records.
///
/// Every call but [`ScenarioStore::export`] and [`ScenarioStore::read_back`] sees the
/// context's tenant alone; another tenant's record is `NotFound` or absent, never `Denied`.
///
/// While a freeze window of the tenant is in force, [`ScenarioStore::enroll`],
/// [`ScenarioStore::append`] and [`ScenarioStore::import`] answer `Frozen`; see [`Fence`].
#[async_trait]
pub trait ScenarioStore: Send + Sync + fmt::Debug {
    /// The adapter's name, mode and redacted endpoint.
    fn info(&self) -> AdapterInfo;

    /// The tenants that this store is configured to hold or has been given, ascending.
    async fn tenants(&self) -> Result<Vec<TenantId>>;

    /// Writes the tenant and its actors. Idempotent; actors may be added and changed, never
    /// removed, since records refer to them. `roster.tenant` must be the context's tenant.
    async fn enroll(&self, cx: &CallCx, roster: &Roster) -> Result<()>;

    /// The tenant and its actors; `None` when it was never enrolled.
    async fn roster(&self, cx: &CallCx) -> Result<Option<Roster>>;

    /// Appends a batch, all or nothing; it is durable when the call returns.
    ///
    /// Idempotent by record id: a batch that is there already, record for record, is `replayed`
    /// (whatever `expected` says). An id that names another content, or a batch that is there in
    /// part, is a `Conflict`; so is an `expected` head that is not the head. An actor or tenant
    /// that was not enrolled is `InvalidInput`, the call's own actor too.
    ///
    /// What is written is written together with its events in the audit trail, which are those of
    /// [`crate::audit::of_append`]; a batch that is refused or replayed leaves none.
    async fn append(
        &self,
        cx: &CallCx,
        expected: Expected,
        batch: &[NewRecord],
    ) -> Result<Appended>;

    /// One record, or `None`.
    async fn get(&self, cx: &CallCx, id: &RecordId) -> Result<Option<Record>>;

    /// The last sequence number of the tenant; 0 when it has no record.
    async fn head(&self, cx: &CallCx) -> Result<u64>;

    /// The tenant's records whose sequence number is above `after`, in order, in constant
    /// memory, as of the moment of the call.
    async fn read(&self, cx: &CallCx, after: u64) -> Result<Batches>;

    /// The audit events of the tenant's appends whose first record lies above `after`, in order, at
    /// most [`crate::audit::PAGE`] of them; [`AuditEvent::first`] of the last one goes on. Nothing
    /// changes an event or takes it away.
    async fn trail(&self, cx: &CallCx, after: u64) -> Result<Vec<AuditEvent>>;

    /// A copy of the given tenants' histories as of one moment, while writing may go on.
    /// A tenant that was never enrolled is `NotFound`.
    async fn export(&self, tenants: &[TenantId]) -> Result<Export>;

    /// Writes a chunk of a snapshot with the sequence numbers it has; durable on return.
    ///
    /// Idempotent: records that are there already are skipped when equal, a `Conflict` when
    /// not. A chunk that would leave a gap, or that comes from another snapshot than the
    /// tenant's earlier chunks, is a `Conflict`.
    async fn import(&self, cx: &CallCx, chunk: Chunk<'_>) -> Result<Imported>;

    /// Opens a consistent view of everything, for verification.
    async fn read_back(&self, tenants: &[TenantId]) -> Result<Box<dyn ReadBack>>;

    /// Freezes and thaws tenants.
    fn fence(&self) -> &dyn Fence;

    /// Imports by batches of kinds, where the store can be the target of a staged cutover.
    fn batches(&self) -> Option<&dyn BatchImport> {
        None
    }
}
