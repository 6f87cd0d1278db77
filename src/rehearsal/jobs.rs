//! Rehearsals that run beside other work: started, watched and stopped by their id. One at a time:
//! two on one machine would measure each other.

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

/// Ended rehearsals that are remembered; their evidence is in the chain for good.
const REMEMBERED: usize = 50;

/// How far a rehearsal came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// It is at work.
    Running,
    /// It was asked to stop and is taking down what it made.
    Stopping,
    /// It ended and proved what it set out to.
    Passed,
    /// It ended and did not.
    Failed,
    /// It was stopped, and took down what it made.
    Interrupted,
}

impl Phase {
    /// Whether nothing will change any more.
    pub const fn over(self) -> bool {
        matches!(self, Self::Passed | Self::Failed | Self::Interrupted)
    }
}

/// One piece of its work.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Work {
    /// Its name.
    pub name: String,
    /// Units that are done.
    pub done: u64,
    /// Units that there are, where that is known.
    pub total: Option<u64>,
    /// How it ended: `None` while it goes on.
    pub well: Option<bool>,
    /// How long it took.
    pub seconds: Option<f64>,
}

/// A rehearsal as it is seen from outside.
#[derive(Clone, Debug)]
pub struct State {
    /// Its id.
    pub id: String,
    /// How far it came.
    pub phase: Phase,
    /// Who started it.
    pub by: ActorId,
    /// When.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Its work so far, in order.
    pub work: Vec<Work>,
    /// What it found, once it is over.
    pub report: Option<Arc<RehearsalReport>>,
}

/// A rehearsal of the desk.
#[derive(Clone, Debug)]
pub struct Running {
    state: watch::Receiver<State>,
    stop: watch::Sender<bool>,
}

impl Running {
    /// As it is now, and as it becomes.
    pub fn watch(&self) -> watch::Receiver<State> {
        self.state.clone()
    }

    /// As it is now.
    pub fn now(&self) -> State {
        self.state.borrow().clone()
    }

    /// Asks it to stop and take down what it made; without effect once it is over.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Waits until it is over.
    pub async fn over(&self) {
        // Its sender goes when the work does, however that ended.
        let _ = self.state.clone().wait_for(|state| state.phase.over()).await;
    }
}

/// The desk; clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Jobs {
    all: Arc<Mutex<VecDeque<(String, Running)>>>,
}

/// Why a rehearsal was not started: this one is at work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Busy(pub String);

impl Jobs {
    /// Starts a rehearsal for `by`.
    ///
    /// # Errors
    /// When one is at work.
    pub fn start(&self, settings: &Settings, order: Order, by: ActorId) -> Result<Running, Busy> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((id, _)) = all.iter().find(|(_, r)| !r.state.borrow().phase.over()) {
            return Err(Busy(id.clone()));
        }
        let id = clock::random_hex(8);
        let (sender, state) = watch::channel(State {
            id: id.clone(),
            phase: Phase::Running,
            by,
            started_at: clock::now(),
            ended_at: None,
            work: Vec::new(),
            report: None,
        });
        let (stop, asked) = watch::channel(false);
        let running = Running { state, stop };
        all.push_back((id, running.clone()));
        while all.len() > REMEMBERED {
            all.pop_front();
        }
        let settings = settings.clone();
        tokio::spawn(run(settings, order, sender, asked));
        Ok(running)
    }

    /// The rehearsal of this id.
    pub fn find(&self, id: &str) -> Option<Running> {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().find(|(known, _)| known == id).map(|(_, running)| running.clone())
    }

    /// The one that is at work.
    pub fn at_work(&self) -> Option<Running> {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|(_, r)| r).find(|r| !r.state.borrow().phase.over()).cloned()
    }

    /// Stops whatever is at work and waits until it has taken down what it made.
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
    sender: watch::Sender<State>,
    asked: watch::Receiver<bool>,
) {
    let sender = Arc::new(sender);
    let told = Arc::clone(&sender);
    let progress = Progress::events(move |event| told.send_modify(|state| note(state, event)));
    let work = {
        let asked = asked.clone();
        // A task of its own: should it panic, the state still comes to an end.
        tokio::spawn(async move { rehearse(&settings, &order, &progress, asked).await })
    };
    let mut asked = asked;
    let watched = Arc::clone(&sender);
    let stopping = tokio::spawn(async move {
        if asked.wait_for(|asked| *asked).await.is_ok() {
            watched.send_modify(|state| state.phase = Phase::Stopping);
        }
    });
    let ended = work.await;
    stopping.abort();
    // So that nothing is said of it after its end.
    let _ = stopping.await;
    sender.send_modify(|state| {
        state.ended_at = Some(clock::now());
        state.phase = match &ended {
            Ok(Ok(done)) if done.exit == Exit::Done => Phase::Passed,
            Ok(Ok(done)) if done.exit == Exit::Interrupted => Phase::Interrupted,
            Ok(Err(failure)) if failure.exit == Exit::Interrupted => Phase::Interrupted,
            _ => Phase::Failed,
        };
        match ended {
            Ok(Ok(done)) => state.report = Some(Arc::new(done.report)),
            Ok(Err(failure)) => {
                tracing::warn!(rehearsal = %state.id, "the rehearsal left no evidence: {failure}");
            }
            Err(error) => {
                tracing::error!(rehearsal = %state.id, "the rehearsal broke off: {error}");
            }
        }
    });
}

/// The newest work of that name is the one that an event is about.
fn note(state: &mut State, event: Event) {
    if let Change::Begun(total) = event.change {
        let fresh = Work { name: event.step, done: 0, total, well: None, seconds: None };
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
