//! Foreign objects: tables and rows in the target's schema that the cutover did not write. They are
//! refused, so that they are neither mixed with the cutover's rows nor emptied unnoticed.

use super::endpoints::{Endpoints, tables};
use crate::rehearsal::verify::verify;
use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::SessionId;
use flowcontrol_contract::sql::identifier;
use flowcontrol_snapshot as snapshot;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};
use std::path::Path;

/// Refuses a schema that contains a table before any migration ran: it would be a foreign object.
///
/// # Errors
/// A check failure that names the table.
pub async fn refuse_tables(endpoints: &Endpoints) -> Result<()> {
    let site = endpoints.site();
    let (place, schema) = (site.endpoint.redacted(), &site.layout.schema);
    let mut connection = site.endpoint.connect(site.login).await?;
    let found = tables(&mut connection, schema).await.map_err(|e| {
        Failure::environment(format!("cannot list the tables of {schema} in {place}: {e}"))
    })?;
    // The result is known; an error when closing changes nothing.
    drop(connection.close().await);
    match found.first() {
        None => Ok(()),
        Some(table) => Err(Failure::check(format!(
            "schema {schema} in {place} contains table {table}, which no migration created"
        ))
        .hint(
            "cut over into a database without the schema; a cutover never adds to existing tables",
        )),
    }
}

/// A description of the first row that the cutover did not write; `None` when all are its own. Histories
/// are append-only, so every row that was copied is still in the source.
///
/// `complete` says that every migration is applied; before that, no service can write.
///
/// # Errors
/// When foreign rows cannot be distinguished from the cutover's.
pub async fn find(
    endpoints: &Endpoints,
    session: SessionId,
    scratch: &Path,
    complete: bool,
) -> Result<Option<String>> {
    if complete {
        let path = scratch.join("source.jsonl.zst");
        let now = snapshot::freeze(&*endpoints.source, session, &endpoints.tenants, &path, |_| {})
            .await?;
        let mut back = endpoints.verifier().await?.read_back(&endpoints.tenants).await?;
        let found = verify(&path, now.sha256, &mut *back, |_| {}).await?;
        if let Some(row) = found.mismatches.iter().find(|m| m.what != "missing") {
            return Ok(Some(format!("{} {} of tenant {}", row.table, row.row, row.tenant)));
        }
    }
    let site = endpoints.site();
    let reader =
        endpoints.server.logins.verifier.as_ref().filter(|_| complete).unwrap_or(site.login);
    let mut connection = site.endpoint.connect(reader).await?;
    let mut other = None;
    for table in
        tables(&mut connection, &site.layout.schema).await.map_err(|e| unseen(endpoints, &e))?
    {
        if holds_others(&mut connection, endpoints, &table)
            .await
            .map_err(|e| unseen(endpoints, &e))?
        {
            other = Some(format!("rows in {table}"));
            break;
        }
    }
    // The result is known; an error when closing changes nothing.
    drop(connection.close().await);
    Ok(other)
}

fn unseen(endpoints: &Endpoints, error: &sqlx::Error) -> Failure {
    Failure::check(format!(
        "cannot determine whether {} holds foreign rows: {error}",
        endpoints.server.endpoint.redacted()
    ))
}

/// Whether the table holds rows of a tenant that is not moved, or of no tenant.
async fn holds_others(
    connection: &mut PgConnection,
    endpoints: &Endpoints,
    table: &str,
) -> sqlx::Result<bool> {
    let layout = endpoints.site().layout;
    let by_tenant: bool = sqlx::query_scalar(
        "select exists (select from pg_catalog.pg_attribute a
           join pg_catalog.pg_class c on c.oid = a.attrelid
           join pg_catalog.pg_namespace n on n.oid = c.relnamespace
          where n.nspname = $1 and c.relname = $2 and a.attname = $3 and not a.attisdropped)",
    )
    .bind(&layout.schema)
    .bind(table)
    .bind(&layout.tenant_column)
    .fetch_one(&mut *connection)
    .await?;
    let named = format!("{}.{}", identifier(&layout.schema), identifier(table));
    if !by_tenant {
        let sql = format!("select exists (select from {named})");
        return sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(connection).await;
    }
    let column = identifier(&layout.tenant_column);
    let sql = format!("select exists (select from {named} where {column}::text <> all($1))");
    let moved: Vec<&str> = endpoints.tenants.iter().map(|t| t.as_str()).collect();
    sqlx::query_scalar(AssertSqlSafe(sql)).bind(moved).fetch_one(connection).await
}
