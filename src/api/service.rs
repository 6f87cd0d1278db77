//! The state that every handler shares.

use super::idempotency::{IdempotencyKey, IdempotencyKeys, StoredResponse};
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

/// Snapshots taken at the same time; each reads every record.
const FREEZES: usize = 2;
/// Longest wait for an adapter in the readiness check.
pub const READY_TIMEOUT: Duration = Duration::from_secs(3);

/// The limits of requests and connections.
#[derive(Clone, Debug)]
pub struct RequestLimits {
    /// Largest body, in bytes.
    pub body: usize,
    /// Longest time until a body has arrived.
    pub body_time: Duration,
    /// Longest time until a request's headers have arrived.
    pub head_time: Duration,
    /// Longest time in which a client may read nothing of its response (write timeout).
    pub write_time: Duration,
    /// Longest time until a response's headers are ready.
    pub answer_time: Duration,
    /// Most connections at the same time.
    pub connections: usize,
    /// How long requests may continue after the service was asked to stop.
    pub grace: Duration,
    /// Requests a second for each caller on average, and the burst above it.
    pub rate: (u32, u32),
}

impl From<&ServeSection> for RequestLimits {
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
    /// The loaded configuration.
    pub settings: Settings,
    /// The active profile's store.
    pub store: Arc<dyn ScenarioStore>,
    /// Authenticates callers.
    pub auth: Arc<dyn AuthProvider>,
    /// Limits of requests and connections.
    pub limits: RequestLimits,
    /// The rehearsals that run in this process.
    pub jobs: Jobs,
    /// Who asked how often.
    pub rates: Rates<(TenantId, ActorId)>,
    /// Counts.
    pub metrics: Metrics,
    /// Becomes true when the service is asked to stop.
    pub stop: watch::Receiver<bool>,
    keys: IdempotencyKeys,
    /// The browsers' sessions, if browsers can sign in.
    pub sessions: Option<Arc<Sessions>>,
    freezes: Semaphore,
    writes: Arc<RwLock<()>>,
    closed: OnceLock<OwnedRwLockWriteGuard<()>>,
}

impl Service {
    /// A service with these adapters that stops when `stop` becomes true.
    pub fn new(
        settings: Settings,
        store: Arc<dyn ScenarioStore>,
        auth: Arc<dyn AuthProvider>,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let limits = RequestLimits::from(&settings.config.serve);
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

    /// Enables sign-in for browsers where the auth adapter supports it and is configured for it.
    /// Sessions are kept in this process.
    ///
    /// # Errors
    /// A usage failure when a client is configured but browsers could not be signed in.
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

    /// The inputs of the gates for the profile `wanted`, or for the active one.
    pub async fn gate_inputs(&self, wanted: Option<&str>) -> Result<Inputs, Problem> {
        self.settings.with_profile(wanted).map_err(|_| Problem::not_found("profile"))?;
        let _turn = self.freeze_turn().await?;
        let store = std::future::ready(Ok(Arc::clone(&self.store)));
        // The commands in hints leave out the path of this machine's configuration file.
        let mut settings = self.settings.clone();
        settings.file = settings.file.map(|_| FILE.into());
        Ok(Box::pin(load(&settings, store, &Progress::off(), wanted, false)).await?)
    }

    /// Waits for one of the slots for taking a snapshot.
    pub async fn freeze_turn(&self) -> Result<impl Sized + '_, Problem> {
        self.freezes.acquire().await.map_err(|_| closing())
    }

    /// Carries out a write; with a key, at most once, and a repetition gets the stored response. It
    /// continues when the caller disconnects, and shutdown waits for it.
    pub async fn write_once(
        self: &Arc<Self>,
        key: Option<IdempotencyKey>,
        request: Digest,
        work: impl Future<Output = Result<StoredResponse, Problem>> + Send + 'static,
    ) -> Result<StoredResponse, Problem> {
        let (own, permit) = (Arc::clone(self), self.write_permit()?);
        let done = tokio::spawn(async move {
            let _permit = permit;
            own.keys.answer(key, request, work).await
        });
        done.await.unwrap_or_else(|e| {
            Err(Problem::new(ProblemKind::Unexpected, "").because(e.to_string()))
        })
    }

    /// A permit to write: shutdown waits for every holder, and none is given once it has begun.
    fn write_permit(&self) -> Result<OwnedRwLockReadGuard<()>, Problem> {
        Arc::clone(&self.writes).try_read_owned().map_err(|_| closing())
    }

    /// Refuses further writes, then waits for those in progress and for the rehearsal, which is
    /// cancelled.
    pub async fn close(&self) {
        let written = async {
            // The write lock is kept, so that nobody writes any more.
            let _ = self.closed.set(Arc::clone(&self.writes).write_owned().await);
        };
        futures::join!(written, self.jobs.close());
    }
}

fn closing() -> Problem {
    Problem::new(ProblemKind::Unavailable, "the service is stopping").retry_after(5)
}
