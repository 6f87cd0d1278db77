//! `/rehearsals`: starts, reports, streams and cancels rehearsals.

use super::body;
use super::caller::Caller;
use super::idempotency::{IdempotencyKey, StoredResponse, read_key};
use super::openapi::{CommonErrors, IdempotencyHeader, WriteErrors};
use super::problem::{Problem, ProblemKind};
use super::service::Service;
use super::{to_json, view};
use crate::rehearsal::Order;
use crate::rehearsal::jobs::{Busy, Job, JobState as Now};
use crate::scenario::access::Action;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use flowcontrol_contract::Digest;
use flowcontrol_gates::outcome::RehearsalReport;
use flowcontrol_servers::TargetChoice;
use futures::stream;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use utoipa::ToSchema;

/// Shortest time between two progress events.
const PAUSE: Duration = Duration::from_millis(100);

/// A rehearsal to start.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// The Postgres to rehearse on: `auto` takes a container or a local throw-away cluster.
    #[schema(schema_with = super::schema::targets)]
    target: TargetChoice,
}

/// A rehearsal.
#[derive(Serialize, ToSchema)]
pub struct Rehearsal {
    /// Its id.
    id: String,
    /// `running`, `stopping`, `passed`, `failed` or `interrupted`.
    #[schema(value_type = String)]
    state: crate::rehearsal::jobs::JobPhase,
    /// Who started it.
    by: String,
    /// When it started.
    #[schema(format = DateTime)]
    started_at: String,
    /// When it ended; null while it runs.
    #[schema(format = DateTime)]
    ended_at: Option<String>,
    /// Its pieces of work so far, in order.
    work: Vec<Work>,
    /// The result, once it has ended and left evidence.
    result: Option<Outcome>,
}

/// One piece of work.
#[derive(Serialize, ToSchema)]
pub struct Work {
    /// Its name.
    name: String,
    /// Number of units done.
    done: u64,
    /// Total number of units, if known.
    total: Option<u64>,
    /// How it ended; null while it runs.
    well: Option<bool>,
    /// Duration in seconds.
    seconds: Option<f64>,
}

/// The result of a rehearsal. Its packets hold the details.
#[derive(Serialize, ToSchema)]
#[schema(as = RehearsalResult)]
pub struct Outcome {
    /// `GO` or `NO-GO` for the rehearsal itself.
    decision: &'static str,
    /// Duration in seconds.
    seconds: f64,
    /// SHA-256 of the snapshot.
    snapshot: Option<String>,
    /// Each step and how it ended.
    steps: Vec<Step>,
    /// SHA-256 of each packet that was sealed.
    packets: Vec<String>,
}

/// A step of a rehearsal.
#[derive(Serialize, ToSchema)]
#[schema(as = RehearsalStep)]
pub struct Step {
    /// Its id.
    id: String,
    /// `passed`, `failed`, `skipped` or `interrupted`.
    status: &'static str,
    /// Duration in seconds.
    seconds: Option<f64>,
}

impl From<&Now> for Rehearsal {
    fn from(now: &Now) -> Self {
        let work = now.work.iter().map(|work| Work {
            name: work.name.clone(),
            done: work.done,
            total: work.total,
            well: work.well,
            seconds: work.seconds,
        });
        Self {
            id: now.id.clone(),
            state: now.phase,
            by: now.by.to_string(),
            started_at: now.started_at.to_string(),
            ended_at: now.ended_at.map(|at| at.to_string()),
            work: work.collect(),
            result: now.report.as_deref().map(Outcome::from),
        }
    }
}

impl From<&RehearsalReport> for Outcome {
    fn from(report: &RehearsalReport) -> Self {
        let steps = report.steps.iter().map(|step| Step {
            id: step.id.name().to_owned(),
            status: step.status.name(),
            seconds: step.seconds,
        });
        Self {
            decision: report.decision.name(),
            seconds: report.seconds,
            snapshot: report.snapshot.as_ref().map(|s| s.sha256.to_string()),
            steps: steps.collect(),
            packets: report.packets.iter().map(|p| p.sha256.to_string()).collect(),
        }
    }
}

/// Starts a rehearsal of the deployment's scenario. Only one can run at a time.
#[utoipa::path(post, path = "/api/v1/rehearsals", tag = "rehearsals",
    operation_id = "startRehearsal", params(IdempotencyHeader), request_body = Start,
    responses(
        (status = 202, body = Rehearsal, headers(("Location" = String, description = "Address of the rehearsal"))),
        WriteErrors))]
pub async fn start(
    State(service): State<Arc<Service>>,
    caller: Caller,
    request: Request,
) -> Result<StoredResponse, Problem> {
    let key = read_key(request.headers())?;
    caller.authorize(&service, Action::Rehearse).await?;
    let text = body::text(&service.limits, request).await?;
    let Start { target } = body::parse(&text)?;
    let actor = caller.principal.actor.clone();
    let key = key.map(|key| IdempotencyKey {
        tenant: caller.principal.tenant.clone(),
        actor: actor.clone(),
        operation: "rehearse",
        key,
    });
    let order = Order {
        target,
        snapshot: None,
        resume: None,
        ran: format!("rehearse --target {target}, by {actor} in request {}", caller.request.0),
        without: &[],
    };
    let own = Arc::clone(&service);
    let work = async move {
        let begun = own.jobs.start(&own.settings, order, actor).map_err(|Busy(id)| {
            Problem::new(ProblemKind::Conflict, "a rehearsal is already running")
                .with("rehearsal", id)
        })?;
        own.metrics.rehearsals.inc();
        let now = begun.now();
        Ok(StoredResponse {
            status: StatusCode::ACCEPTED,
            headers: vec![(header::LOCATION, format!("/api/v1/rehearsals/{}", now.id))],
            body: to_json(&Rehearsal::from(&now))?,
        })
    };
    service.write_once(key, Digest::of(&text), work).await
}

/// The current state of a rehearsal.
#[utoipa::path(get, path = "/api/v1/rehearsals/{id}", tag = "rehearsals",
    operation_id = "showRehearsal", params(("id" = String, Path, min_length = 1)),
    responses((status = 200, body = Rehearsal), CommonErrors))]
pub async fn state(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let running = find(&service, &caller, &id).await?;
    view(StatusCode::OK, &Rehearsal::from(&running.now()))
}

/// Cancels a rehearsal: it removes what it created, and leaves evidence of how far it came.
#[utoipa::path(delete, path = "/api/v1/rehearsals/{id}", tag = "rehearsals",
    operation_id = "cancelRehearsal", params(("id" = String, Path, min_length = 1)),
    responses((status = 202, body = Rehearsal, description = "It is stopping, or has ended"), CommonErrors))]
pub async fn cancel(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let running = find(&service, &caller, &id).await?;
    running.stop();
    view(StatusCode::ACCEPTED, &Rehearsal::from(&running.now()))
}

/// A rehearsal's progress as server-sent events: `progress` after each change, then `end`; each
/// holds the whole state. A client that connects late or again first gets the current state.
#[utoipa::path(get, path = "/api/v1/rehearsals/{id}/events", tag = "rehearsals",
    operation_id = "watchRehearsal", params(("id" = String, Path, min_length = 1)),
    responses((status = 200, content_type = "text/event-stream", body = String), CommonErrors))]
pub async fn events(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let watched = find(&service, &caller, &id).await?.watch();
    let stop = service.stop.clone();
    let progress = stream::unfold(
        (watched, stop, false, true),
        |(mut watched, mut stop, over, first)| async move {
            if over {
                return None;
            }
            if !first {
                tokio::time::sleep(PAUSE).await;
                let stopping = async {
                    if stop.wait_for(|stop| *stop).await.is_err() {
                        std::future::pending::<()>().await;
                    }
                };
                tokio::select! {
                    changed = watched.changed() => changed.ok()?,
                    () = stopping => return None,
                }
            }
            let now = watched.borrow_and_update().clone();
            let over = now.phase.over();
            let text = serde_json::to_string(&Rehearsal::from(&now)).ok()?;
            let event = Event::default().event(if over { "end" } else { "progress" }).data(text);
            Some((Ok::<_, Infallible>(event), (watched, stop, over, false)))
        },
    );
    Ok(Sse::new(progress).keep_alive(KeepAlive::default()).into_response())
}

async fn find(service: &Service, caller: &Caller, id: &str) -> Result<Job, Problem> {
    caller.authorize(service, Action::Rehearse).await?;
    service.jobs.find(id).ok_or_else(|| Problem::not_found("rehearsal"))
}
