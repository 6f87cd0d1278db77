//! Exports several tenants as of one moment: one repeatable-read transaction on its own connection,
//! in which each tenant is set in turn.

use crate::KIND;
use crate::failure;
use crate::read::{self, BatchSize};
use crate::roster;
use crate::work::Core;
use flowcontrol_contract::store::Export;
use flowcontrol_contract::{Error, ErrorKind, Record, Result, TenantId};
use futures::{StreamExt, stream};
use sqlx::postgres::PgConnection;
use std::collections::VecDeque;
use std::sync::Arc;

/// A repeatable-read, read-only transaction over many tenants; dropping it closes its connection.
pub(crate) struct View {
    pub(crate) core: Arc<Core>,
    pub(crate) conn: PgConnection,
    /// Whether the login bypasses the policies, so that no tenant has to be set.
    pub(crate) sees_all: bool,
}

impl View {
    /// Opens the transaction. With `sees_all`, `row_security = off` makes the server refuse every
    /// statement that a policy would filter.
    pub(crate) async fn open(core: Arc<Core>, sees_all: bool) -> Result<Self> {
        let mut conn = core.pool.detached().await?;
        let begin = "begin isolation level repeatable read read only";
        sqlx::raw_sql(begin).execute(&mut conn).await.map_err(failure::sql)?;
        let before = core.set_tenant(&mut conn, "", None).await?;
        core.refuse_preset_tenant(&before)?;
        if sees_all {
            let off = "set local row_security = off";
            sqlx::raw_sql(off).execute(&mut conn).await.map_err(failure::sql)?;
        }
        Ok(Self { core, conn, sees_all })
    }

    /// Sets the tenant of the following statements.
    pub(crate) async fn set_tenant(&mut self, tenant: &TenantId) -> Result<()> {
        if !self.sees_all {
            self.core.set_tenant(&mut self.conn, tenant.as_str(), None).await?;
        }
        Ok(())
    }
}

/// The remaining work of an export.
struct RemainingExport {
    view: View,
    tenants: VecDeque<(TenantId, u64)>,
    after: u64,
    turned: bool,
    size: BatchSize,
}

/// Opens an export of `tenants`.
pub(crate) async fn export(
    core: Arc<Core>,
    tenants: &[TenantId],
    sees_all: bool,
) -> Result<Export> {
    let mut ordered = tenants.to_vec();
    ordered.sort();
    ordered.dedup();
    let mut view = View::open(core, sees_all).await?;
    let mut rosters = Vec::with_capacity(ordered.len());
    let mut heads = VecDeque::with_capacity(ordered.len());
    for tenant in ordered {
        view.set_tenant(&tenant).await?;
        let core = Arc::clone(&view.core);
        let Some(roster) = roster::roster(&core, &mut view.conn, &tenant).await? else {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("tenant {tenant} is not enrolled"),
            ));
        };
        rosters.push(roster);
        let head = read::head_on(&core, &mut view.conn, &tenant).await?;
        heads.push_back((tenant, head));
    }
    let rest = RemainingExport {
        view,
        tenants: heads,
        after: 0,
        turned: false,
        size: BatchSize::default(),
    };
    let batches = stream::try_unfold(rest, |rest| async move {
        next(rest).await.map_err(|e| e.in_operation(KIND, "export"))
    });
    Ok(Export { rosters, batches: batches.boxed() })
}

async fn next(mut rest: RemainingExport) -> Result<Option<(Vec<Record>, RemainingExport)>> {
    while let Some((tenant, head)) = rest.tenants.front().cloned() {
        if rest.after >= head {
            rest.tenants.pop_front();
            (rest.after, rest.turned) = (0, false);
            continue;
        }
        if !rest.turned {
            rest.view.set_tenant(&tenant).await?;
            rest.turned = true;
        }
        let core = Arc::clone(&rest.view.core);
        let conn = &mut rest.view.conn;
        let found = read::batch(&core, conn, &tenant, rest.after, head, &mut rest.size).await?;
        read::refuse_gap(&tenant, rest.after, &found)?;
        let Some(last) = found.last() else {
            return Err(Error::new(
                ErrorKind::Corrupt,
                format!("tenant {tenant}: record {} is missing", rest.after + 1),
            ));
        };
        rest.after = last.seq;
        return Ok(Some((found, rest)));
    }
    Ok(None)
}
