//! One record in one statement, which is a transaction of its own: a look-up is what services ask for
//! most, and each further round trip costs as much as the look-up.
//!
//! The statement's first part sets the tenant for its transaction. The part that reads asks for the
//! tenant that was set, so it cannot run before; if it ever did, the policy would find no tenant and
//! show no row. What other transactions set for themselves (time-outs, search path, planner) is set
//! for the session, which is ours alone; behind a transaction pooler it is not, and a look-up is a
//! transaction like any other.

use crate::pool::Seat;
use crate::work::{Access, Core, within};
use crate::{failure, read, row};
use flowcontrol_contract::{CallCx, Record, RecordId, Result};
use sqlx::Row;

/// The record with this id; `None` when the call's tenant has none.
pub(crate) async fn get(core: &Core, cx: &CallCx, id: &RecordId) -> Result<Option<Record>> {
    if core.transaction_pooler {
        let mut work = core.begin(&cx.tenant, Access::Read, cx.deadline).await?;
        let get = read::get(core, &mut work, &cx.tenant, id);
        let done = within(cx.deadline, get).await;
        return work.settle(done).await;
    }
    within(cx.deadline, alone(core, cx, id)).await
}

/// Whatever fails here closes the connection.
async fn alone(core: &Core, cx: &CallCx, id: &RecordId) -> Result<Option<Record>> {
    let mut lease = core.pool.lease().await?;
    let seat = lease.seat()?;
    if !seat.tuned {
        tune(core, seat).await?;
    }
    let query = core.sql.query(&core.sql.one).bind(&core.setting).bind(cx.tenant.as_str());
    let query = query.bind(id.as_str());
    let found = query.fetch_one(&mut seat.conn).await.map_err(failure::sql)?;
    let before: &str = found.try_get(6).map_err(failure::sql)?;
    core.refuse_stale(before)?;
    let seq: Option<i64> = found.try_get(0).map_err(failure::sql)?;
    let record = seq.map(|_| row::record(&cx.tenant, &found)).transpose()?;
    lease.give_back();
    Ok(record)
}

async fn tune(core: &Core, seat: &mut Seat) -> Result<()> {
    let query = core.sql.query(&core.sql.tune).bind(core.statement_timeout.to_string());
    let query = query.bind(core.lock_timeout.to_string());
    query.execute(&mut seat.conn).await.map_err(failure::sql)?;
    seat.tuned = true;
    Ok(())
}
