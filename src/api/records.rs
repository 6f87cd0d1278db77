//! `/records`: reads pages and single records, and appends.

use super::body::{self, etag, if_match, matches_none_match, not_modified};
use super::caller::Caller;
use super::idempotency::{IdempotencyKey, StoredResponse, read_key};
use super::json;
use super::openapi::{AppendHeaders, CommonErrors, WriteErrors};
use super::problem::{Problem, ProblemKind};
use super::schema::{BatchSchema, RecordSchema};
use super::service::Service;
use super::to_json;
use crate::scenario::{self, PageQuery, Refused};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use flowcontrol_contract::store::Expected;
use flowcontrol_contract::{Digest, Kind, NewRecord, Payload, RecordId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// Allowed number of records in a page.
const PAGE_SIZE: std::ops::RangeInclusive<usize> = 1..=500;
/// Allowed number of records in an append.
const BATCH_SIZE: std::ops::RangeInclusive<usize> = 1..=1000;

/// The query of a page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Query {
    /// Only records above this sequence number.
    #[param(minimum = 0, maximum = 9_223_372_036_854_775_807_i64, default = 0)]
    after: Option<u64>,
    /// At most this many records.
    #[param(minimum = 1, maximum = 500, default = 100)]
    limit: Option<usize>,
    /// Only records of this kind.
    #[param(schema_with = super::schema::kinds)]
    kind: Option<String>,
}

/// A page of the history.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what is written by hand")]
pub struct Page {
    /// The tenant's last sequence number when it was read.
    head: u64,
    /// The records that the caller may see, in order.
    records: Vec<RecordSchema>,
    /// The `after` of the next page; null at the end.
    next: Option<u64>,
}

/// The tenant's records in order. A page can be short or empty and still have a `next`: one call
/// scans a limited number of records.
#[utoipa::path(get, path = "/api/v1/records", tag = "records", operation_id = "pageRecords",
    params(Query),
    responses(
        (status = 200, body = Page, headers(("ETag" = String, description = "ETag of the head"))),
        (status = 304, description = "The head is still the one of If-None-Match"),
        CommonErrors))]
pub async fn page(
    State(service): State<Arc<Service>>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let query: Query = body::query(request.uri())?;
    let limit = query.limit.unwrap_or(100);
    if !PAGE_SIZE.contains(&limit) {
        return Err(Problem::new(ProblemKind::Invalid, "limit must be 1 to 500"));
    }
    let after = query.after.unwrap_or(0);
    // No sequence number is larger, and no store accepts a larger bound.
    if i64::try_from(after).is_err() {
        return Err(Problem::new(ProblemKind::Invalid, format!("after must be 0 to {}", i64::MAX)));
    }
    let kind = query.kind.as_deref().map(Kind::parse).transpose()?;
    let wanted = PageQuery { after, limit, kind };
    let cx = caller.cx(&service);
    let page =
        scenario::page(service.access(), &*service.store, &cx, &caller.principal, wanted).await?;
    let tag = etag(page.head);
    if matches_none_match(request.headers(), &tag) {
        return Ok(not_modified(&tag));
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
    responses((status = 200, body = RecordSchema), CommonErrors))]
pub async fn get(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    // A text that is not a valid id names no record.
    let missing = || Problem::not_found("record");
    let id = RecordId::new(id).map_err(|_| missing())?;
    let cx = caller.cx(&service);
    let found =
        scenario::get(service.access(), &*service.store, &cx, &caller.principal, &id).await?;
    Ok(json(StatusCode::OK, found.ok_or_else(missing)?.to_line()))
}

/// Records to append in the caller's name, all or nothing.
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
    /// True when the same records were stored before and nothing was written.
    replayed: bool,
}

/// Appends records in the caller's name. Repeating the same records is answered as `replayed`. With
/// If-Match they are written only if that is still the head of the history; without it they are
/// appended to whatever is there.
#[utoipa::path(post, path = "/api/v1/records", tag = "records", operation_id = "appendRecords",
    params(AppendHeaders), request_body = BatchSchema,
    responses(
        (status = 201, body = Appended, headers(("ETag" = String, description = "The new head"))),
        (status = 200, body = Appended, description = "The records were stored before"),
        WriteErrors))]
pub async fn append(
    State(service): State<Arc<Service>>,
    caller: Caller,
    request: Request,
) -> Result<StoredResponse, Problem> {
    let expected = if_match(request.headers())?.map_or(Expected::Any, Expected::Head);
    let key = read_key(request.headers())?;
    let text = body::text(&service.limits, request).await?;
    let batch = records(&caller, &text)?;
    let mut cx = caller.cx(&service);
    cx.idempotency_key.clone_from(&key);
    let key = key.map(|key| IdempotencyKey {
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
                format!("the last record is number {head}"),
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
        Ok(StoredResponse { status, headers, body: to_json(&view)? })
    };
    service.write_once(key, Digest::of(format!("{expected:?} {text}")), work).await
}

/// Parses the body's records; an error names the position of the record in the list.
fn records(caller: &Caller, text: &str) -> Result<Vec<NewRecord>, Problem> {
    let batch: Batch<'_> = body::parse(text)?;
    if !BATCH_SIZE.contains(&batch.records.len()) {
        return Err(Problem::new(ProblemKind::Invalid, "an append must hold 1 to 1000 records")
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
