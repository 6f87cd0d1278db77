//! Compares the content of a store with the snapshot it was filled from, row by row.

use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::projection;
use flowcontrol_contract::store::{Completeness, ReadBack, Row, TableCount};
use flowcontrol_contract::{Digest, Hasher, Kind, Record, Roster, TenantId};
use flowcontrol_snapshot::{Chunks, Reader};
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::path::Path;

/// The most mismatches that are named; all are counted.
const NAMED: usize = 100;
/// The most records of the snapshot that are held in memory.
const CHUNK: usize = 2_000;
const CHUNK_BYTES: usize = 4 * 1024 * 1024;

/// Rows of one table, as read back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TableDigest {
    /// The table.
    pub name: String,
    /// The number of its rows.
    pub rows: u64,
    /// SHA-256 over the rows' lines in order of (tenant, sequence), a line break after each.
    pub sha256: Digest,
}

/// One row that differs from the snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    /// The table.
    pub table: String,
    /// The tenant.
    pub tenant: String,
    /// The row: its sequence number and its record's or actor's id, or `*` for the whole table.
    pub row: String,
    /// `missing`, `extra`, `changed` or another description; never the row's content.
    pub what: String,
}

/// The result of comparing a store with a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StoreVerification {
    /// Tables in order.
    pub tables: Vec<TableDigest>,
    /// The tables by tenant.
    pub tenants: BTreeMap<TenantId, Vec<TableDigest>>,
    /// The first mismatches.
    pub mismatches: Vec<Mismatch>,
    /// The number of all mismatches.
    pub mismatch_count: u64,
    /// Why extra rows may be unnoticed; `None` when every row was visible.
    pub unproved: Option<String>,
}

impl StoreVerification {
    /// Whether every row equals the snapshot.
    pub fn matched(&self) -> bool {
        self.mismatch_count == 0
    }
}

#[derive(Default)]
struct Findings {
    named: Vec<Mismatch>,
    count: u64,
}

impl Findings {
    fn add(&mut self, table: &str, tenant: &str, row: String, what: &str) {
        self.count += 1;
        if self.named.len() < NAMED {
            self.named.push(Mismatch {
                table: table.to_owned(),
                tenant: tenant.to_owned(),
                row,
                what: what.to_owned(),
            });
        }
    }
}

#[derive(Clone, Default)]
struct Running {
    rows: u64,
    hasher: Hasher,
}

impl Running {
    fn add(&mut self, line: &str) {
        self.rows += 1;
        self.hasher.update(line);
        self.hasher.update("\n");
    }

    fn digest(&self, name: &str) -> TableDigest {
        TableDigest { name: name.to_owned(), rows: self.rows, sha256: self.hasher.current() }
    }
}

/// One table of one tenant, read batch by batch beside the snapshot.
struct Cursor {
    table: &'static str,
    tenant: TenantId,
    waiting: VecDeque<Row>,
    after: u64,
    ended: bool,
    here: Running,
}

impl Cursor {
    fn new(table: &'static str, tenant: &TenantId) -> Self {
        Self {
            table,
            tenant: tenant.clone(),
            waiting: VecDeque::new(),
            after: 0,
            ended: false,
            here: Running::default(),
        }
    }

    async fn peek(&mut self, back: &mut dyn ReadBack) -> Result<Option<&Row>> {
        if self.waiting.is_empty() && !self.ended {
            let rows = back.rows(self.table, &self.tenant, self.after).await?;
            match rows.last() {
                // A reader that does not advance would return the same rows for ever.
                Some(last) if last.seq <= self.after => {
                    return Err(Failure::check(format!(
                        "{} of tenant {}: rows were read out of order after {}",
                        self.table, self.tenant, self.after
                    )));
                }
                Some(last) => self.after = last.seq,
                None => self.ended = true,
            }
            self.waiting = rows.into();
        }
        Ok(self.waiting.front())
    }

    fn take(&mut self, whole: &mut Running) -> Option<Row> {
        let row = self.waiting.pop_front()?;
        self.here.add(&row.line);
        whole.add(&row.line);
        Some(row)
    }

    /// Compares the next expected row; `None` expects the end.
    async fn expect(
        &mut self,
        expected: Option<(u64, &str, &str)>,
        back: &mut dyn ReadBack,
        whole: &mut Running,
        findings: &mut Findings,
    ) -> Result<()> {
        loop {
            let found = self.peek(back).await?.map(|row| row.seq);
            let tenant = self.tenant.clone();
            match (found, expected) {
                (Some(seq), Some((wanted, name, line))) if seq == wanted => {
                    let row = self.take(whole);
                    if row.is_some_and(|row| row.line != line) {
                        findings.add(
                            self.table,
                            tenant.as_str(),
                            format!("{seq} {name}"),
                            "changed",
                        );
                    }
                    return Ok(());
                }
                (Some(seq), other) if other.is_none_or(|(wanted, _, _)| seq < wanted) => {
                    let name = self.take(whole).map(|row| row.name).unwrap_or_default();
                    findings.add(self.table, tenant.as_str(), format!("{seq} {name}"), "extra");
                }
                (_, Some((wanted, name, _))) => {
                    findings.add(
                        self.table,
                        tenant.as_str(),
                        format!("{wanted} {name}"),
                        "missing",
                    );
                    return Ok(());
                }
                (_, None) => return Ok(()),
            }
        }
    }
}

/// Reads everything back through `back` and compares it with the snapshot at `path`, whose digest
/// is `snapshot`. `on_rows` is called with the number of compared records.
///
/// # Errors
/// When the snapshot or the store cannot be read; a mismatch is a finding, not an error.
pub async fn verify(
    path: &Path,
    snapshot: Digest,
    back: &mut dyn ReadBack,
    on_rows: impl FnMut(u64),
) -> Result<StoreVerification> {
    verify_kinds(path, snapshot, back, &Kind::ALL, on_rows).await
}

/// [`verify`] for a store that holds the actors, and only the snapshot's records of
/// `kinds`: every other row is extra.
///
/// # Errors
/// As [`verify`].
pub async fn verify_kinds(
    path: &Path,
    snapshot: Digest,
    back: &mut dyn ReadBack,
    kinds: &[Kind],
    mut on_rows: impl FnMut(u64),
) -> Result<StoreVerification> {
    let header = Reader::open(path)?.header().clone();
    let tables = back.tables();
    let mut findings = Findings::default();
    for count in back.counts().await? {
        if !header.tenants.iter().any(|r| r.tenant.as_str() == count.tenant) {
            unlisted(&count, back, &mut findings).await?;
        }
    }
    let mut whole: BTreeMap<&'static str, Running> =
        tables.iter().map(|t| (*t, Running::default())).collect();
    let mut tenants = BTreeMap::new();
    let mut chunks = Chunks::start(path.to_owned(), snapshot, CHUNK, CHUNK_BYTES, Vec::new());
    let mut chunk = chunks.next().await.transpose()?;
    for roster in &header.tenants {
        let mut cursors: Vec<Cursor> =
            tables.iter().map(|table| Cursor::new(table, &roster.tenant)).collect();
        expect_tenant(roster, &mut cursors, back, &mut whole, &mut findings).await?;
        expect_actors(roster, &mut cursors, back, &mut whole, &mut findings).await?;
        while chunk.as_ref().is_some_and(|c| c.first().is_some_and(|r| r.tenant == roster.tenant)) {
            let records = chunk.take().unwrap_or_default();
            for record in records.iter().filter(|r| kinds.contains(&r.kind)) {
                expect_record(record, &mut cursors, back, &mut whole, &mut findings).await?;
            }
            on_rows(records.len() as u64);
            chunk = chunks.next().await.transpose()?;
        }
        for cursor in &mut cursors {
            let running = whole.entry(cursor.table).or_default();
            cursor.expect(None, back, running, &mut findings).await?;
        }
        tenants.insert(
            roster.tenant.clone(),
            cursors.iter().map(|cursor| cursor.here.digest(cursor.table)).collect(),
        );
    }
    Ok(StoreVerification {
        tables: tables
            .iter()
            .map(|table| whole.get(table).cloned().unwrap_or_default().digest(table))
            .collect(),
        tenants,
        mismatches: findings.named,
        mismatch_count: findings.count,
        unproved: match back.completeness() {
            Completeness::Proved => None,
            Completeness::Unproved(why) => Some(why),
        },
    })
}

/// Names rows of a tenant that the snapshot does not have; all of them are counted.
async fn unlisted(
    count: &TableCount,
    back: &mut dyn ReadBack,
    findings: &mut Findings,
) -> Result<()> {
    const WHAT: &str = "extra: the snapshot does not have this tenant";
    let mut left = count.rows;
    // Rows of a tenant id that the contract refuses cannot be read, but are counted.
    let rows = match TenantId::new(count.tenant.as_str()) {
        Ok(tenant) if back.tables().contains(&count.table.as_str()) => {
            back.rows(&count.table, &tenant, 0).await?
        }
        _ => Vec::new(),
    };
    for row in rows.iter().take(NAMED) {
        let name = format!("{} {}", row.seq, row.name);
        findings.add(&count.table, &count.tenant, name, WHAT);
        left = left.saturating_sub(1);
    }
    if left > 0 {
        findings.add(&count.table, &count.tenant, format!("* ({left} rows)"), WHAT);
        findings.count += left - 1;
    }
    Ok(())
}

async fn expect_tenant(
    roster: &Roster,
    cursors: &mut [Cursor],
    back: &mut dyn ReadBack,
    whole: &mut BTreeMap<&'static str, Running>,
    findings: &mut Findings,
) -> Result<()> {
    let Some(cursor) = cursors.iter_mut().find(|c| c.table == "tenants") else { return Ok(()) };
    let running = whole.entry(cursor.table).or_default();
    let tenant = roster.tenant.as_str();
    let line = Roster::tenant_line(&roster.tenant, &roster.name);
    cursor.expect(Some((1, tenant, &line)), back, running, findings).await
}

async fn expect_actors(
    roster: &Roster,
    cursors: &mut [Cursor],
    back: &mut dyn ReadBack,
    whole: &mut BTreeMap<&'static str, Running>,
    findings: &mut Findings,
) -> Result<()> {
    let Some(cursor) = cursors.iter_mut().find(|c| c.table == "users") else { return Ok(()) };
    let running = whole.entry(cursor.table).or_default();
    for (seq, actor) in (1..).zip(&roster.actors) {
        let line = actor.line();
        cursor.expect(Some((seq, actor.id.as_str(), &line)), back, running, findings).await?;
    }
    Ok(())
}

async fn expect_record(
    record: &Record,
    cursors: &mut [Cursor],
    back: &mut dyn ReadBack,
    whole: &mut BTreeMap<&'static str, Running>,
    findings: &mut Findings,
) -> Result<()> {
    let projection = projection::for_kind(record.kind);
    for cursor in cursors {
        let line = match cursor.table {
            "records" => record.to_line(),
            table => match projection.filter(|p| p.table == table) {
                Some(projection) => projection.line(record)?,
                None => continue,
            },
        };
        let running = whole.entry(cursor.table).or_default();
        cursor
            .expect(Some((record.seq, record.id.as_str(), &line)), back, running, findings)
            .await?;
    }
    Ok(())
}
