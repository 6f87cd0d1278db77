//! A tenant and its actors.

use crate::failure;
use crate::work::{Core, Work};
use flowcontrol_contract::{Actor, ActorId, CallCx, Error, ErrorKind, Result, Roster, TenantId};
use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};
use std::collections::BTreeSet;

/// Writes what is new or changed in `roster`.
pub(crate) async fn enroll(
    core: &Core,
    work: &mut Work,
    cx: &CallCx,
    roster: &Roster,
) -> Result<()> {
    let tenant = roster.tenant.as_str();
    core.admit(work, cx).await?;
    let put = core.sql.query(&core.sql.put_tenant).bind(tenant).bind(&roster.name);
    put.execute(work.conn()?).await.map_err(failure::sql)?;

    let organisations: BTreeSet<&str> =
        roster.actors.iter().map(|a| a.organisation.as_str()).collect();
    let organisations: Vec<&str> = organisations.into_iter().collect();
    let put = core.sql.query(&core.sql.put_organisations).bind(tenant).bind(organisations);
    put.execute(work.conn()?).await.map_err(failure::sql)?;

    let texts = |f: fn(&Actor) -> &str| roster.actors.iter().map(f).collect::<Vec<_>>();
    let permissions = roster
        .actors
        .iter()
        .map(|a| serde_json::to_string(&a.permissions))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| Error::invalid("a list of permissions cannot be serialized").source(e))?;
    let put = core
        .sql
        .query(&core.sql.put_users)
        .bind(tenant)
        .bind(texts(|a| a.id.as_str()))
        .bind(texts(|a| &a.role))
        .bind(texts(|a| &a.display_name))
        .bind(texts(|a| &a.organisation))
        .bind(permissions);
    put.execute(work.conn()?).await.map_err(failure::sql)?;
    put_permissions(core, work, roster).await
}

async fn put_permissions(core: &Core, work: &mut Work, roster: &Roster) -> Result<()> {
    let tenant = roster.tenant.as_str();
    let enrolled: Vec<&str> = roster.actors.iter().map(|a| a.id.as_str()).collect();
    let (users, permissions): (Vec<&str>, Vec<&str>) = roster
        .actors
        .iter()
        .flat_map(|a| a.permissions.iter().map(|p| (a.id.as_str(), p.as_str())))
        .unzip();
    let put = core
        .sql
        .query(&core.sql.put_permissions)
        .bind(tenant)
        .bind(users.clone())
        .bind(permissions.clone());
    put.execute(work.conn()?).await.map_err(failure::sql)?;
    let surplus = core
        .sql
        .query(&core.sql.surplus_permissions)
        .bind(tenant)
        .bind(enrolled)
        .bind(users)
        .bind(permissions)
        .fetch_all(work.conn()?)
        .await
        .map_err(failure::sql)?;
    if surplus.is_empty() {
        return Ok(());
    }
    let column = |index: usize| {
        surplus
            .iter()
            .map(|row| row.try_get::<String, _>(index))
            .collect::<sqlx::Result<Vec<_>>>()
            .map_err(failure::sql)
    };
    let drop =
        core.sql.query(&core.sql.drop_permissions).bind(tenant).bind(column(0)?).bind(column(1)?);
    let done = drop.execute(work.conn()?).await.map_err(failure::sql)?;
    crate::append::expect_rows("permissions", done.rows_affected(), surplus.len())
}

/// The tenant and its actors; `None` when it is not enrolled.
pub(crate) async fn roster(
    core: &Core,
    conn: &mut PgConnection,
    tenant: &TenantId,
) -> Result<Option<Roster>> {
    let name = core.sql.query(&core.sql.tenant_name).bind(tenant.as_str());
    let Some(name) = name.fetch_optional(&mut *conn).await.map_err(failure::sql)? else {
        return Ok(None);
    };
    let name: String = name.try_get(0).map_err(failure::sql)?;
    let rows = rows(core, conn, tenant).await?;
    let actors = rows.iter().map(|row| actor(tenant, row)).collect::<Result<_>>()?;
    Roster::new(tenant.clone(), name, actors).map(Some).map_err(|e| corrupt(tenant, &e))
}

async fn rows(core: &Core, conn: &mut PgConnection, tenant: &TenantId) -> Result<Vec<PgRow>> {
    let query = core.sql.query(&core.sql.actors).bind(tenant.as_str());
    query.fetch_all(conn).await.map_err(failure::sql)
}

fn corrupt(tenant: &TenantId, error: &Error) -> Error {
    Error::new(ErrorKind::Corrupt, format!("users of tenant {tenant}: {}", error.message()))
}

fn actor(tenant: &TenantId, row: &PgRow) -> Result<Actor> {
    let id: &str = row.try_get(0).map_err(failure::sql)?;
    Ok(Actor {
        id: ActorId::new(id).map_err(|e| corrupt(tenant, &e))?,
        display_name: row.try_get(1).map_err(failure::sql)?,
        organisation: row.try_get(2).map_err(failure::sql)?,
        role: row.try_get(3).map_err(failure::sql)?,
        permissions: row.try_get(4).map_err(failure::sql)?,
    })
}

/// Each user's name and line, in order; the line of a user whose two lists of permissions differ,
/// or who is not a valid actor, says so.
pub(crate) async fn lines(
    core: &Core,
    conn: &mut PgConnection,
    tenant: &TenantId,
) -> Result<Vec<(String, String)>> {
    rows(core, conn, tenant)
        .await?
        .iter()
        .map(|row| {
            let name: String = row.try_get(0).map_err(failure::sql)?;
            let granted: Vec<String> = row.try_get(5).map_err(failure::sql)?;
            let line = match actor(tenant, row) {
                Ok(actor) if actor.permissions == granted => actor.line(),
                Ok(actor) => format!("{} but the table permissions has {granted:?}", actor.line()),
                Err(error) => format!("unreadable: {}", error.message()),
            };
            Ok((name, line))
        })
        .collect()
}
