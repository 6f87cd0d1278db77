//! What every handler works with.

use super::idempotency::{Answer, IdempotencyKeys, Key};
use super::metrics::Metrics;
use super::problem::{Problem, ProblemKind};
use super::rate::Rates;
use crate::config::{FILE, ServeSection, Settings};
use crate::decide::inputs::load;
use crate::progress::Progress;
use crate::rehearsal::jobs::Jobs;
use crate::scenario::access::Access;
use crate::sign_in::browser::{Lifetimes, Memory, Sessions};
use flowcontrol_base::Result;
use flowcontrol_contract::{ActorId, AuthProvider, Digest, ScenarioStore, TenantId};
use flowcontrol_gates::Inputs;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock, Semaphore, watch};

/// Freezes that run at once; each passes over every record.
const FREEZES: usize = 2;
/// Longest wait for an adapter that is asked whether it is ready.
pub const READY: Duration = Duration::from_secs(3);

/// How much a caller may ask for, and for how long.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of a body.
    pub body: usize,
    /// How long a body may take to come.
    pub body_time: Duration,
    /// How long a request's head may take to come.
    pub head_time: Duration,
    /// How long a caller may take nothing of its answer.
    pub write_time: Duration,
    /// How long an answer's head may take.
    pub answer_time: Duration,
    /// Connections at once.
    pub connections: usize,
    /// How long requests may go on once the service is asked to stop.
    pub grace: Duration,
    /// A caller's requests a second, and at once.
    pub rate: (u32, u32),
}

impl From<&ServeSection> for Limits {
    fn from(section: &ServeSection) -> Self {
        Self {
            body: section.max_body_bytes,
            body_time: Duration::from_millis(section.body_timeout_ms),
            head_time: Duration::from_millis(section.head_timeout_ms),
            write_time: Duration::from_millis(section.write_timeout_ms),
            answer_time: Duration::from_millis(section.request_timeout_ms),
            connections: section.max_connections,
            grace: Duration::from_millis(section.shutdown_grace_ms),
            rate: (section.requests_a_second, section.burst),
        }
    }
}

/// The service.
#[derive(Debug)]
pub struct Service {
    /// The configuration.
    pub settings: Settings,
    /// The active profile's store.
    pub store: Arc<dyn ScenarioStore>,
    /// Tells who is calling.
    pub auth: Arc<dyn AuthProvider>,
    /// Limits.
    pub limits: Limits,
    /// Rehearsals.
    pub jobs: Jobs,
    /// Who asked how often.
    pub rates: Rates<(TenantId, ActorId)>,
    /// Counts.
    pub metrics: Metrics,
    /// Turns true when the service is asked to stop.
    pub stop: watch::Receiver<bool>,
    keys: IdempotencyKeys,
    /// Browsers that signed in, where they can.
    pub sessions: Option<Arc<Sessions>>,
    freezes: Semaphore,
    writes: Arc<RwLock<()>>,
    closed: OnceLock<OwnedRwLockWriteGuard<()>>,
}

impl Service {
    /// A service over these adapters that ends when `stop` turns true.
    pub fn new(
        settings: Settings,
        store: Arc<dyn ScenarioStore>,
        auth: Arc<dyn AuthProvider>,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let limits = Limits::from(&settings.config.serve);
        Self {
            rates: Rates::new(limits.rate.0, limits.rate.1),
            settings,
            store,
            auth,
            limits,
            jobs: Jobs::default(),
            keys: IdempotencyKeys::default(),
            sessions: None,
            metrics: Metrics::default(),
            stop,
            freezes: Semaphore::new(FREEZES),
            writes: Arc::default(),
            closed: OnceLock::new(),
        }
    }

    /// Signs browsers in, where the auth adapter can and is set up to. Sessions are kept in this
    /// process.
    ///
    /// # Errors
    /// A usage failure when a client is configured and browsers could not be signed in.
    pub fn with_sign_in(mut self) -> Result<Self> {
        let Some(sign_in) = self.auth.sign_in() else { return Ok(self) };
        let Some(site) = sign_in.site()? else { return Ok(self) };
        let minutes = |n: u32| Duration::from_secs(u64::from(n) * 60);
        let section = &self.settings.config.serve;
        let life = Lifetimes {
            absolute: minutes(section.session_minutes),
            idle: minutes(section.session_idle_minutes),
        };
        let store = Box::new(Memory::new(life));
        self.sessions = Some(Arc::new(Sessions::new(site, sign_in, store, life)));
        Ok(self)
    }

    /// Which permissions allow what.
    pub fn access(&self) -> &Access {
        &self.settings.config.access
    }

    /// The tenant whose actors own the gates' checks.
    pub async fn deployment_tenant(&self) -> Result<Option<TenantId>, Problem> {
        Ok(self.settings.config.deployment.among(&self.store.tenants().await?)?)
    }

    /// What the gates look at, for `wanted` or the active profile.
    pub async fn gathered(&self, wanted: Option<&str>) -> Result<Inputs, Problem> {
        self.settings.of_profile(wanted).map_err(|_| Problem::not_found("profile"))?;
        let _turn = self.freeze_turn().await?;
        let store = std::future::ready(Ok(Arc::clone(&self.store)));
        // Commands are named without the place of this machine's configuration.
        let mut settings = self.settings.clone();
        settings.file = settings.file.map(|_| FILE.into());
        Ok(Box::pin(load(&settings, store, &Progress::off(), wanted, false)).await?)
    }

    /// Waits for a turn to freeze.
    pub async fn freeze_turn(&self) -> Result<impl Sized + '_, Problem> {
        self.freezes.acquire().await.map_err(|_| closing())
    }

    /// Does a write once: with the same key again, it is answered alike. It goes on when the caller
    /// goes away, and is waited for when the service stops.
    pub async fn once(
        self: &Arc<Self>,
        key: Option<Key>,
        request: Digest,
        work: impl Future<Output = Result<Answer, Problem>> + Send + 'static,
    ) -> Result<Answer, Problem> {
        let (own, leave) = (Arc::clone(self), self.writing()?);
        let done = tokio::spawn(async move {
            let _leave = leave;
            own.keys.answer(key, request, work).await
        });
        done.await.unwrap_or_else(|e| {
            Err(Problem::new(ProblemKind::Unexpected, "").because(e.to_string()))
        })
    }

    /// Leave to write: whoever holds it is waited for when the service stops, and nobody gets it
    /// any more once it does.
    fn writing(&self) -> Result<OwnedRwLockReadGuard<()>, Problem> {
        Arc::clone(&self.writes).try_read_owned().map_err(|_| closing())
    }

    /// Refuses further writes, then waits for those that are going on and for the rehearsal, which
    /// is stopped.
    pub async fn close(&self) {
        let written = async {
            // It is kept: nobody writes any more.
            let _ = self.closed.set(Arc::clone(&self.writes).write_owned().await);
        };
        futures::join!(written, self.jobs.close());
    }
}

fn closing() -> Problem {
    Problem::new(ProblemKind::Unavailable, "the service is stopping").retry_after(5)
}
