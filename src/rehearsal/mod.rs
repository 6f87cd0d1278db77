//! Rehearsals: freeze, migrate, replay, verify, probe isolation, roll back, and seal the evidence.

pub mod drill;
pub mod jobs;
pub mod journal;
mod packets;
mod prefetch;
mod run;
pub mod scratch;
pub mod steps;
pub mod verify;

pub use journal::Unfinished;
pub use run::{Rehearsal, Rehearsed, StepOutcome, rehearse};

use self::prefetch::Prefetch;
use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::{ScenarioStore, TenantId};
use flowcontrol_database::Workspace;
use flowcontrol_gates::connection::ConnectionFacts;
use flowcontrol_gates::outcome::StepId;
use flowcontrol_isolation::Sessions;
use flowcontrol_runbook::Connections;
use flowcontrol_servers::{Target, TargetChoice};
use flowcontrol_snapshot::Summary;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::task::JoinHandle;

/// The request for a rehearsal.
#[derive(Clone, Debug)]
pub struct Order {
    /// The requested target.
    pub target: TargetChoice,
    /// A frozen snapshot to use instead of freezing the configured store.
    pub snapshot: Option<PathBuf>,
    /// The rehearsal to resume, which was killed on the external target.
    pub resume: Option<Unfinished>,
    /// The command as it was given, for the evidence.
    pub ran: String,
    /// Steps to skip; empty for a whole rehearsal.
    pub without: &'static [StepId],
}

impl Order {
    /// The earlier run whose database holds a replay to continue; `None` also when that run had
    /// reached its probes, which leave rows in the database.
    pub fn goes_on_in(&self) -> Option<&Unfinished> {
        self.resume.as_ref().filter(|earlier| !earlier.journal.probed)
    }
}

/// The task that starts a target and creates the database on it. A failure to create the database
/// is returned with the target, which must be removed in any case.
pub type StartTask = JoinHandle<Result<(Target, Result<Workspace>)>>;

/// The resources that a rehearsal has created so far.
#[derive(Debug, Default)]
pub struct Resources {
    /// The snapshot's file and content.
    pub snapshot: Option<(PathBuf, Summary)>,
    /// The task that creates the server and the database, while it runs: a cancelled
    /// step must not leave an unknown database behind.
    pub start_task: Option<StartTask>,
    /// The server.
    pub target: Option<Target>,
    /// The database on it.
    pub workspace: Option<Workspace>,
    /// The results of the connection probes.
    pub facts: Option<ConnectionFacts>,
    /// The connections for migrating.
    pub migrators: Option<Prefetch<Connections>>,
    /// The store for the next step.
    pub store: Option<Prefetch<Arc<dyn ScenarioStore>>>,
    /// The connections for the isolation probes.
    pub sessions: Option<Prefetch<Sessions>>,
    /// Says that this run is at work, from when it has a journal until its end.
    pub lock: Option<flowcontrol_files::Lock>,
}

impl Resources {
    /// The tenants of the snapshot.
    pub fn tenants(&self) -> Vec<TenantId> {
        self.snapshot.as_ref().map(|(_, summary)| summary.header.tenant_ids()).unwrap_or_default()
    }

    /// Waits for the start task, so that its target is known and can be removed.
    ///
    /// # Errors
    /// Why the database could not be created; the server is stored in any case.
    pub async fn await_start(&mut self) -> Result<()> {
        let Some(making) = &mut self.start_task else { return Ok(()) };
        let made = making.await;
        self.start_task = None;
        let (target, workspace) = made.map_err(|e| {
            Failure::environment(format!("the task that creates the database failed: {e}"))
        })??;
        self.target = Some(target);
        self.workspace = Some(workspace?);
        Ok(())
    }
}
