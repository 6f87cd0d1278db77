//! The running migration engine: the held lock, and the connection that runs files.

use super::Site;
use super::apply::{Applied, Attempts, Reverted, refuse};
use super::ledger::Ledger;
use super::lock::{self, MigrationLock};
use super::plan::{Direction, Goal, PlanStep, plan};
use super::session::{self, ScriptFailure};
use super::source::{Script, Source, Version};
use super::worker::Worker;
use flowcontrol_base::Result;
use sqlx::postgres::PgConnection;

/// The connections of an [`Engine`].
#[derive(Debug)]
pub struct Connections {
    lock: PgConnection,
    worker: Worker,
}

impl Connections {
    /// Opens them concurrently.
    ///
    /// # Errors
    /// As [`session::open`].
    pub async fn open(site: Site<'_>) -> Result<Self> {
        let (lock, worker) =
            tokio::try_join!(session::open(site, lock::APPLICATION), Worker::open(site))?;
        Ok(Self { lock, worker })
    }
}

/// The held lock, and the connection that runs files.
#[derive(Debug)]
pub struct Engine<'a> {
    pub(super) site: Site<'a>,
    pub(super) held: MigrationLock,
    pub(super) worker: Worker,
}

impl<'a> Engine<'a> {
    /// Takes the lock of the site's ledger.
    ///
    /// # Errors
    /// An environment failure when the server cannot be reached or the lock is not free within the
    /// budget.
    pub async fn start(site: Site<'a>) -> Result<Self> {
        Self::start_over(site, Connections::open(site).await?).await
    }

    /// [`Engine::start`] over open connections.
    ///
    /// # Errors
    /// As [`Engine::start`].
    pub async fn start_over(site: Site<'a>, connections: Connections) -> Result<Self> {
        let Connections { lock, worker } = connections;
        Ok(Self { site, held: lock::take_over(site, lock).await?, worker })
    }

    /// Releases the lock and returns `outcome`; its failure takes precedence.
    ///
    /// # Errors
    /// That failure, or an environment failure when the lock was lost meanwhile.
    pub async fn finish<T>(self, outcome: Result<T>) -> Result<T> {
        self.worker.close().await;
        let released = self.held.release(self.site).await;
        let value = outcome?;
        released?;
        Ok(value)
    }

    /// The lock's connection, for the ledger and the catalog: never for a file.
    pub fn connection(&mut self) -> &mut PgConnection {
        self.held.connection()
    }

    async fn steps(&mut self, source: &Source, goal: Goal) -> Result<(Ledger, Vec<PlanStep>)> {
        let ledger = Ledger::new(&self.site.layout.ledger_schema);
        let plan = plan(source, &ledger.rows(self.held.connection()).await?, goal);
        refuse(&plan)?;
        // Only now, since a NO-GO plan must not write anything.
        if !plan.steps.is_empty() {
            ledger.ensure(self.held.connection()).await?;
        }
        Ok((ledger, plan.steps))
    }

    /// [`up`](super::up) under the lock.
    ///
    /// # Errors
    /// As [`up`](super::up).
    pub async fn up(&mut self, source: &Source, goal: Goal) -> Result<Vec<Applied>> {
        let (ledger, steps) = self.steps(source, goal).await?;
        let mut applied = Vec::new();
        for step in steps {
            if let Some(migration) = source.get(step.version) {
                let attempts = Attempts { engine: self, ledger: &ledger, migration };
                let done = attempts.run(Direction::Up).await?;
                let (version, seconds) = (step.version, done.seconds);
                tracing::info!(%version, seconds, "migration applied");
                applied.push(done);
            }
        }
        Ok(applied)
    }

    /// [`down`](super::down) under the lock.
    ///
    /// # Errors
    /// As [`down`](super::down).
    pub async fn down(&mut self, source: &Source, to: Version) -> Result<Vec<Reverted>> {
        let (ledger, steps) = self.steps(source, Goal::DownTo(to)).await?;
        let mut reverted = Vec::new();
        for step in steps {
            if let Some(migration) = source.get(step.version) {
                let attempts = Attempts { engine: self, ledger: &ledger, migration };
                let Applied { version, name, seconds, .. } = attempts.run(Direction::Down).await?;
                tracing::info!(version = %step.version, seconds, "migration reverted");
                reverted.push(Reverted { version, name, seconds });
            }
        }
        Ok(reverted)
    }

    /// A connection for `script`, without session state of earlier files.
    pub(super) async fn connect(&mut self, script: &Script) -> Result<PgConnection, ScriptFailure> {
        let application = format!("flowcontrol {}", script.path);
        self.worker.take(self.site, &application).await.map_err(|failure| ScriptFailure {
            failure,
            note: format!("no connection for {}", script.path),
            busy: false,
        })
    }
}
