//! The audit trail: who changed a scenario, and in which request.
//!
//! A store writes the events of an append in the same transaction as its records, so that there is
//! no record without its event and no event without its records. Event ids are derived from the
//! records' sequence numbers: a repeated append finds its event and writes no second one.

use crate::call::CallCx;
use crate::error::{Error, Result};
use crate::id::{ActorId, EventId};
use crate::json::push_string;
use crate::record::{NewRecord, Payload};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Source of events that a caller's request caused.
pub const BY_CALLER: &str = "flowcontrol-call";

/// Source of events that the engine caused by itself.
pub const BY_ENGINE: &str = "flowcontrol-engine";

/// Most events that one call to the trail returns.
pub const PAGE: usize = 500;

const PREFIX: &str = "append-";

/// Something that happened, as a store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEvent {
    /// Unique within the tenant; used for idempotency.
    pub id: EventId,
    /// The actor of the tenant who did it.
    pub actor: ActorId,
    /// The source, for example `evidence-chain`.
    pub source: String,
    /// The details, as JSON.
    pub payload: Payload,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire<'a> {
    actor: ActorId,
    id: EventId,
    #[serde(borrow)]
    payload: &'a RawValue,
    source: String,
}

impl AuditEvent {
    /// An event with a source.
    ///
    /// # Errors
    /// `InvalidInput` for a source that is empty or holds a control character.
    pub fn new(
        id: EventId,
        actor: ActorId,
        source: impl Into<String>,
        payload: Payload,
    ) -> Result<Self> {
        let source = source.into();
        if source.trim().is_empty() || source.chars().any(char::is_control) {
            return Err(Error::invalid(format!(
                "the source of audit event {id} is empty or holds a control character"
            )));
        }
        Ok(Self { id, actor, source, payload })
    }

    /// The event's one line, canonical JSON without a line break.
    pub fn to_line(&self) -> String {
        let mut out = String::with_capacity(160 + self.payload.as_str().len());
        out.push_str("{\"actor\":");
        push_string(&mut out, self.actor.as_str());
        out.push_str(",\"id\":");
        push_string(&mut out, self.id.as_str());
        out.push_str(",\"payload\":");
        out.push_str(self.payload.as_str());
        out.push_str(",\"source\":");
        push_string(&mut out, &self.source);
        out.push('}');
        out
    }

    /// Reads a line of [`AuditEvent::to_line`].
    ///
    /// # Errors
    /// `InvalidInput` that names what is wrong.
    pub fn from_line(line: &str) -> Result<Self> {
        let wire: Wire<'_> =
            serde_json::from_str(line).map_err(|e| Error::invalid(format!("audit event: {e}")))?;
        Self::new(wire.id, wire.actor, wire.source, Payload::parse(wire.payload.get())?)
    }

    /// The sequence number of the first record of an append's event; `None` for any other event.
    pub fn first(&self) -> Option<u64> {
        self.id.as_str().strip_prefix(PREFIX)?.parse().ok()
    }
}

/// The id of the event of an append, from the sequence number of its first record.
///
/// # Errors
/// None in practice: the text is a valid identifier.
pub fn append_id(first: u64) -> Result<EventId> {
    EventId::new(format!("{PREFIX}{first:020}"))
}

/// The events of appending `batch` from sequence number `first` on: one for the caller, or for the
/// engine's own calls one for each actor in the batch. The payload holds the first and last
/// sequence number and the number of records, and the request id where there is one.
/// # Errors
/// `InvalidInput` for a request id that JSON cannot represent.
pub fn append_events(cx: &CallCx, first: u64, batch: &[NewRecord]) -> Result<Vec<AuditEvent>> {
    let mut ranges: BTreeMap<&ActorId, (u64, u64, u64)> = BTreeMap::new();
    for (seq, record) in (first..).zip(batch) {
        let who = cx.actor.as_ref().unwrap_or(&record.actor);
        let (_, last, records) = ranges.entry(who).or_insert((seq, seq, 0));
        (*last, *records) = (seq, *records + 1);
    }
    let source = if cx.actor.is_some() { BY_CALLER } else { BY_ENGINE };
    let mut ordered: Vec<_> = ranges.into_iter().collect();
    ordered.sort_by_key(|(_, (first, ..))| *first);
    let event = |(actor, (first, last, records)): (&ActorId, (u64, u64, u64))| {
        let mut text = format!(
            "{{\"action\":\"append\",\"first\":{first},\"last\":{last},\"records\":{records}"
        );
        if let Some(request) = &cx.request {
            text.push_str(",\"request\":");
            push_string(&mut text, request);
        }
        text.push('}');
        AuditEvent::new(append_id(first)?, actor.clone(), source, Payload::parse(&text)?)
    };
    ordered.into_iter().map(event).collect()
}

#[cfg(test)]
mod tests {
    use super::{AuditEvent, append_events, append_id};
    use crate::{ActorId, CallCx, NewRecord, TenantId};

    fn by(actors: &[&str]) -> Vec<NewRecord> {
        let one = |(n, actor): (usize, &&str)| {
            NewRecord::from_json(&format!(
                r#"{{"id":"r{n}","kind":"risk","actor":"{actor}",
                    "occurred_at":"2026-03-01T06:30:00Z","payload":{{}}}}"#
            ))
            .unwrap()
        };
        actors.iter().enumerate().map(one).collect()
    }

    fn told(cx: &CallCx, actors: &[&str]) -> Vec<(String, String, String)> {
        let events = append_events(cx, 7, &by(actors)).unwrap();
        events
            .into_iter()
            .map(|e| {
                (
                    e.first().unwrap().to_string() + " " + &e.source,
                    e.actor.to_string(),
                    e.payload.as_str().to_owned(),
                )
            })
            .collect()
    }

    #[test]
    fn a_callers_append_is_one_event_and_the_engines_one_for_each_actor() {
        let engine = CallCx::tenant(TenantId::new("a").unwrap());
        let text = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
        assert_eq!(
            told(&engine, &["marek", "anna", "marek"]),
            [
                text(
                    "7 flowcontrol-engine",
                    "marek",
                    r#"{"action":"append","first":7,"last":9,"records":2}"#
                ),
                text(
                    "8 flowcontrol-engine",
                    "anna",
                    r#"{"action":"append","first":8,"last":8,"records":1}"#
                ),
            ]
        );
        let caller = CallCx {
            actor: Some(ActorId::new("olena").unwrap()),
            request: Some("req-\"1".to_owned()),
            ..engine
        };
        assert_eq!(
            told(&caller, &["marek", "anna"]),
            [text(
                "7 flowcontrol-call",
                "olena",
                r#"{"action":"append","first":7,"last":8,"records":2,"request":"req-\"1"}"#
            )]
        );
    }

    #[test]
    fn a_line_reads_back() {
        let cx = CallCx::tenant(TenantId::new("a").unwrap());
        let event = append_events(&cx, 3, &by(&["żółć"])).unwrap().remove(0);
        assert_eq!(AuditEvent::from_line(&event.to_line()).unwrap(), event);
        assert!(AuditEvent::from_line("{}").is_err());
    }

    #[test]
    fn ids_are_ordered_as_their_records_are() {
        let id = |n| append_id(n).unwrap();
        assert!(id(9) < id(10) && id(10) < id(u64::MAX));
    }
}
