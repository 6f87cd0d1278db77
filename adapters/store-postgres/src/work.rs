//! One transaction for one tenant.
//!
//! The tenant is set for the transaction only, by a bound parameter. A session that already has a
//! tenant is refused: somebody set it for the whole session, and a statement outside a transaction
//! would see that tenant's rows.

use crate::failure;
use crate::pool::{Lease, Pool, PooledConnection};
use crate::sql::Sql;
use flowcontrol_contract::{Digest, Error, ErrorKind, Result, TenantId};
use sqlx::Row;
use sqlx::postgres::PgConnection;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What every transaction needs.
pub(crate) struct Core {
    pub(crate) pool: Arc<Pool>,
    pub(crate) sql: Sql,
    pub(crate) schema: String,
    pub(crate) setting: String,
    pub(crate) statement_timeout: u64,
    pub(crate) lock_timeout: u64,
    pub(crate) transaction_pooler: bool,
}

/// What a transaction may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

/// An open transaction; dropping it closes its connection, which rolls it back.
pub(crate) struct Work {
    lease: Lease,
    deadline: Option<Instant>,
    /// The session's staging table was created in this transaction.
    pub(crate) creates_stage: bool,
}

/// Runs `future` with a deadline.
pub(crate) async fn until_deadline<T>(
    deadline: Option<Instant>,
    future: impl Future<Output = Result<T>>,
) -> Result<T> {
    let Some(deadline) = deadline else { return future.await };
    let late = || Error::new(ErrorKind::Timeout, "the caller's deadline has passed");
    if deadline <= Instant::now() {
        return Err(late());
    }
    tokio::time::timeout_at(deadline.into(), future).await.unwrap_or_else(|_| Err(late()))
}

impl Core {
    /// Opens a transaction for `tenant` on a connection from the pool.
    pub(crate) async fn begin(
        &self,
        tenant: &TenantId,
        access: Access,
        deadline: Option<Instant>,
    ) -> Result<Work> {
        until_deadline(deadline, async {
            let mut lease = self.pool.lease().await?;
            let begin = match access {
                Access::Read => "begin isolation level repeatable read read only",
                // Not READ WRITE: a login or server that is read-only on purpose must stay so.
                Access::Write => "begin isolation level read committed",
            };
            let conn = &mut lease.seat()?.conn;
            sqlx::raw_sql(begin).execute(&mut *conn).await.map_err(failure::sql)?;
            let before = self.set_tenant(conn, tenant.as_str(), deadline).await?;
            self.refuse_preset_tenant(&before)?;
            Ok(Work { lease, deadline, creates_stage: false })
        })
        .await
    }

    /// Sets the tenant and the limits of the current transaction; returns the tenant that was set
    /// before.
    pub(crate) async fn set_tenant(
        &self,
        conn: &mut PgConnection,
        tenant: &str,
        deadline: Option<Instant>,
    ) -> Result<String> {
        let row = self
            .sql
            .query(&self.sql.open)
            .bind(&self.setting)
            .bind(tenant)
            .bind(self.statement_timeout(deadline).to_string())
            .bind(self.lock_timeout.to_string())
            .fetch_one(conn)
            .await
            .map_err(failure::sql)?;
        row.try_get(0).map_err(failure::sql)
    }

    /// Refuses a session that had a tenant before any transaction set one.
    pub(crate) fn refuse_preset_tenant(&self, before: &str) -> Result<()> {
        if before.is_empty() {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Denied,
            format!(
                "the session already had a value of {} before this call set one; the connection \
                                 was closed",
                self.setting
            ),
        )
        .hint(format!(
            "check for ALTER ROLE or ALTER DATABASE ... SET {}, or for another client of the same \
                             pooler that sets it outside a transaction",
            self.setting
        )))
    }

    /// The statement timeout in milliseconds: the configured one or the time until the deadline.
    fn statement_timeout(&self, deadline: Option<Instant>) -> u64 {
        let Some(deadline) = deadline else { return self.statement_timeout };
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        let left = u64::try_from(left.as_millis()).unwrap_or(u64::MAX).clamp(1, i32::MAX as u64);
        match self.statement_timeout {
            0 => left,
            limit => limit.min(left),
        }
    }

    /// Waits until no other writer of `tenant` is active; held until the transaction ends.
    pub(crate) async fn lock(&self, work: &mut Work, tenant: &TenantId) -> Result<()> {
        let name = format!("flowcontrol\0{}\0{tenant}", self.schema);
        let mut key = [0; 8];
        key.copy_from_slice(&Digest::of(name).0[..8]);
        self.sql
            .query(&self.sql.lock)
            .bind(i64::from_be_bytes(key))
            .execute(work.conn()?)
            .await
            .map_err(failure::sql)?;
        Ok(())
    }
}

impl Work {
    /// The transaction's connection.
    pub(crate) fn conn(&mut self) -> Result<&mut PgConnection> {
        Ok(&mut self.lease.seat()?.conn)
    }

    /// The connection and what is known of its session.
    pub(crate) fn seat(&mut self) -> Result<&mut PooledConnection> {
        self.lease.seat()
    }

    /// Ends the transaction: commits after a success, rolls back after a failure.
    pub(crate) async fn finish<T>(self, outcome: Result<T>) -> Result<T> {
        match outcome {
            Ok(value) => self.commit().await.map(|()| value),
            // Before a freeze window refused the call, nothing was written but the count of
            // refusals; the call is refused even if that cannot be committed.
            Err(error) if error.kind() == ErrorKind::Frozen => {
                drop(self.commit().await);
                Err(error)
            }
            Err(error) => {
                // After these errors an exchange may be incomplete: the connection is closed.
                if !matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Unavailable) {
                    self.rollback().await;
                }
                Err(error)
            }
        }
    }

    async fn commit(mut self) -> Result<()> {
        let deadline = self.deadline;
        let conn = self.conn()?;
        let done = async { sqlx::raw_sql("commit").execute(conn).await.map_err(failure::commit) };
        // A COMMIT that is not answered in time has an unknown outcome.
        match deadline {
            Some(deadline) => tokio::time::timeout_at(deadline.into(), done)
                .await
                .unwrap_or_else(|_| Err(failure::ambiguous("the caller's deadline has passed")))?,
            None => done.await?,
        };
        if self.creates_stage {
            self.lease.seat()?.staged = true;
        }
        self.lease.give_back();
        Ok(())
    }

    /// A rollback that fails closes the connection instead.
    async fn rollback(mut self) {
        let deadline = self.deadline.unwrap_or_else(|| Instant::now() + Duration::from_secs(5));
        let Ok(conn) = self.conn() else { return };
        let done = sqlx::raw_sql("rollback").execute(conn);
        if matches!(tokio::time::timeout_at(deadline.into(), done).await, Ok(Ok(_))) {
            self.lease.give_back();
        }
    }
}
