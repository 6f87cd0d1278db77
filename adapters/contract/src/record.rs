//! Records: one entry of a tenant's history.

use crate::error::{Error, Result};
use crate::id::{ActorId, RecordId, TenantId};
use crate::json::{self, push_string};
use crate::kind::Kind;
use crate::projection;
use crate::timestamp::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Largest payload in bytes of canonical JSON. A chunk of a replay is held in memory, so this
/// bounds it; Postgres itself would accept 255 MiB.
pub const MAX_PAYLOAD_BYTES: usize = 4 * 1024 * 1024;

/// A JSON object in canonical form (RFC 8785).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Payload(Box<str>);

impl Payload {
    /// Parses a JSON object and keeps its canonical form.
    ///
    /// # Errors
    /// `InvalidInput` that says what is not JSON, cannot be represented exactly, is not an object,
    /// or is larger than [`MAX_PAYLOAD_BYTES`].
    pub fn parse(text: &str) -> Result<Self> {
        let canonical =
            json::canonicalize(text).map_err(|e| Error::invalid(format!("payload: {e}")))?;
        if !canonical.starts_with('{') {
            return Err(Error::invalid("payload: it must be a JSON object"));
        }
        if canonical.len() > MAX_PAYLOAD_BYTES {
            return Err(Error::invalid(format!(
                "payload: {} bytes; the limit is {MAX_PAYLOAD_BYTES}",
                canonical.len()
            )));
        }
        Ok(Self(canonical.into_boxed_str()))
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A record to append; the store assigns its sequence number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRecord {
    /// Unique within the tenant; sending the same record again is idempotent.
    pub id: RecordId,
    /// The kind.
    pub kind: Kind,
    /// The actor of the tenant who did it.
    pub actor: ActorId,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// Details, depending on the kind.
    pub payload: Payload,
}

impl NewRecord {
    /// A record whose payload has the fields that its kind needs.
    ///
    /// # Errors
    /// `InvalidInput` that names the field.
    pub fn new(
        id: RecordId,
        kind: Kind,
        actor: ActorId,
        occurred_at: Timestamp,
        payload: Payload,
    ) -> Result<Self> {
        projection::check(kind, &payload)?;
        Ok(Self { id, kind, actor, occurred_at, payload })
    }

    /// Parses one JSON object with the fields `id`, `kind`, `actor`, `occurred_at` and `payload`,
    /// and no others.
    ///
    /// # Errors
    /// `InvalidInput` that says what is wrong.
    pub fn from_json(text: &str) -> Result<Self> {
        let wire: NewWire<'_> = serde_json::from_str(text).map_err(|e| bad_line(&e))?;
        Self::new(
            wire.id,
            Kind::parse(&wire.kind)?,
            wire.actor,
            wire.occurred_at,
            Payload::parse(wire.payload.get())?,
        )
    }

    /// The record with its tenant and sequence number.
    pub fn placed(self, tenant: TenantId, seq: u64) -> Record {
        Record {
            tenant,
            seq,
            id: self.id,
            kind: self.kind,
            actor: self.actor,
            occurred_at: self.occurred_at,
            payload: self.payload,
        }
    }
}

/// A stored record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The tenant.
    pub tenant: TenantId,
    /// The sequence number in the tenant's history: 1, 2, 3 ... without a gap.
    pub seq: u64,
    /// Unique within the tenant.
    pub id: RecordId,
    /// The kind.
    pub kind: Kind,
    /// The actor.
    pub actor: ActorId,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// Details, depending on the kind.
    pub payload: Payload,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewWire<'a> {
    id: RecordId,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    actor: ActorId,
    occurred_at: Timestamp,
    #[serde(borrow)]
    payload: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire<'a> {
    tenant: TenantId,
    seq: u64,
    id: RecordId,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    actor: ActorId,
    occurred_at: Timestamp,
    #[serde(borrow)]
    payload: &'a RawValue,
}

fn bad_line(error: &serde_json::Error) -> Error {
    Error::invalid(format!("record: {error}"))
}

impl Record {
    /// Appends the record as one line of canonical JSON, without a line break.
    pub fn write_line(&self, out: &mut String) {
        out.push_str("{\"actor\":");
        push_string(out, self.actor.as_str());
        out.push_str(",\"id\":");
        push_string(out, self.id.as_str());
        out.push_str(",\"kind\":\"");
        out.push_str(self.kind.name());
        out.push_str("\",\"occurred_at\":\"");
        out.push_str(&self.occurred_at.to_string());
        out.push_str("\",\"payload\":");
        out.push_str(self.payload.as_str());
        out.push_str(",\"seq\":");
        out.push_str(&self.seq.to_string());
        out.push_str(",\"tenant\":");
        push_string(out, self.tenant.as_str());
        out.push('}');
    }

    /// The record as one line; see [`Record::write_line`].
    pub fn to_line(&self) -> String {
        let mut out = String::with_capacity(200 + self.payload.as_str().len());
        self.write_line(&mut out);
        out
    }

    /// Parses a line, which must be in canonical form.
    ///
    /// # Errors
    /// `InvalidInput` that says what is wrong.
    pub fn from_line(line: &str) -> Result<Self> {
        let wire: Wire<'_> = serde_json::from_str(line).map_err(|e| bad_line(&e))?;
        let record = NewRecord::new(
            wire.id,
            Kind::parse(&wire.kind)?,
            wire.actor,
            wire.occurred_at,
            Payload::parse(wire.payload.get())?,
        )?
        .placed(wire.tenant, wire.seq);
        if record.seq == 0 {
            return Err(Error::invalid("record: seq starts at 1"));
        }
        if record.to_line() != line {
            return Err(Error::invalid("record: the line is not in canonical form (RFC 8785)"));
        }
        Ok(record)
    }

    /// Whether the content equals `new`; tenant and sequence number are not compared.
    pub fn same_as(&self, new: &NewRecord) -> bool {
        self.id == new.id
            && self.kind == new.kind
            && self.actor == new.actor
            && self.occurred_at == new.occurred_at
            && self.payload == new.payload
    }
}

#[cfg(test)]
mod tests {
    use super::{NewRecord, Record};
    use crate::id::TenantId;

    const ORDER: &str = r#"{"id":"ord-1","kind":"order","actor":"user_md_anna",
        "occurred_at":"2026-03-01T06:30:00Z","payload":{"order_no":"BFG/1","client":"Lviv Farma",
        "origin":"Rzeszów","destination":"Львів","status":"new",
        "price":{"currency":"EUR","amount":"1250.00"},"pallets":1e1}}"#;

    fn order() -> Record {
        NewRecord::from_json(ORDER).unwrap().placed(TenantId::new("bfg").unwrap(), 7)
    }

    #[test]
    fn a_line_reads_back_as_the_same_record() {
        let line = order().to_line();
        assert!(line.contains("\"pallets\":10"), "{line}");
        assert_eq!(Record::from_line(&line).unwrap(), order());
    }

    #[test]
    fn another_spelling_of_a_line_is_refused() {
        let line = order().to_line();
        for other in [line.replace(",\"seq\"", ", \"seq\""), line.replace("Львів", "\\u041bьвів")]
        {
            assert_ne!(other, line);
            let error = Record::from_line(&other).unwrap_err().to_string();
            assert!(error.contains("not in canonical form"), "{error}");
        }
    }

    #[test]
    fn a_payload_without_its_fields_is_refused_by_name() {
        for (from, to, why) in [
            ("\"1250.00\"", "1250.00", "/price/amount is a JSON number"),
            ("\"EUR\"", "\"euro\"", "/price/currency is not a currency code"),
            ("\"client\"", "\"klient\"", "/client is missing"),
            ("\"order\"", "\"ordr\"", "unknown record kind"),
            ("\"payload\"", "\"extra\":1,\"payload\"", "unknown field `extra`"),
            ("06:30:00Z", "06:30:60Z", "leap second"),
        ] {
            let error = NewRecord::from_json(&ORDER.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn a_projection_row_is_canonical_and_complete() {
        let projection = crate::projection::for_kind(crate::Kind::Order).unwrap();
        assert_eq!(
            projection.line(&order()).unwrap(),
            "{\"client\":\"Lviv Farma\",\"destination\":\"Львів\",\"order_no\":\"BFG/1\",\
             \"origin\":\"Rzeszów\",\"price_amount\":\"1250.00\",\"price_currency\":\"EUR\",\
             \"seq\":\"7\",\"status\":\"new\"}"
        );
    }
}
