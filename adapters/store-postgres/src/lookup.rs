//! Looks up one record with one statement that is its own transaction: look-ups are the most
//! frequent call of services, and each further round trip would cost as much as the look-up.
//!
//! The first part of the statement sets the tenant for its transaction. The part that reads depends
//! on the tenant that was set, so it cannot run before; if it did, the policy would find no tenant
//! and show no row. The settings that other transactions make for themselves (time-outs, search
//! path, planner) are made for the session, which belongs to this pool only; behind a transaction
//! pooler it does not, so there a look-up is a transaction like any other.

use crate::pool::PooledConnection;
use crate::work::{Access, Core, until_deadline};
use crate::{failure, read, row};
use flowcontrol_contract::{CallCx, Record, RecordId, Result};
use sqlx::Row;

/// The record with this id; `None` when the call's tenant has none.
pub(crate) async fn get(core: &Core, cx: &CallCx, id: &RecordId) -> Result<Option<Record>> {
    if core.transaction_pooler {
        let mut work = core.begin(&cx.tenant, Access::Read, cx.deadline).await?;
        let get = read::get(core, &mut work, &cx.tenant, id);
        let done = until_deadline(cx.deadline, get).await;
        return work.finish(done).await;
    }
    until_deadline(cx.deadline, get_in_one_statement(core, cx, id)).await
}

/// Runs the single statement; any failure closes the connection.
async fn get_in_one_statement(core: &Core, cx: &CallCx, id: &RecordId) -> Result<Option<Record>> {
    let mut lease = core.pool.lease().await?;
    let seat = lease.seat()?;
    if !seat.tuned {
        tune(core, seat).await?;
    }
    let query = core.sql.query(&core.sql.one).bind(&core.setting).bind(cx.tenant.as_str());
    let query = query.bind(id.as_str());
    let found = query.fetch_one(&mut seat.conn).await.map_err(failure::sql)?;
    let before: &str = found.try_get(6).map_err(failure::sql)?;
    core.refuse_preset_tenant(before)?;
    let seq: Option<i64> = found.try_get(0).map_err(failure::sql)?;
    let record = seq.map(|_| row::record(&cx.tenant, &found)).transpose()?;
    lease.give_back();
    Ok(record)
}

async fn tune(core: &Core, seat: &mut PooledConnection) -> Result<()> {
    let query = core.sql.query(&core.sql.tune).bind(core.statement_timeout.to_string());
    let query = query.bind(core.lock_timeout.to_string());
    query.execute(&mut seat.conn).await.map_err(failure::sql)?;
    seat.tuned = true;
    Ok(())
}
