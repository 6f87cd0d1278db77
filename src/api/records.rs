//! `/records`: pages, one record, appending.

use super::body::{self, etag, has, if_match, unchanged};
use super::caller::Caller;
use super::idempotency::{Answer, Key, key};
use super::json;
use super::openapi::{Appending, Refusals, Writing};
use super::problem::{Problem, ProblemKind};
use super::schema::{BatchSchema, RecordSchema};
use super::service::Service;
use super::spelled;
use crate::scenario::{self, Refused, Wanted};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use flowcontrol_contract::store::Expected;
use flowcontrol_contract::{Digest, Kind, NewRecord, Payload, RecordId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// Records of a page.
const PAGE: std::ops::RangeInclusive<usize> = 1..=500;
/// Records of one append.
const BATCH: std::ops::RangeInclusive<usize> = 1..=1000;

/// What a page is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Query {
    /// Only records above this sequence number.
    #[param(minimum = 0, maximum = 9_223_372_036_854_775_807_i64, default = 0)]
    after: Option<u64>,
    /// So many at most.
    #[param(minimum = 1, maximum = 500, default = 100)]
    limit: Option<usize>,
    /// Of this kind alone.
    #[param(schema_with = super::schema::kinds)]
    kind: Option<String>,
}

/// A page of the history.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what is written by hand")]
pub struct Page {
    /// The tenant's last sequence number when it was read.
    head: u64,
    /// Those that the caller may see, in order.
    records: Vec<RecordSchema>,
    /// The `after` of the next page; null at the end.
    next: Option<u64>,
}

/// The tenant's records in order. A page can be short, or empty, and still name the next one: one
/// call passes over a limited number of records.
#[utoipa::path(get, path = "/api/v1/records", tag = "records", operation_id = "pageRecords",
    params(Query),
    responses(
        (status = 200, body = Page, headers(("ETag" = String, description = "The head"))),
        (status = 304, description = "The history still ends with the head of If-None-Match"),
        Refusals))]
pub async fn page(
    State(service): State<Arc<Service>>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let query: Query = body::query(request.uri())?;
    let limit = query.limit.unwrap_or(100);
    if !PAGE.contains(&limit) {
        return Err(Problem::new(ProblemKind::Invalid, "limit is 1 to 500"));
    }
    let after = query.after.unwrap_or(0);
    // No history is longer, and no store can be asked for more.
    if i64::try_from(after).is_err() {
        return Err(Problem::new(ProblemKind::Invalid, format!("after is 0 to {}", i64::MAX)));
    }
    let kind = query.kind.as_deref().map(Kind::parse).transpose()?;
    let wanted = Wanted { after, limit, kind };
    let cx = caller.cx(&service);
    let page =
        scenario::page(service.access(), &*service.store, &cx, &caller.principal, wanted).await?;
    let tag = etag(page.head);
    if has(request.headers(), &tag) {
        return Ok(unchanged(&tag));
    }
    let mut text = format!("{{\"head\":{},\"records\":[", page.head);
    for (i, record) in page.records.iter().enumerate() {
        if i > 0 {
            text.push(',');
        }
        record.write_line(&mut text);
    }
    let next = page.next.map_or_else(|| "null".to_owned(), |next| next.to_string());
    text.push_str(&format!("],\"next\":{next}}}"));
    let mut response = json(StatusCode::OK, text);
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

/// One record.
#[utoipa::path(get, path = "/api/v1/records/{id}", tag = "records", operation_id = "getRecord",
    params(("id" = String, Path, description = "The record's id", min_length = 1)),
    responses((status = 200, body = RecordSchema), Refusals))]
pub async fn get(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    // What can be no id names nothing.
    let missing = || Problem::not_found("record");
    let id = RecordId::new(id).map_err(|_| missing())?;
    let cx = caller.cx(&service);
    let found =
        scenario::get(service.access(), &*service.store, &cx, &caller.principal, &id).await?;
    Ok(json(StatusCode::OK, found.ok_or_else(missing)?.to_line()))
}

/// Records to append, all or nothing, by the caller.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch<'a> {
    #[serde(borrow)]
    records: Vec<Item<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Item<'a> {
    id: RecordId,
    kind: Kind,
    occurred_at: Timestamp,
    #[serde(borrow)]
    payload: &'a RawValue,
}

/// What an append did.
#[derive(Serialize, ToSchema)]
pub struct Appended {
    /// The first record's sequence number.
    first: u64,
    /// The last record's.
    last: u64,
    /// True when the very same records were there already and nothing was written.
    replayed: bool,
}

/// Appends records as the caller. The same records again are `replayed`. With If-Match they are
/// written only while the history ends with that head. Without it they follow whatever is there:
/// appending takes nothing away from anybody, so the condition is the caller's to make.
#[utoipa::path(post, path = "/api/v1/records", tag = "records", operation_id = "appendRecords",
    params(Appending), request_body = BatchSchema,
    responses(
        (status = 201, body = Appended, headers(("ETag" = String, description = "The new head"))),
        (status = 200, body = Appended, description = "They were there already"),
        Writing))]
pub async fn append(
    State(service): State<Arc<Service>>,
    caller: Caller,
    request: Request,
) -> Result<Answer, Problem> {
    let expected = if_match(request.headers())?.map_or(Expected::Any, Expected::Head);
    let key = key(request.headers())?;
    let text = body::text(&service.limits, request).await?;
    let batch = records(&caller, &text)?;
    let mut cx = caller.cx(&service);
    cx.idempotency_key.clone_from(&key);
    let key = key.map(|key| Key {
        tenant: cx.tenant.clone(),
        actor: caller.principal.actor.clone(),
        operation: "append",
        key,
    });
    let own = Arc::clone(&service);
    let work = async move {
        let done =
            scenario::append(own.access(), &*own.store, &cx, &caller.principal, expected, &batch)
                .await;
        let done = done.map_err(|refused| match refused {
            Refused::Other(error) => Problem::from(error),
            Refused::Moved(head) => Problem::new(
                ProblemKind::PreconditionFailed,
                format!("the history ends with record {head}"),
            )
            .with("head", head),
        })?;
        let (status, headers) = match done.replayed {
            true => (StatusCode::OK, Vec::new()),
            false => {
                own.metrics.appended.inc_by(batch.len() as u64);
                (StatusCode::CREATED, vec![(header::ETAG, etag(done.last))])
            }
        };
        let view = Appended { first: done.first, last: done.last, replayed: done.replayed };
        Ok(Answer { status, headers, body: spelled(&view)? })
    };
    service.once(key, Digest::of(format!("{expected:?} {text}")), work).await
}

/// The body's records, each with the place of what is wrong with it.
fn records(caller: &Caller, text: &str) -> Result<Vec<NewRecord>, Problem> {
    let batch: Batch<'_> = body::parse(text)?;
    if !BATCH.contains(&batch.records.len()) {
        return Err(Problem::new(ProblemKind::Invalid, "an append takes 1 to 1000 records")
            .with("pointer", "/records"));
    }
    let mut records = Vec::with_capacity(batch.records.len());
    for (i, item) in batch.records.into_iter().enumerate() {
        let record = Payload::parse(item.payload.get()).and_then(|payload| {
            let actor = caller.principal.actor.clone();
            NewRecord::new(item.id, item.kind, actor, item.occurred_at, payload)
        });
        records.push(record.map_err(|error| {
            Problem::from(error).with("pointer", format!("/records/{i}/payload"))
        })?);
    }
    Ok(records)
}
