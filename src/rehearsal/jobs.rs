//! Rehearsals as background jobs: started, watched and stopped by their id. One at a time:
//! two on one machine would distort each other's measurements.

use super::{Order, rehearse};
use crate::config::Settings;
use crate::progress::Progress;
use crate::progress::{Change, Event};
use flowcontrol_base::Exit;
use flowcontrol_base::clock;
use flowcontrol_contract::{ActorId, Timestamp};
use flowcontrol_gates::outcome::RehearsalReport;
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// Ended jobs that are kept; their evidence stays in the chain.
const REMEMBERED: usize = 50;

/// The phase of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum JobPhase {
    /// It is running.
    Running,
    /// It was told to stop and is removing what it created.
    Stopping,
    /// It ended and proved what it was to prove.
    Passed,
    /// It ended without proving it.
    Failed,
    /// It was stopped, and removed what it created.
    Interrupted,
}

impl JobPhase {
    /// Whether it has ended.
    pub const fn over(self) -> bool {
        matches!(self, Self::Passed | Self::Failed | Self::Interrupted)
    }
}

/// One step of its work.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct JobStep {
    /// Its name.
    pub name: String,
    /// Completed units.
    pub done: u64,
    /// All units, if known.
    pub total: Option<u64>,
    /// Whether it succeeded; `None` while it runs.
    pub well: Option<bool>,
    /// Its duration, in seconds.
    pub seconds: Option<f64>,
}

/// The state of a job.
#[derive(Clone, Debug)]
pub struct JobState {
    /// Its id.
    pub id: String,
    /// Its phase.
    pub phase: JobPhase,
    /// The actor who started it.
    pub by: ActorId,
    /// When it was started.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Its steps so far, in order.
    pub work: Vec<JobStep>,
    /// Its report, once it has ended.
    pub report: Option<Arc<RehearsalReport>>,
}

/// A handle to a job.
#[derive(Clone, Debug)]
pub struct Job {
    state: watch::Receiver<JobState>,
    stop: watch::Sender<bool>,
}

impl Job {
    /// Watches its state.
    pub fn watch(&self) -> watch::Receiver<JobState> {
        self.state.clone()
    }

    /// Its current state.
    pub fn now(&self) -> JobState {
        self.state.borrow().clone()
    }

    /// Tells it to stop and remove what it created; no effect once it has ended.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Waits until it has ended.
    pub async fn over(&self) {
        // The sender is dropped when the work ends, in any way.
        let _ = self.state.clone().wait_for(|state| state.phase.over()).await;
    }
}

/// All jobs of this process; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Jobs {
    all: Arc<Mutex<VecDeque<(String, Job)>>>,
}

/// A rehearsal was not started, because the one with this id is running.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Busy(pub String);

impl Jobs {
    /// Starts a rehearsal on behalf of the actor `by`.
    ///
    /// # Errors
    /// When one is running.
    pub fn start(&self, settings: &Settings, order: Order, by: ActorId) -> Result<Job, Busy> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((id, _)) = all.iter().find(|(_, r)| !r.state.borrow().phase.over()) {
            return Err(Busy(id.clone()));
        }
        let id = clock::random_hex(8);
        let (sender, state) = watch::channel(JobState {
            id: id.clone(),
            phase: JobPhase::Running,
            by,
            started_at: clock::now(),
            ended_at: None,
            work: Vec::new(),
            report: None,
        });
        let (stop, asked) = watch::channel(false);
        let running = Job { state, stop };
        all.push_back((id, running.clone()));
        while all.len() > REMEMBERED {
            all.pop_front();
        }
        let settings = settings.clone();
        tokio::spawn(run(settings, order, sender, asked));
        Ok(running)
    }

    /// The job with this id.
    pub fn find(&self, id: &str) -> Option<Job> {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().find(|(known, _)| known == id).map(|(_, running)| running.clone())
    }

    /// The running job, if any.
    pub fn at_work(&self) -> Option<Job> {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|(_, r)| r).find(|r| !r.state.borrow().phase.over()).cloned()
    }

    /// Stops the running job, if any, and waits until it has removed what it created.
    pub async fn close(&self) {
        if let Some(running) = self.at_work() {
            running.stop();
            running.over().await;
        }
    }
}

async fn run(
    settings: Settings,
    order: Order,
    sender: watch::Sender<JobState>,
    asked: watch::Receiver<bool>,
) {
    let sender = Arc::new(sender);
    let told = Arc::clone(&sender);
    let progress = Progress::events(move |event| told.send_modify(|state| note(state, event)));
    let work = {
        let asked = asked.clone();
        // A separate task: if it panics, the state is still set to ended.
        tokio::spawn(async move { rehearse(&settings, &order, &progress, asked).await })
    };
    let mut asked = asked;
    let watched = Arc::clone(&sender);
    let stopping = tokio::spawn(async move {
        if asked.wait_for(|asked| *asked).await.is_ok() {
            watched.send_modify(|state| state.phase = JobPhase::Stopping);
        }
    });
    let ended = work.await;
    stopping.abort();
    // So that no event follows its end.
    let _ = stopping.await;
    sender.send_modify(|state| {
        state.ended_at = Some(clock::now());
        state.phase = match &ended {
            Ok(Ok(done)) if done.exit == Exit::Done => JobPhase::Passed,
            Ok(Ok(done)) if done.exit == Exit::Interrupted => JobPhase::Interrupted,
            Ok(Err(failure)) if failure.exit == Exit::Interrupted => JobPhase::Interrupted,
            _ => JobPhase::Failed,
        };
        match ended {
            Ok(Ok(done)) => state.report = Some(Arc::new(done.report)),
            Ok(Err(failure)) => {
                tracing::warn!(rehearsal = %state.id, "the rehearsal left no evidence: {failure}");
            }
            Err(error) => {
                tracing::error!(rehearsal = %state.id, "the rehearsal's task failed: {error}");
            }
        }
    });
}

/// Applies an event to the newest step of its name.
fn note(state: &mut JobState, event: Event) {
    if let Change::Begun(total) = event.change {
        let fresh = JobStep { name: event.step, done: 0, total, well: None, seconds: None };
        return state.work.push(fresh);
    }
    let Some(work) = state.work.iter_mut().rev().find(|work| work.name == event.step) else {
        return;
    };
    match event.change {
        Change::Begun(_) | Change::At(_) => {}
        Change::Total(total) => work.total = Some(total),
        Change::More(n) => work.done = work.done.saturating_add(n),
        Change::Already(n) => work.done = n,
        Change::Ended { well, seconds } => {
            work.well = Some(well);
            work.seconds = Some(seconds);
        }
    }
}
