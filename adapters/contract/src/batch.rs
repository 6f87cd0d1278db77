//! Importing a snapshot by batches of kinds, as a staged cutover does: first the operations of a
//! tenant, then its finance, then its audit; and carrying the evidence chain.
//!
//! # While batches are missing
//! A tenant whose batches are not all there is no history yet: its sequence has gaps, so reading,
//! exporting and chunk-wise import meet damage, and an append would take a number behind records
//! that are still to come. A store cannot tell such a gap from one that a later batch fills.
//! Whoever cuts over therefore freezes the target's tenants first ([`Fence::raise`]), names the
//! window in every call ([`CallCx::window`]), and lifts it when the last batch was verified. An
//! import by batch whose window has ended meanwhile is a `Conflict`, so that no application was
//! let in unnoticed. What an application wrote nevertheless stands in the way of the record with
//! its number, which is a `Conflict` that names it; nothing is ever written over.
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

/// Some records of one batch on their way into a store.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// SHA-256 of the snapshot they were cut from.
    pub snapshot: Digest,
    /// The batch they belong to, for example `finance`: 1 to 64 of `a-z`, `0-9` and `-`.
    pub batch: &'a str,
    /// Records of the context's tenant in ascending order; numbers may be missing in between.
    pub records: &'a [Record],
}

impl Part<'_> {
    /// Checks what needs no store.
    ///
    /// # Errors
    /// `InvalidInput` for a name that breaks its rule, a record of another tenant, or records that
    /// do not ascend from 1.
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
                    "the part's records do not ascend from 1: {} stands after {before}",
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
/// `InvalidInput` that names the rule.
pub fn check_name(batch: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if (1..=MAX_BATCH_NAME).contains(&batch.chars().count()) && batch.chars().all(plain) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "the name of a batch is 1 to {MAX_BATCH_NAME} of a-z, 0-9 and -, not {batch:?}"
    )))
}

/// Fills a store batch by batch. Once every batch is there, the store is the same as one that
/// [`ScenarioStore::import`] filled.
///
/// Each call is one transaction of the context's tenant, and is refused while a freeze window is
/// in force that is not the call's own.
///
/// [`ScenarioStore::import`]: crate::store::ScenarioStore::import
#[async_trait]
pub trait BatchImport: Send + Sync {
    /// Writes a part with the sequence numbers it has, its projections and its line in the ledger;
    /// durable on return. Gives the last number of the batch that is there.
    ///
    /// Idempotent: what is there already is skipped when equal, a `Conflict` when not. So are a
    /// tenant of another snapshot, a record behind the end of the batch that is not there, and a
    /// call whose own window has ended.
    ///
    /// Parts of one batch come in order; a part that was left out is found by verification, not
    /// here.
    async fn import_batch(&self, cx: &CallCx, part: Part<'_>) -> Result<Imported>;

    /// The last sequence number of the batch that is durably there; 0 for none. Going on above it
    /// loses and repeats nothing. A tenant of another snapshot is a `Conflict`.
    async fn progress(&self, cx: &CallCx, snapshot: Digest, batch: &str) -> Result<u64>;

    /// Writes events of the evidence chain, all or none; how many were not there before.
    ///
    /// Idempotent by their ids: what is there already is skipped when equal, a `Conflict` when
    /// not. So carrying them again verifies them. Two events of one id are `InvalidInput`, and so
    /// is an actor that was not enrolled.
    async fn carry_chain(&self, cx: &CallCx, events: &[AuditEvent]) -> Result<u64>;

    /// How many events the tenant has, of whatever kind.
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
