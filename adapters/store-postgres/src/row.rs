//! Conversion between rows of `records` and records, independent of the session's settings: times
//! are sent as binary microseconds, payloads as text that is put into canonical form again.

use crate::failure;
use flowcontrol_contract::{
    ActorId, Error, ErrorKind, Kind, Payload, Record, RecordId, Result, TenantId, Timestamp,
};
use sqlx::postgres::{PgRow, PgValueFormat};
use sqlx::{Row, ValueRef};

/// Microseconds from 1970 to 2000, the epoch of Postgres.
const EPOCH_2000: i64 = 946_684_800_000_000;

/// A time in Postgres' binary form.
pub(crate) fn to_wire(time: Timestamp) -> i64 {
    // Years 1 to 9999 are far from the limits of an i64.
    time.micros() - EPOCH_2000
}

/// A row of `records` before it is validated.
pub(crate) struct RawRecord<'r> {
    pub(crate) seq: i64,
    pub(crate) id: &'r str,
    pub(crate) kind: &'r str,
    pub(crate) actor: &'r str,
    /// Microseconds since 2000, as received.
    pub(crate) at: i64,
    pub(crate) payload: &'r str,
}

impl<'r> RawRecord<'r> {
    /// Reads the columns `seq, record_id, kind, actor_id, occurred_at, payload::text`.
    pub(crate) fn read(row: &'r PgRow) -> Result<Self> {
        let read = || -> sqlx::Result<Self> {
            Ok(Self {
                seq: row.try_get(0)?,
                id: row.try_get(1)?,
                kind: row.try_get(2)?,
                actor: row.try_get(3)?,
                at: instant(row, 4)?,
                payload: row.try_get(5)?,
            })
        };
        read().map_err(failure::sql)
    }

    /// The record in the row.
    pub(crate) fn record(&self, tenant: &TenantId) -> Result<Record> {
        self.parse(tenant).map_err(|e| {
            Error::new(
                ErrorKind::Corrupt,
                format!("record {} of tenant {tenant}: {}", self.seq, e.message()),
            )
        })
    }

    fn parse(&self, tenant: &TenantId) -> Result<Record> {
        let out_of_range = || Error::invalid("a time must lie in the years 1 to 9999");
        let micros = self.at.checked_add(EPOCH_2000).ok_or_else(out_of_range)?;
        Ok(Record {
            tenant: tenant.clone(),
            seq: u64::try_from(self.seq).map_err(|_| Error::invalid("its seq is negative"))?,
            id: RecordId::new(self.id)?,
            kind: Kind::parse(self.kind)?,
            actor: ActorId::new(self.actor)?,
            occurred_at: Timestamp::from_micros(micros)?,
            payload: Payload::parse(self.payload)?,
        })
    }

    /// The row as text that cannot equal any record's line.
    pub(crate) fn plain(&self) -> String {
        format!(
            "unreadable: seq={} record_id={:?} kind={:?} actor_id={:?} occurred_at={} payload={}",
            self.seq, self.id, self.kind, self.actor, self.at, self.payload
        )
    }
}

/// The record of a row with the columns of [`RawRecord::read`].
pub(crate) fn record(tenant: &TenantId, row: &PgRow) -> Result<Record> {
    RawRecord::read(row)?.record(tenant)
}

fn instant(row: &PgRow, index: usize) -> sqlx::Result<i64> {
    let wrong = |source: sqlx::error::BoxDynError| sqlx::Error::ColumnDecode {
        index: index.to_string(),
        source,
    };
    let value = row.try_get_raw(index)?;
    if value.format() != PgValueFormat::Binary || value.is_null() {
        return Err(wrong("not a binary time".into()));
    }
    let bytes = value.as_bytes().map_err(wrong)?;
    let bytes = <[u8; 8]>::try_from(bytes).map_err(|e| wrong(e.into()))?;
    Ok(i64::from_be_bytes(bytes))
}

/// A sequence number as a bigint.
pub(crate) fn to_bigint(seq: u64) -> Result<i64> {
    i64::try_from(seq).map_err(|_| Error::invalid(format!("sequence number {seq} is too large")))
}

/// A bound as a bigint: no sequence number is above the largest one.
pub(crate) fn to_bound(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

/// A sequence number or a count that Postgres returned.
pub(crate) fn from_bigint(number: i64) -> Result<u64> {
    u64::try_from(number).map_err(|_| Error::new(ErrorKind::Corrupt, "a count is negative"))
}

#[cfg(test)]
mod tests {
    use super::{RawRecord, to_wire};
    use flowcontrol_contract::{TenantId, Timestamp};

    #[test]
    fn odd_rows_are_named_and_shown() {
        let tenant = TenantId::new("a").unwrap();
        let good = RawRecord {
            seq: 7,
            id: "r",
            kind: "risk",
            actor: "u",
            at: to_wire(Timestamp::parse("2000-01-01T00:00:00.000001Z").unwrap()),
            payload: "{\"b\": 1, \"a\": 1e2}",
        };
        assert_eq!(good.at, 1);
        let record = good.record(&tenant).unwrap();
        assert_eq!(record.payload.as_str(), "{\"a\":100,\"b\":1}");
        for odd in [
            RawRecord { at: i64::MAX, ..good },
            RawRecord { kind: "x", ..good },
            RawRecord { id: " r", ..good },
            RawRecord { payload: "[]", ..good },
            RawRecord { seq: -1, ..good },
        ] {
            let error = odd.record(&tenant).unwrap_err();
            assert!(error.message().contains("of tenant a"), "{error}");
            assert!(odd.plain().starts_with("unreadable: seq="));
        }
    }
}
