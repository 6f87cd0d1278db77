//! The order of the steps, and what happens when one of them fails or the user stops it.

use super::{Order, Resources, journal, packets, steps};
use crate::config::Settings;
use crate::progress::Progress;
use flowcontrol_base::clock;
use flowcontrol_base::{Exit, Failure, Result};
use flowcontrol_evidence::{EvidenceStore, KnownSecrets, Outcome};
use flowcontrol_gates::outcome::{RehearsalReport, Scope, StepId, StepStatus, verdict};
use flowcontrol_target::TargetKind;
use futures::future::BoxFuture;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::watch;

/// Longest wait for a target that is still being started when the rehearsal is stopped.
const PATIENCE: Duration = Duration::from_secs(20);

/// One rehearsal while it runs.
#[derive(Debug)]
pub struct Run<'a> {
    /// The configuration.
    pub settings: &'a Settings,
    /// What was asked for.
    pub order: &'a Order,
    /// Where progress is shown.
    pub progress: &'a Progress,
    /// What was found so far.
    pub report: RehearsalReport,
    /// What was made so far and must be taken down.
    pub resources: Resources,
    /// Secrets that must not reach evidence.
    pub secrets: KnownSecrets,
    /// The chain.
    pub evidence: EvidenceStore,
    /// The folder of this run's files.
    pub folder: PathBuf,
}

/// How one step ended, when it came to an end.
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

    /// A step that ran and found something wrong; later steps still run.
    pub fn found(detail: impl Into<String>) -> Self {
        Self { proved: false, detail: detail.into() }
    }
}

type StepWork = for<'r, 'a> fn(&'r mut Run<'a>) -> BoxFuture<'r, Result<StepOutcome>>;

const STEPS: [(StepId, StepWork); 7] = [
    (StepId::Freeze, |run| Box::pin(steps::freeze(run))),
    (StepId::Target, |run| Box::pin(steps::target(run))),
    (StepId::Migrate, |run| Box::pin(steps::migrate(run))),
    (StepId::Replay, |run| Box::pin(steps::replay(run))),
    (StepId::Verify, |run| Box::pin(steps::verify(run))),
    (StepId::Isolation, |run| Box::pin(steps::isolation(run))),
    (StepId::Rollback, |run| Box::pin(steps::rollback(run))),
];

/// What a rehearsal came to.
#[derive(Debug)]
pub struct Rehearsed {
    /// The report, whatever happened.
    pub report: RehearsalReport,
    /// The exit code that the steps decided.
    pub exit: Exit,
}

/// Runs a rehearsal to its end: also when a step fails or `stop` turns true, everything that was
/// made is taken down, and the evidence says how far it came.
///
/// # Errors
/// Only when not even the evidence could be written; what the steps found is in the report.
pub async fn rehearse(
    settings: &Settings,
    order: &Order,
    progress: &Progress,
    mut stop: watch::Receiver<bool>,
) -> Result<Rehearsed> {
    let began = clock::instant();
    let mut run = Run::begin(settings, order, progress)?;
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

/// Completes once `stop` is true; never when nobody can turn it true any more.
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending().await
    }
}

impl<'a> Run<'a> {
    pub(super) fn begin(
        settings: &'a Settings,
        order: &'a Order,
        progress: &'a Progress,
    ) -> Result<Self> {
        // A key that cannot be read stops this before anything is made.
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

    /// Takes the steps, then takes down whatever they made, however they ended; the exit code so
    /// far.
    pub(super) async fn walk(&mut self, stop: &mut watch::Receiver<bool>) -> Result<Exit> {
        let stepped = self.steps(stop).await;
        // Also when the evidence could not be written: a database must not stay behind for that.
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

    /// Takes the steps in order until one fails or `stop` turns true; the exit code so far.
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

    /// How far the steps came, for packets.
    pub fn outcome(&self, id: StepId) -> Outcome {
        match self.report.step(id).map(|step| step.status) {
            Some(StepStatus::Passed) => Outcome::Passed,
            Some(StepStatus::Interrupted) => Outcome::Interrupted,
            _ => Outcome::Failed,
        }
    }

    /// Takes down whatever was made: the workspace's database and the target.
    async fn take_down(&mut self) -> Result<()> {
        // A step that was stopped may have been making it; what that came to is the step's failure.
        if tokio::time::timeout(PATIENCE, self.resources.settle()).await.is_err()
            && let Some(making) = self.resources.start_task.take()
        {
            // A download or a pull that takes long; what it has started goes when it is dropped.
            making.abort();
        }
        self.resources.migrators = None;
        self.resources.store = None;
        self.resources.sessions = None;
        let Some(target) = self.resources.target.take() else { return Ok(()) };
        // The database on a throw-away server goes with the server.
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
