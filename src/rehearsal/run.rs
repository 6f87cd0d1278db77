//! Runs the steps in order, also when one of them fails or the user stops it.

use super::{Order, Resources, journal, packets, steps};
use crate::config::Settings;
use crate::progress::Progress;
use flowcontrol_base::clock;
use flowcontrol_base::{Exit, Failure, Result};
use flowcontrol_evidence::{EvidenceStore, KnownSecrets, Outcome};
use flowcontrol_gates::outcome::{RehearsalReport, Scope, StepId, StepStatus, verdict};
use flowcontrol_servers::TargetKind;
use futures::future::BoxFuture;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::watch;

/// The longest wait for a target that is still starting when the rehearsal is stopped.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// A running rehearsal.
#[derive(Debug)]
pub struct Rehearsal<'a> {
    /// The configuration.
    pub settings: &'a Settings,
    /// The request.
    pub order: &'a Order,
    /// The progress output.
    pub progress: &'a Progress,
    /// The report so far.
    pub report: RehearsalReport,
    /// The resources created so far, which must be removed.
    pub resources: Resources,
    /// Secrets that must not reach evidence.
    pub secrets: KnownSecrets,
    /// The evidence chain.
    pub evidence: EvidenceStore,
    /// The folder of this run's files.
    pub folder: PathBuf,
}

/// The outcome of a completed step.
#[derive(Debug)]
pub struct StepOutcome {
    /// Whether it proved what it is for.
    pub proved: bool,
    /// One sentence for the report.
    pub detail: String,
}

impl StepOutcome {
    /// A step that proved what it is for.
    pub fn proved(detail: impl Into<String>) -> Self {
        Self { proved: true, detail: detail.into() }
    }

    /// A step that completed and found a problem; later steps still run.
    pub fn found(detail: impl Into<String>) -> Self {
        Self { proved: false, detail: detail.into() }
    }
}

type StepWork = for<'r, 'a> fn(&'r mut Rehearsal<'a>) -> BoxFuture<'r, Result<StepOutcome>>;

const STEPS: [(StepId, StepWork); 7] = [
    (StepId::Freeze, |run| Box::pin(steps::freeze(run))),
    (StepId::Target, |run| Box::pin(steps::target(run))),
    (StepId::Migrate, |run| Box::pin(steps::migrate(run))),
    (StepId::Replay, |run| Box::pin(steps::replay(run))),
    (StepId::Verify, |run| Box::pin(steps::verify(run))),
    (StepId::Isolation, |run| Box::pin(steps::isolation(run))),
    (StepId::Rollback, |run| Box::pin(steps::rollback(run))),
];

/// The result of a rehearsal.
#[derive(Debug)]
pub struct Rehearsed {
    /// The report.
    pub report: RehearsalReport,
    /// The exit code that follows from the steps.
    pub exit: Exit,
}

/// Runs a rehearsal. Also when a step fails or `stop` becomes true, everything that was
/// created is removed, and the evidence records how far it came.
///
/// # Errors
/// Only when the evidence could not be written; what the steps found is in the report.
pub async fn rehearse(
    settings: &Settings,
    order: &Order,
    progress: &Progress,
    mut stop: watch::Receiver<bool>,
) -> Result<Rehearsed> {
    let began = clock::instant();
    let mut run = Rehearsal::begin(settings, order, progress)?;
    let mut exit = run.walk(&mut stop).await?;
    let since = clock::instant();
    run.report.checks = packets::checks(&run);
    if run.report.scope == Scope::Scenario {
        run.seal(packets::dry_run)?;
    }
    run.note(StepId::Evidence, Ok(StepOutcome::proved("sealed")), since.elapsed().as_secs_f64());
    run.report.seconds = began.elapsed().as_secs_f64();
    run.report.decision = verdict::decide(&run.report);
    run.seal(packets::rehearsal)?;
    let sealed = run.report.packets.len();
    if let Some(step) = run.report.step_mut(StepId::Evidence) {
        step.detail = Some(format!("{sealed} packets sealed"));
        step.seconds = Some(since.elapsed().as_secs_f64());
    }
    run.report.seconds = began.elapsed().as_secs_f64();
    if exit == Exit::Done && !verdict::reasons(&run.report).is_empty() {
        exit = Exit::Check;
    }
    Ok(Rehearsed { report: run.report, exit })
}

/// Completes once `stop` is true; never if its sender is dropped.
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending().await
    }
}

impl<'a> Rehearsal<'a> {
    pub(super) fn begin(
        settings: &'a Settings,
        order: &'a Order,
        progress: &'a Progress,
    ) -> Result<Self> {
        // An unreadable key is reported before anything is created.
        let evidence = settings.evidence()?;
        let started = clock::now();
        let version = flowcontrol_base::VERSION;
        let scope =
            if settings.config.migrations.scenario { Scope::Scenario } else { Scope::Migrations };
        let mut report =
            RehearsalReport::begin(version, &settings.config.profile, started).scoped(scope);
        report.session = Some(settings.config.session.to_string());
        report.steps.retain(|step| !order.without.contains(&step.id));
        let folder = journal::create_folder(&settings.state(), started)?;
        Ok(Self {
            settings,
            order,
            progress,
            report,
            resources: Resources::default(),
            secrets: evidence.secrets(),
            evidence,
            folder,
        })
    }

    /// Runs the steps, then removes the resources they created, whatever the result; returns the exit code so
    /// far.
    pub(super) async fn walk(&mut self, stop: &mut watch::Receiver<bool>) -> Result<Exit> {
        let stepped = self.steps(stop).await;
        // Also when the evidence could not be written: a database must not be left behind because of that.
        let taken_down = self.take_down().await;
        let mut exit = stepped?;
        if let Err(failure) = taken_down {
            exit = failure.exit;
            let last = if self.report.step(StepId::Rollback).is_some() {
                StepId::Rollback
            } else {
                StepId::Isolation
            };
            self.note(last, Err(failure), 0.0);
        }
        Ok(exit)
    }

    /// Runs the steps in order until one fails or `stop` becomes true; returns the exit code so far.
    async fn steps(&mut self, stop: &mut watch::Receiver<bool>) -> Result<Exit> {
        for (id, work) in STEPS {
            if self.report.step(id).is_none() {
                continue;
            }
            let since = clock::instant();
            let ended = tokio::select! {
                biased;
                () = stopped(stop) => Err(Failure::interrupted()),
                ended = work(self) => ended,
            };
            let failed = ended.as_ref().err().map(|failure| failure.exit);
            self.note(id, ended, since.elapsed().as_secs_f64());
            self.seal(|run| packets::step(run, id))?;
            if id == StepId::Target && self.resources.facts.is_some() {
                self.seal(packets::connection)?;
            }
            if let Some(code) = failed {
                return Ok(code);
            }
        }
        Ok(Exit::Done)
    }

    fn note(&mut self, id: StepId, ended: Result<StepOutcome>, seconds: f64) {
        let Some(step) = self.report.step_mut(id) else { return };
        step.seconds = Some(seconds);
        match ended {
            Ok(done) => {
                step.status = if done.proved { StepStatus::Passed } else { StepStatus::Failed };
                step.detail = Some(done.detail);
            }
            Err(failure) => {
                step.status = match failure.exit {
                    Exit::Interrupted => StepStatus::Interrupted,
                    _ => StepStatus::Failed,
                };
                step.detail = Some(failure.message);
                step.hint = failure.hint;
            }
        }
    }

    fn seal(
        &mut self,
        draft: impl FnOnce(&Self) -> Result<flowcontrol_evidence::Draft>,
    ) -> Result<()> {
        let draft = draft(self)?;
        let stored = self.evidence.append(draft, &self.secrets)?;
        self.report.packets.push(packets::reference(&stored));
        Ok(())
    }

    /// The outcome of a step, for packets.
    pub fn outcome(&self, id: StepId) -> Outcome {
        match self.report.step(id).map(|step| step.status) {
            Some(StepStatus::Passed) => Outcome::Passed,
            Some(StepStatus::Interrupted) => Outcome::Interrupted,
            _ => Outcome::Failed,
        }
    }

    /// Removes what was created: the workspace's database and the target.
    async fn take_down(&mut self) -> Result<()> {
        // A stopped step may have been creating it; its result is part of the step's failure.
        if tokio::time::timeout(START_TIMEOUT, self.resources.await_start()).await.is_err()
            && let Some(making) = self.resources.start_task.take()
        {
            // A download or a pull that takes long; what it started is removed when it is dropped.
            making.abort();
        }
        self.resources.migrators = None;
        self.resources.store = None;
        self.resources.sessions = None;
        let Some(target) = self.resources.target.take() else { return Ok(()) };
        // The database on a temporary server is removed with the server.
        let kept = target.kind == TargetKind::External;
        if let Some(workspace) = self.resources.workspace.take().filter(|_| kept) {
            target.drop_workspace(&workspace).await?;
            journal::forget(&self.settings.state(), &workspace.endpoint.database)?;
        }
        let disposed = target.dispose().await?;
        let last = self
            .report
            .steps
            .iter_mut()
            .rev()
            .find(|s| s.id != StepId::Evidence && s.seconds.is_some());
        if let Some(step) = last {
            let detail = step.detail.take().unwrap_or_default();
            step.detail = Some(format!("{detail}; {}", disposed.what));
        }
        Ok(())
    }
}
