//! The main job: freeze, migrate, replay, verify, attack, roll back, and say so in evidence.

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
pub use run::{Rehearsed, Run, StepOutcome, rehearse};

use self::prefetch::Prefetch;
use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::{ScenarioStore, TenantId};
use flowcontrol_database::Workspace;
use flowcontrol_gates::connection::Facts;
use flowcontrol_gates::outcome::StepId;
use flowcontrol_isolation::Sessions;
use flowcontrol_runbook::Connections;
use flowcontrol_snapshot::Summary;
use flowcontrol_target::{Target, TargetChoice};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::task::JoinHandle;

/// What a rehearsal is asked to do.
#[derive(Clone, Debug)]
pub struct Order {
    /// The Postgres to use.
    pub target: TargetChoice,
    /// A frozen snapshot, instead of freezing the configured store.
    pub snapshot: Option<PathBuf>,
    /// Go on with this rehearsal, which was killed on the external target.
    pub resume: Option<Unfinished>,
    /// The command as it was given, for the evidence.
    pub ran: String,
    /// Steps that are left out, by id; a rehearsal leaves out none.
    pub without: &'static [StepId],
}

impl Order {
    /// The earlier run whose database holds a replay to go on with; `None` also when that run had
    /// come to its probes, which leave rows of their own.
    pub fn goes_on_in(&self) -> Option<&Unfinished> {
        self.resume.as_ref().filter(|earlier| !earlier.journal.probed)
    }
}

/// A target being started and the database being made on it. Why the database could not be made
/// comes with the target, which must be taken down all the same.
pub type StartTask = JoinHandle<Result<(Target, Result<Workspace>)>>;

/// What a rehearsal has made so far.
#[derive(Debug, Default)]
pub struct Resources {
    /// The snapshot's file and content.
    pub snapshot: Option<(PathBuf, Summary)>,
    /// The server and the database on it, while they are being made: a step that is given up half
    /// way must not leave a database that nobody knows.
    pub start_task: Option<StartTask>,
    /// The server.
    pub target: Option<Target>,
    /// The database on it.
    pub workspace: Option<Workspace>,
    /// What the connection probes found.
    pub facts: Option<Facts>,
    /// The connections that migrate.
    pub migrators: Option<Prefetch<Connections>>,
    /// The store of the step to come.
    pub store: Option<Prefetch<Arc<dyn ScenarioStore>>>,
    /// The connections of the isolation probes.
    pub sessions: Option<Prefetch<Sessions>>,
    /// Says that this run is at work, from when it has a journal until its end.
    pub lock: Option<flowcontrol_files::Lock>,
}

impl Resources {
    /// The tenants of the snapshot.
    pub fn tenants(&self) -> Vec<TenantId> {
        self.snapshot.as_ref().map(|(_, summary)| summary.header.tenant_ids()).unwrap_or_default()
    }

    /// Waits for what is being made, so that it is known and can be taken down.
    ///
    /// # Errors
    /// Why the database could not be made; the server is kept all the same.
    pub async fn settle(&mut self) -> Result<()> {
        let Some(making) = &mut self.start_task else { return Ok(()) };
        let made = making.await;
        self.start_task = None;
        let (target, workspace) =
            made.map_err(|e| Failure::environment(format!("making the database stopped: {e}")))??;
        self.target = Some(target);
        self.workspace = Some(workspace?);
        Ok(())
    }
}
