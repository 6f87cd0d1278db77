//! A small pool of connections.
//!
//! A connection returns to the pool only when its user says that nothing is open on it. One that is
//! dropped earlier, by a cancelled future or a panic, is closed: the server then rolls back, and no
//! half-finished exchange can affect the next tenant.

use crate::failure;
use flowcontrol_contract::{Error, ErrorKind, Result};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A connection idle for longer is tested before it is used.
const TEST_AFTER: Duration = Duration::from_secs(1);

/// A connection and what is known of its session.
pub(crate) struct PooledConnection {
    pub(crate) conn: PgConnection,
    /// Whether the session has its staging table.
    pub(crate) staged: bool,
    /// Whether the session has the settings that [`crate::lookup`] relies on.
    pub(crate) tuned: bool,
    idle_since: Instant,
}

/// Connections to one database with one login.
pub(crate) struct Pool {
    options: PgConnectOptions,
    idle: Mutex<Vec<PooledConnection>>,
    permits: Arc<Semaphore>,
    timeout: Duration,
    endpoint: String,
}

/// A connection on loan; see the module.
pub(crate) struct Lease {
    seat: Option<PooledConnection>,
    clean: bool,
    pool: Arc<Pool>,
    // Dropped after the connection went back, so that a waiting caller finds it.
    _permit: OwnedSemaphorePermit,
}

impl Pool {
    pub(crate) fn new(
        options: PgConnectOptions,
        size: usize,
        timeout: Duration,
        endpoint: String,
    ) -> Arc<Self> {
        let permits = Arc::new(Semaphore::new(size));
        Arc::new(Self { options, idle: Mutex::default(), permits, timeout, endpoint })
    }

    /// A connection outside the pool, for a stream that may stay open for long: a recently used
    /// one, or a new one. It never returns.
    pub(crate) async fn detached(&self) -> Result<PgConnection> {
        match self.take().filter(|seat| seat.idle_since.elapsed() < TEST_AFTER) {
            Some(seat) => Ok(seat.conn),
            None => self.connect().await,
        }
    }

    async fn connect(&self) -> Result<PgConnection> {
        match tokio::time::timeout(self.timeout, self.options.connect()).await {
            Ok(Ok(conn)) => Ok(conn),
            Ok(Err(error)) => Err(context(&failure::sql(error), &self.endpoint)),
            Err(_) => Err(Error::new(
                ErrorKind::Unavailable,
                format!(
                    "{} did not accept a connection within {} ms",
                    self.endpoint,
                    self.timeout.as_millis()
                ),
            )
            .hint("check host, port and firewall, or raise connect_timeout")),
        }
    }

    /// A connection from the pool, opened when none is idle.
    pub(crate) async fn lease(self: &Arc<Self>) -> Result<Lease> {
        let waited = tokio::time::timeout(self.timeout, Arc::clone(&self.permits).acquire_owned());
        let Ok(Ok(permit)) = waited.await else {
            return Err(Error::new(
                ErrorKind::Unavailable,
                format!(
                    "no connection to {} became free within {} ms",
                    self.endpoint,
                    self.timeout.as_millis()
                ),
            )
            .hint("raise pool_size or connect_timeout"));
        };
        while let Some(mut seat) = self.take() {
            if seat.idle_since.elapsed() < TEST_AFTER || self.is_alive(&mut seat.conn).await {
                return Ok(self.lend(seat, permit));
            }
        }
        let conn = self.connect().await?;
        Ok(self.lend(
            PooledConnection { conn, staged: false, tuned: false, idle_since: Instant::now() },
            permit,
        ))
    }

    async fn is_alive(&self, conn: &mut PgConnection) -> bool {
        matches!(tokio::time::timeout(self.timeout, conn.ping()).await, Ok(Ok(())))
    }

    fn take(&self) -> Option<PooledConnection> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn lend(self: &Arc<Self>, seat: PooledConnection, permit: OwnedSemaphorePermit) -> Lease {
        Lease { seat: Some(seat), clean: false, pool: Arc::clone(self), _permit: permit }
    }
}

fn context(error: &Error, endpoint: &str) -> Error {
    let hint = error.hint_text().map(str::to_owned);
    let mut whole =
        Error::new(error.kind(), format!("cannot connect to {endpoint}: {}", error.message()))
            .retry(error.retryable());
    if let Some(hint) = hint {
        whole = whole.hint(hint);
    }
    whole
}

impl Lease {
    /// The connection.
    pub(crate) fn seat(&mut self) -> Result<&mut PooledConnection> {
        self.seat.as_mut().ok_or_else(|| {
            Error::new(ErrorKind::Unexpected, "the connection was already returned to the pool")
        })
    }

    /// Returns the connection to the pool; nothing may be open on it.
    pub(crate) fn give_back(mut self) {
        self.clean = true;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(mut seat) = self.seat.take() else { return };
        if self.clean {
            seat.idle_since = Instant::now();
            self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner).push(seat);
        }
    }
}
