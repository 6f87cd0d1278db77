//! What became of sessions and invoices.

use super::super::entry::Entry;
use super::super::refusal::Refusal;
use super::super::session::Session;
use super::super::shared::Shared;
use super::online::{missing, own};
use super::upo::{address, entry_of, listed};
use super::{Answer, answer, paging, reference};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use flowcontrol_ksef_wire::messages::{InvoiceStatus, SessionInvoices, SessionsList};
use std::sync::Arc;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Permissions of which one is needed to look.
pub(super) const READ: [&str; 4] =
    ["InvoiceWrite", "Introspection", "PefInvoiceWrite", "EnforcementOperations"];

type Pairs = Vec<(String, String)>;

pub(super) async fn sessions(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Query(query): Query<Pairs>,
) -> Answer {
    let needed = ["Introspection", "EnforcementOperations", "InvoiceWrite"];
    let caller = shared.caller_with(&headers, &needed)?;
    let paging = paging(&headers, &query, "sessions", 1000)?;
    let filter = Filter::read(&query)?;
    let now = shared.clock.now();
    let world = shared.world();
    let own =
        world.sessions.iter().rev().filter(|session| session.opened.context == caller.context);
    let mut found = own
        .filter(|session| filter.batch == session.is_batch())
        .map(|session| (session, session.listed(now, shared.tempo)))
        .filter(|(session, item)| {
            let closed = session.closed_at(now).map(super::super::clock::moment);
            filter.takes(item.status.code, session.opened.reference.as_str())
                && filter.created.holds(Some(item.date_created))
                && filter.modified.holds(Some(item.date_updated))
                && filter.closed.holds(closed)
        })
        .skip(paging.start)
        .map(|(_, item)| item);
    let sessions = found.by_ref().take(paging.size).collect();
    let continuation_token = paging.next("sessions", found.next().is_some());
    answer(StatusCode::OK, &SessionsList { continuation_token, sessions })
}

/// A span of time, both ends within.
#[derive(Default)]
struct Span(Option<OffsetDateTime>, Option<OffsetDateTime>);

impl Span {
    fn holds(&self, time: Option<OffsetDateTime>) -> bool {
        if self.0.is_none() && self.1.is_none() {
            return true;
        }
        let after = |time: OffsetDateTime| self.0.is_none_or(|from| from <= time);
        time.is_some_and(|time| after(time) && self.1.is_none_or(|to| time <= to))
    }
}

#[derive(Default)]
struct Filter {
    batch: bool,
    reference: Option<String>,
    created: Span,
    closed: Span,
    modified: Span,
    statuses: Vec<String>,
}

impl Filter {
    fn read(query: &Pairs) -> Result<Self, Refusal> {
        let mut filter = Self::default();
        let mut kind = false;
        for (name, value) in query {
            let moment = || {
                OffsetDateTime::parse(value, &Rfc3339)
                    .map(Some)
                    .map_err(|_| Refusal::input(format!("{name}: nieprawidłowa data.")))
            };
            match (name.as_str(), value.as_str()) {
                ("sessionType", "Online" | "Batch") => {
                    kind = true;
                    filter.batch = value == "Batch";
                }
                ("referenceNumber", text) => {
                    filter.reference = Some(reference(text)?.to_string());
                }
                ("dateCreatedFrom", _) => filter.created.0 = moment()?,
                ("dateCreatedTo", _) => filter.created.1 = moment()?,
                ("dateClosedFrom", _) => filter.closed.0 = moment()?,
                ("dateClosedTo", _) => filter.closed.1 = moment()?,
                ("dateModifiedFrom", _) => filter.modified.0 = moment()?,
                ("dateModifiedTo", _) => filter.modified.1 = moment()?,
                ("statuses", "InProgress" | "Succeeded" | "Failed" | "Cancelled") => {
                    filter.statuses.push(value.clone());
                }
                ("sessionType" | "statuses", _) => {
                    return Err(Refusal::input(format!("{name}: nieprawidłowa wartość.")));
                }
                _ => {}
            }
        }
        if kind { Ok(filter) } else { Err(Refusal::input("sessionType jest wymagane.")) }
    }

    fn takes(&self, code: i32, reference: &str) -> bool {
        let common = match code {
            100 | 150 | 170 => "InProgress",
            200 => "Succeeded",
            440 => "Cancelled",
            _ => "Failed",
        };
        self.reference.as_deref().is_none_or(|wanted| wanted == reference)
            && (self.statuses.is_empty() || self.statuses.iter().any(|status| status == common))
    }
}

pub(super) async fn session(
    State(shared): State<Arc<Shared>>,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Answer {
    let caller = shared.caller_with(&headers, &READ)?;
    let index = own(&shared, &caller, &reference(&path)?, None)?;
    let world = shared.world();
    let session = &world.sessions[index];
    let mut told = session.view(shared.clock.now(), shared.tempo);
    told.upo = listed(&shared, session);
    answer(StatusCode::OK, &told)
}

fn view(shared: &Shared, session: &Session, entry: &Entry) -> InvoiceStatus {
    let mut told = entry.view(shared.clock.now(), shared.tempo);
    if told.status.code == 200 {
        let (url, until) = address(shared, &session.opened.reference, &entry.reference);
        told.upo_download_url = Some(url);
        told.upo_download_url_expiration_date = Some(until);
    }
    told
}

pub(super) async fn invoice(
    State(shared): State<Arc<Shared>>,
    Path((path, invoice)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    let caller = shared.caller_with(&headers, &READ)?;
    let session = reference(&path)?;
    let index = own(&shared, &caller, &session, None)?;
    let world = shared.world();
    let session = &world.sessions[index];
    let entry = entry_of(session, &reference(&invoice)?)?;
    let missing =
        || Refusal::input("Faktura o podanym numerze referencyjnym nie istnieje w sesji.");
    answer(StatusCode::OK, &view(&shared, session, &entry.ok_or_else(missing)?))
}

pub(super) async fn invoices(
    State(shared): State<Arc<Shared>>,
    Path(path): Path<String>,
    headers: HeaderMap,
    Query(query): Query<Pairs>,
) -> Answer {
    list(&shared, &path, &headers, &query, false)
}

pub(super) async fn failed(
    State(shared): State<Arc<Shared>>,
    Path(path): Path<String>,
    headers: HeaderMap,
    Query(query): Query<Pairs>,
) -> Answer {
    list(&shared, &path, &headers, &query, true)
}

fn list(shared: &Shared, path: &str, headers: &HeaderMap, query: &Pairs, failed: bool) -> Answer {
    let caller = shared.caller_with(headers, &READ)?;
    let session = reference(path)?;
    let index = own(shared, &caller, &session, None)?;
    let name = format!("{session}/{}", if failed { "failed" } else { "all" });
    let paging = paging(headers, query, &name, 1000)?;
    let now = shared.clock.now();
    let world = shared.world();
    let state = world.sessions.get(index).ok_or_else(|| missing(&session))?;
    let wanted = state.places.iter().enumerate().filter(|(_, place)| {
        !failed || (!place.accepted && place.decided.is_some_and(|at| at <= now))
    });
    let mut wanted = wanted.skip(paging.start).map(|(index, _)| index as u64 + 1);
    let mut invoices = Vec::new();
    for ordinal in wanted.by_ref().take(paging.size) {
        if let Some(entry) = state.entry(ordinal)? {
            invoices.push(view(shared, state, &entry));
        }
    }
    let continuation_token = paging.next(&name, wanted.next().is_some());
    answer(StatusCode::OK, &SessionInvoices { continuation_token, invoices })
}
