//! The table `audit_events`: events of appends, and the evidence chain that a cutover copies.

use crate::append::{expect_rows, tenant_state};
use crate::work::{Core, Work};
use crate::{failure, row};
use flowcontrol_contract::{
    ActorId, AuditEvent, CallCx, Error, ErrorKind, EventId, Payload, Result, audit,
};
use sqlx::Row;
use sqlx::postgres::PgRow;
use std::collections::{BTreeMap, BTreeSet};

/// Writes the events that are not stored yet; returns their number.
pub(crate) async fn carry(
    core: &Core,
    work: &mut Work,
    cx: &CallCx,
    events: &[AuditEvent],
) -> Result<u64> {
    let tenant = &cx.tenant;
    let mut ids = BTreeSet::new();
    if let Some(event) = events.iter().find(|event| !ids.insert(event.id.as_str())) {
        return Err(Error::invalid(format!("event {} occurs twice in the chain", event.id)));
    }
    if events.is_empty() {
        return Ok(0);
    }
    core.admit(work, cx).await?;
    tenant_state(core, work, tenant, events.iter().map(|e| &e.actor)).await?;
    let ids: Vec<&str> = ids.into_iter().collect();
    let query = core.sql.query(&core.sql.events).bind(tenant.as_str()).bind(ids);
    let rows = query.fetch_all(work.conn()?).await.map_err(failure::sql)?;
    let stored = rows.iter().map(stored).collect::<Result<BTreeMap<_, _>>>()?;
    let mut new = Vec::new();
    for event in events {
        match stored.get(event.id.as_str()) {
            None => new.push(event),
            Some(old) if *old == content(event) => {}
            Some(_) => {
                return Err(Error::conflict(format!(
                    "tenant {tenant}: event {} is already stored with another content",
                    event.id
                ))
                .hint("the chain or the table was altered; run `flowcontrol evidence verify`"));
            }
        }
    }
    if new.is_empty() {
        return Ok(0);
    }
    add(core, work, cx, &new).await?;
    Ok(new.len() as u64)
}

/// Writes events, none of which is stored yet.
pub(crate) async fn add(
    core: &Core,
    work: &mut Work,
    cx: &CallCx,
    events: &[&AuditEvent],
) -> Result<()> {
    let texts = |f: fn(&AuditEvent) -> &str| events.iter().map(|e| f(e)).collect::<Vec<_>>();
    let add = core.sql.query(&core.sql.events_add).bind(cx.tenant.as_str());
    let add = add.bind(texts(|e| e.id.as_str())).bind(texts(|e| e.actor.as_str()));
    let add = add.bind(texts(|e| &e.source)).bind(texts(|e| e.payload.as_str()));
    let done = add.execute(work.conn()?).await.map_err(failure::sql)?;
    expect_rows("audit_events", done.rows_affected(), events.len())
}

/// The events of appends whose first record is above `after`, at most a page.
pub(crate) async fn trail(
    core: &Core,
    work: &mut Work,
    cx: &CallCx,
    after: u64,
) -> Result<Vec<AuditEvent>> {
    let query = core.sql.query(&core.sql.trail).bind(cx.tenant.as_str());
    let query = query.bind(audit::append_id(after)?.as_str().to_owned());
    let query = query.bind(row::to_bigint(audit::PAGE as u64)?);
    let rows = query.fetch_all(work.conn()?).await.map_err(failure::sql)?;
    rows.iter()
        .map(|row| {
            let (id, (actor, source, payload)) = stored(row)?;
            let event = || {
                AuditEvent::new(
                    EventId::new(&id)?,
                    ActorId::new(actor)?,
                    source,
                    Payload::parse(&payload)?,
                )
            };
            event().map_err(|e| {
                Error::new(ErrorKind::Corrupt, format!("audit event {id}: {}", e.message()))
            })
        })
        .collect()
}

/// An event's actor, source and payload in canonical form.
type Content = (String, String, String);

fn content(event: &AuditEvent) -> Content {
    (event.actor.to_string(), event.source.clone(), event.payload.as_str().to_owned())
}

fn stored(row: &PgRow) -> Result<(String, Content)> {
    let text = |column: usize| row.try_get::<String, _>(column).map_err(failure::sql);
    let id = text(0)?;
    let payload = Payload::parse(&text(3)?).map_err(|e| {
        Error::new(ErrorKind::Corrupt, format!("audit event {id}: {}", e.message()))
    })?;
    Ok((id, (text(1)?, text(2)?, payload.as_str().to_owned())))
}

/// The number of the tenant's events.
pub(crate) async fn count(core: &Core, work: &mut Work, cx: &CallCx) -> Result<u64> {
    let query = core.sql.query(&core.sql.events_count).bind(cx.tenant.as_str());
    let found = query.fetch_one(work.conn()?).await.map_err(failure::sql)?;
    row::from_bigint(found.try_get(0).map_err(failure::sql)?)
}
