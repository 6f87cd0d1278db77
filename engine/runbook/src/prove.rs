//! Proves that migrations are reversible: up, down and up again leave the same catalog.

use super::catalog::{self, Catalog, CatalogChange, diff};
use super::engine::{Connections, Engine};
use super::plan::Goal;
use super::source::{Source, Version};
use super::{Applied, Reverted, Site};
use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::Digest;

/// The result of migrating up, down and up again.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Proof {
    /// The catalog before anything ran.
    pub before: Digest,
    /// The catalog after the first up.
    pub up: Digest,
    /// The catalog after everything was reverted.
    pub down: Digest,
    /// The catalog after the second up.
    pub again: Digest,
    /// By migration, what its down file left behind or removed in excess.
    pub unreverted: Vec<Unreverted>,
    /// Differences between the catalogs of the second up and the first.
    pub differing: Vec<CatalogChange>,
    /// The migrations of the second up, which stay applied.
    pub applied: Vec<Applied>,
    /// The reverted migrations.
    pub reverted: Vec<Reverted>,
    /// The catalog that stays.
    #[serde(skip)]
    pub catalog: Catalog,
}

/// A down file that does not restore the catalog from before its up file.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Unreverted {
    /// The migration's number.
    pub version: Version,
    /// The differences between the catalog before its up file and the one after its down file.
    pub changes: Vec<CatalogChange>,
}

impl Proof {
    /// Whether down restores the catalog, and up again gives the same one.
    pub fn holds(&self) -> bool {
        self.before == self.down
            && self.up == self.again
            && self.unreverted.is_empty()
            && self.differing.is_empty()
    }
}

/// Applies everything, reverts it one by one, and applies it again, all under one lock; compares
/// the catalog of `schemas` at every stop. The database must hold none of the migrations, since
/// reverting destroys rows.
///
/// # Errors
/// A check failure when a migration is applied already, or as for `up` and `down`. A proof that does
/// not hold is not an error.
pub async fn prove(site: Site<'_>, source: &Source, schemas: &[&str]) -> Result<Proof> {
    prove_over(Connections::open(site).await?, site, source, schemas).await
}

/// [`prove`] over open connections.
///
/// # Errors
/// As [`prove`].
pub async fn prove_over(
    connections: Connections,
    site: Site<'_>,
    source: &Source,
    schemas: &[&str],
) -> Result<Proof> {
    let mut engine = Engine::start_over(site, connections).await?;
    let outcome = prove_with(&mut engine, site, source, schemas).await;
    engine.finish(outcome).await
}

async fn prove_with(
    engine: &mut Engine<'_>,
    site: Site<'_>,
    source: &Source,
    schemas: &[&str],
) -> Result<Proof> {
    let ledger = super::ledger::Ledger::new(&site.layout.ledger_schema);
    let rows = ledger.rows(engine.connection()).await?;
    if let Some(row) = rows.iter().find(|row| row.state.is_in_force()) {
        return Err(Failure::check(format!(
            "migration {}_{} is applied to {}; proving reversibility would revert it",
            row.version,
            row.name,
            site.endpoint.redacted()
        ))
        .hint("prove it in an empty database, such as that of a `local` or `container` target"));
    }
    // The catalog below each version, so that a failed reversal is reported by migration.
    let mut below: Vec<(Version, Catalog)> = Vec::new();
    let mut current = catalog::read(engine.connection(), schemas).await?;
    let before = current.fingerprint();
    for migration in &source.migrations {
        below.push((migration.version, current));
        engine.up(source, Goal::UpTo(migration.version)).await?;
        current = catalog::read(engine.connection(), schemas).await?;
    }
    let top = current;
    let mut down = top.fingerprint();
    let mut reverted = Vec::new();
    let mut unreverted = Vec::new();
    // What a later migration's down file left is not attributed to the earlier ones as well.
    let mut known: Vec<CatalogChange> = Vec::new();
    for (version, expected) in below.iter().rev() {
        let to = Version(version.0.saturating_sub(1));
        reverted.extend(engine.down(source, to).await?);
        let found = catalog::read(engine.connection(), schemas).await?;
        let all = diff(expected, &found);
        let changes: Vec<CatalogChange> =
            all.iter().filter(|change| !known.contains(change)).cloned().collect();
        if !changes.is_empty() {
            unreverted.push(Unreverted { version: *version, changes });
        }
        known = all;
        down = found.fingerprint();
    }
    let applied = engine.up(source, Goal::Latest).await?;
    let last = catalog::read(engine.connection(), schemas).await?;
    Ok(Proof {
        before,
        up: top.fingerprint(),
        down,
        again: last.fingerprint(),
        unreverted,
        differing: diff(&top, &last),
        applied,
        reverted,
        catalog: last,
    })
}
