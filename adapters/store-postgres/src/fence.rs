//! Freeze windows in the table `freeze_windows`; the server's clock decides when a window ends.
//!
//! A writer reads the windows after it has taken its tenant's lock, in a separate statement: one
//! statement that takes the lock and reads would see the state from before it waited.

use crate::KIND;
use crate::append::expect_rows;
use crate::failure;
use crate::store::PgStore;
use crate::work::{Access, Core, Work};
use async_trait::async_trait;
use flowcontrol_contract::fence::{Fence, Raised, Window};
use flowcontrol_contract::{CallCx, Error, ErrorKind, Result, TenantId, Timestamp};
use sqlx::Row;
use sqlx::postgres::PgRow;
use std::collections::BTreeSet;

/// A row of the table.
struct WindowRow {
    window: Window,
    refused: u64,
    lifted: bool,
    /// Whether it is in force by the server's clock.
    in_force: bool,
}

fn time(row: &PgRow, column: usize) -> Result<Timestamp> {
    Timestamp::from_micros(row.try_get(column).map_err(failure::sql)?)
}

fn entry(tenant: &TenantId, row: &PgRow) -> Result<WindowRow> {
    let text = |column: usize| row.try_get::<&str, _>(column).map_err(failure::sql);
    let window = Window::new(text(0)?, text(1)?, time(row, 2)?, time(row, 3)?).map_err(|e| {
        Error::new(
            ErrorKind::Corrupt,
            format!("freeze_windows of tenant {tenant}: {}", e.message()),
        )
    })?;
    let refused: i64 = row.try_get(4).map_err(failure::sql)?;
    Ok(WindowRow {
        window,
        refused: refused.unsigned_abs(),
        lifted: row.try_get(5).map_err(failure::sql)?,
        in_force: row.try_get(6).map_err(failure::sql)?,
    })
}

impl Core {
    /// Takes the tenant's lock and permits a write unless a freeze window is in force that is not
    /// the call's own; returns whether the call's own is. A refusal is counted, and
    /// [`Work::finish`] commits the count.
    pub(crate) async fn admit(&self, work: &mut Work, cx: &CallCx) -> Result<bool> {
        let tenant = &cx.tenant;
        self.lock(work, tenant).await?;
        let mut own = false;
        for found in entries(self, work, tenant, "").await? {
            if cx.window.as_ref() == Some(&found.window.id) {
                own = true;
                continue;
            }
            let count = self.sql.query(&self.sql.window_count).bind(tenant.as_str());
            // The write is refused even if it cannot be counted.
            drop(count.bind(&found.window.id).execute(work.conn()?).await);
            return Err(found.window.refusal(tenant));
        }
        Ok(own)
    }
}

/// The windows in force for the tenant, and the one with this id, in force or not.
async fn entries(
    core: &Core,
    work: &mut Work,
    tenant: &TenantId,
    id: &str,
) -> Result<Vec<WindowRow>> {
    let query = core.sql.query(&core.sql.windows).bind(tenant.as_str()).bind(id);
    let rows = query.fetch_all(work.conn()?).await.map_err(failure::sql)?;
    rows.iter().map(|row| entry(tenant, row)).collect()
}

async fn raise(core: &Core, work: &mut Work, tenant: &TenantId, window: &Window) -> Result<()> {
    core.lock(work, tenant).await?;
    let now = core.sql.query(&core.sql.clock).fetch_one(work.conn()?).await;
    let now = time(&now.map_err(failure::sql)?, 0)?;
    if window.expires_at <= now {
        return Err(window.too_late(now));
    }
    let found = entries(core, work, tenant, &window.id).await?;
    if let Some(other) = found.iter().find(|e| e.in_force && e.window.id != window.id) {
        return Err(other.window.already_frozen(tenant));
    }
    let expires = window.expires_at.to_string();
    let query = match found.into_iter().find(|e| e.window.id == window.id) {
        Some(known) if known.lifted => return Err(window.already_lifted(tenant)),
        Some(known) => {
            let Window { id, reason, raised_at, .. } = known.window;
            Window::new(id, reason, raised_at, window.expires_at)?;
            let query = core.sql.query(&core.sql.window_move).bind(tenant.as_str());
            query.bind(&window.id).bind(expires)
        }
        None => {
            let query = core.sql.query(&core.sql.window_add).bind(tenant.as_str());
            let query = query.bind(&window.id).bind(expires).bind(&window.reason);
            query.bind(window.raised_at.to_string())
        }
    };
    let done = query.execute(work.conn()?).await.map_err(failure::sql)?;
    expect_rows("freeze_windows", done.rows_affected(), 1)
}

async fn lift(core: &Core, work: &mut Work, tenant: &TenantId, id: &str) -> Result<bool> {
    let query = core.sql.query(&core.sql.window_lift).bind(tenant.as_str()).bind(id);
    let done = query.execute(work.conn()?).await.map_err(failure::sql)?;
    Ok(done.rows_affected() > 0)
}

/// Each tenant once, in the order in which all writers take their locks.
fn in_lock_order(tenants: &[TenantId]) -> BTreeSet<&TenantId> {
    tenants.iter().collect()
}

impl PgStore {
    /// A transaction over these tenants, in order; `None` for no tenant.
    async fn begin_for(&self, tenants: &[TenantId], access: Access) -> Result<Option<Work>> {
        match in_lock_order(tenants).first() {
            Some(first) => self.core.begin(first, access, None).await.map(Some),
            None => Ok(None),
        }
    }

    async fn set_tenant(&self, work: &mut Work, tenant: &TenantId) -> Result<()> {
        self.core.set_tenant(work.conn()?, tenant.as_str(), None).await.map(drop)
    }

    async fn raise_for(&self, tenants: &[TenantId], window: &Window) -> Result<()> {
        self.require_writable()?;
        let Some(mut work) = self.begin_for(tenants, Access::Write).await? else {
            return Err(Error::invalid("a freeze window without a tenant refuses nothing"));
        };
        let done = async {
            for tenant in in_lock_order(tenants) {
                self.set_tenant(&mut work, tenant).await?;
                raise(&self.core, &mut work, tenant, window).await?;
            }
            Ok(())
        }
        .await;
        work.finish(done).await
    }

    async fn find_for(&self, tenants: &[TenantId]) -> Result<Option<Raised>> {
        self.require_row_security()?;
        let Some(mut work) = self.begin_for(tenants, Access::Read).await? else { return Ok(None) };
        let done = async {
            let mut raised: Option<Raised> = None;
            for tenant in in_lock_order(tenants) {
                self.set_tenant(&mut work, tenant).await?;
                for WindowRow { window, refused, .. } in
                    entries(&self.core, &mut work, tenant, "").await?
                {
                    match &mut raised {
                        Some(first) if first.window.id == window.id => first.refused += refused,
                        Some(_) => {}
                        None => raised = Some(Raised { window, refused }),
                    }
                }
            }
            Ok(raised)
        }
        .await;
        work.finish(done).await
    }

    async fn lift_for(&self, tenants: &[TenantId], id: &str) -> Result<()> {
        self.require_writable()?;
        let Some(mut work) = self.begin_for(tenants, Access::Write).await? else {
            return Err(Window::not_in_force(id));
        };
        let done = async {
            let mut lifted = false;
            for tenant in in_lock_order(tenants) {
                self.set_tenant(&mut work, tenant).await?;
                lifted |= lift(&self.core, &mut work, tenant, id).await?;
            }
            if lifted { Ok(()) } else { Err(Window::not_in_force(id)) }
        }
        .await;
        work.finish(done).await
    }
}

#[async_trait]
impl Fence for PgStore {
    async fn raise(&self, tenants: &[TenantId], window: &Window) -> Result<()> {
        self.raise_for(tenants, window).await.map_err(|e| e.in_operation(KIND, "raise"))
    }

    async fn window(&self, tenants: &[TenantId]) -> Result<Option<Raised>> {
        self.find_for(tenants).await.map_err(|e| e.in_operation(KIND, "window"))
    }

    async fn lift(&self, tenants: &[TenantId], id: &str) -> Result<()> {
        self.lift_for(tenants, id).await.map_err(|e| e.in_operation(KIND, "lift"))
    }
}
