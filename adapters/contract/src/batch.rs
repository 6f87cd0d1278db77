//! Imports a snapshot by batches of kinds, as a staged cutover does: for each tenant first the
//! operations, then finance, then audit; and copies the evidence chain.
//!
//! # While batches are missing
//! A tenant with missing batches has no usable history yet: its sequence has gaps, so reading,
//! exporting and importing by chunk report damage, and an append would take a number after records
//! that are still missing. A store cannot tell such a gap from one that a later batch fills. A
//! cutover therefore freezes the target's tenants first ([`Fence::raise`]), passes the window in
//! every call ([`CallCx::window`]), and lifts it after the last batch was verified. An import by
//! batch whose window has ended meanwhile is a `Conflict`, so that no application could write
//! unnoticed. If an application wrote nevertheless, its record has the number of one to be
//! imported, which is a `Conflict` that names it; nothing is ever overwritten.
//!
//! [`Fence::raise`]: crate::fence::Fence::raise

use crate::audit::AuditEvent;
use crate::call::CallCx;
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::id::TenantId;
use crate::record::Record;
use crate::store::Imported;
use async_trait::async_trait;

/// Longest name of a batch, in characters.
pub const MAX_BATCH_NAME: usize = 64;

/// Some records of one batch.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// SHA-256 of the snapshot they are from.
    pub snapshot: Digest,
    /// The batch they belong to, for example `finance`: 1 to 64 of `a-z`, `0-9` and `-`.
    pub batch: &'a str,
    /// Records of the context's tenant in ascending order; sequence numbers may be missing in
    /// between.
    pub records: &'a [Record],
}

impl Part<'_> {
    /// Checks the rules that need no store.
    ///
    /// # Errors
    /// `InvalidInput` for an invalid name, a record of another tenant, or records that are not in
    /// ascending order from 1.
    pub fn check(&self, tenant: &TenantId) -> Result<()> {
        check_name(self.batch)?;
        let mut before = 0;
        for record in self.records {
            if record.tenant != *tenant {
                return Err(Error::invalid(format!(
                    "record {} belongs to tenant {}, not to {tenant}",
                    record.id, record.tenant
                )));
            }
            if record.seq <= before {
                return Err(Error::invalid(format!(
                    "the part's records do not ascend from 1: {} comes after {before}",
                    record.seq
                )));
            }
            before = record.seq;
        }
        Ok(())
    }
}

/// Checks the name of a batch.
///
/// # Errors
/// `InvalidInput` that states the rule.
pub fn check_name(batch: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if (1..=MAX_BATCH_NAME).contains(&batch.chars().count()) && batch.chars().all(plain) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "the name of a batch must be 1 to {MAX_BATCH_NAME} of a-z, 0-9 and -, not {batch:?}"
    )))
}

/// Fills a store batch by batch. After the last batch, the store is the same as one that
/// [`ScenarioStore::import`] filled.
///
/// Each call is one transaction of the context's tenant, and is refused while a freeze window is in
/// force other than the call's own.
///
/// [`ScenarioStore::import`]: crate::store::ScenarioStore::import
#[async_trait]
pub trait BatchImport: Send + Sync {
    /// Writes a part with its sequence numbers, its projections and its line in the ledger; durable
    /// on return. Returns the last number of the batch that is stored.
    ///
    /// Idempotent: records that are stored already are skipped when equal, and a `Conflict` when
    /// not. A `Conflict` is also a tenant of another snapshot, a record behind the end of the batch
    /// that is not stored, and a call whose own window has ended.
    ///
    /// The parts of a batch must come in order; a missing part is found by verification, not here.
    async fn import_batch(&self, cx: &CallCx, part: Part<'_>) -> Result<Imported>;

    /// The last sequence number of the batch that is durable; 0 for none. Continuing above it loses
    /// and repeats nothing. A tenant of another snapshot is a `Conflict`.
    async fn progress(&self, cx: &CallCx, snapshot: Digest, batch: &str) -> Result<u64>;

    /// Writes events of the evidence chain, all or none; returns how many were new.
    ///
    /// Idempotent by their ids: events that are stored already are skipped when equal, and a
    /// `Conflict` when not, so that repeating the call verifies them. Two events with one id are
    /// `InvalidInput`, and so is an actor who is not enrolled.
    async fn carry_chain(&self, cx: &CallCx, events: &[AuditEvent]) -> Result<u64>;

    /// The number of events of the tenant, of any kind.
    async fn carried(&self, cx: &CallCx) -> Result<u64>;
}

#[cfg(test)]
mod tests {
    use super::{AuditEvent, Part, check_name};
    use crate::{ActorId, Digest, EventId, NewRecord, Payload, Record, TenantId};

    fn record(tenant: &str, seq: u64) -> Record {
        NewRecord::from_json(&format!(
            r#"{{"id":"r{seq}","kind":"risk","actor":"u","occurred_at":"2026-03-01T06:30:00Z","payload":{{}}}}"#
        ))
        .unwrap()
        .placed(TenantId::new(tenant).unwrap(), seq)
    }

    #[test]
    fn a_part_ascends_and_is_of_one_tenant() {
        let a = TenantId::new("a").unwrap();
        let check = |records: &[Record]| {
            Part { snapshot: Digest::of("s"), batch: "finance", records }.check(&a)
        };
        check(&[]).unwrap();
        check(&[record("a", 1), record("a", 3), record("a", 700)]).unwrap();
        for (records, why) in [
            ([record("a", 3), record("b", 4)], "belongs to tenant b"),
            ([record("a", 3), record("a", 3)], "do not ascend"),
            ([record("a", 3), record("a", 2)], "do not ascend"),
            ([record("a", 0), record("a", 1)], "from 1"),
        ] {
            let error = check(&records).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn names_and_sources_follow_their_rules() {
        check_name("tenant-rbac").unwrap();
        for name in ["", "Finance", "a b", "ż", &"x".repeat(65)] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
        let event = |source: &str| {
            let (id, actor) = (EventId::new("e1").unwrap(), ActorId::new("u").unwrap());
            AuditEvent::new(id, actor, source, Payload::parse("{}").unwrap())
        };
        event("evidence-chain").unwrap();
        for source in ["", " ", "a\0b", "a\nb"] {
            assert!(event(source).is_err(), "{source:?}");
        }
    }
}
