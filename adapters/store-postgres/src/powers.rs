//! The rights of a login with which it could bypass row-level security, read from the catalog.
//!
//! Facts only; [`crate::refusal`] judges them. The engine's connection probes use both.

use crate::KIND;
use crate::failure;
use flowcontrol_contract::Result;
use sqlx::Row;
use sqlx::postgres::PgConnection;

/// How a role relates to row-level security.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleReach {
    /// The other role.
    pub role: String,
    /// It is a superuser.
    pub superuser: bool,
    /// It has BYPASSRLS.
    pub bypass_rls: bool,
    /// It owns the schema or something in it.
    pub owner: bool,
    /// Its rights are in force without SET ROLE.
    pub inherits: bool,
    /// The login can SET ROLE to it, or grant itself the right to.
    pub can_set: bool,
}

/// A table's protection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableGuard {
    /// The table, without its schema.
    pub table: String,
    /// ENABLE ROW LEVEL SECURITY.
    pub enabled: bool,
    /// FORCE ROW LEVEL SECURITY.
    pub forced: bool,
    /// The login may INSERT, UPDATE, DELETE or TRUNCATE.
    pub writable: bool,
}

/// The facts about a login, its server and the schema.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Powers {
    /// The login's role.
    pub role: String,
    /// The schema that was inspected.
    pub schema: String,
    /// It is a superuser.
    pub superuser: bool,
    /// It has BYPASSRLS.
    pub bypass_rls: bool,
    /// It has CREATEROLE.
    pub create_role: bool,
    /// It has REPLICATION.
    pub replication: bool,
    /// What it owns: `schema NAME` or a relation's name.
    pub owns: Vec<String>,
    /// Roles through which it could bypass row-level security.
    pub reaches: Vec<RoleReach>,
    /// Predefined roles that it has and that give access to the server's files or programs.
    pub server_access: Vec<String>,
    /// Tables of the schema.
    pub tables: Vec<TableGuard>,
    /// Whether the schema exists.
    pub schema_exists: bool,
    /// The database's encoding.
    pub encoding: String,
    /// `server_version_num`.
    pub server_version: i32,
    /// `server_version`, for people.
    pub server_version_text: String,
    /// Whether the server is a read-only standby.
    pub standby: bool,
}

const FACTS: &str = "
select session_user::text,
       bool_or(r.rolsuper), bool_or(r.rolbypassrls), bool_or(r.rolcreaterole),
       bool_or(r.rolreplication),
       to_regnamespace(quote_ident($1)) is not null,
       (select pg_encoding_to_char(encoding) from pg_database where datname = current_database()),
       current_setting('server_version_num')::int,
       current_setting('server_version'),
       pg_is_in_recovery()
from pg_roles r
where r.rolname in (session_user, current_user)";

const OWNED: &str = "
select distinct o.what
from (select nspowner as owner, 'schema ' || nspname as what from pg_namespace where nspname = $1
      union all
      select c.relowner, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname = $1 and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')) o
join pg_roles r on r.oid = o.owner
where r.rolname in (session_user, current_user)
order by 1";

// A member with the ADMIN option can grant itself what SET FALSE or INHERIT FALSE withhold.
const REACHES: &str = "
with owner as (
  select nspowner as oid from pg_namespace where nspname = $1
  union
  select c.relowner from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = $1 and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
), self as (
  select oid from pg_roles where rolname in (session_user, current_user)
)
select r.rolname::text, r.rolsuper, r.rolbypassrls,
       exists (select from owner o where o.oid = r.oid),
       bool_or(pg_has_role(s.oid, r.oid, 'USAGE')),
       bool_or(pg_has_role(s.oid, r.oid, $2)
               or pg_has_role(s.oid, r.oid, 'MEMBER WITH ADMIN OPTION'))
from pg_roles r cross join self s
where (r.rolsuper or r.rolbypassrls or exists (select from owner o where o.oid = r.oid))
  and r.oid not in (select oid from self)
group by r.oid, r.rolname, r.rolsuper, r.rolbypassrls
having bool_or(pg_has_role(s.oid, r.oid, 'MEMBER'))
order by 1";

const SERVER_ACCESS: &str = "
select r.rolname::text from pg_roles r
where r.rolname in ('pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program')
  and pg_has_role(session_user, r.oid, 'MEMBER')
order by 1";

const TABLES: &str = "
select c.relname::text, c.relrowsecurity, c.relforcerowsecurity,
       has_table_privilege(c.oid, 'INSERT') or has_table_privilege(c.oid, 'UPDATE')
       or has_table_privilege(c.oid, 'DELETE') or has_table_privilege(c.oid, 'TRUNCATE')
       or has_any_column_privilege(c.oid, 'INSERT') or has_any_column_privilege(c.oid, 'UPDATE')
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = $1 and c.relkind in ('r', 'p')
order by c.relname collate \"C\"";

/// Reads the rights of the login of `conn`. Works in and out of a transaction.
///
/// # Errors
/// The server's error; the message holds no row content.
pub async fn read_powers(conn: &mut PgConnection, schema: &str) -> Result<Powers> {
    read(conn, schema).await.map_err(|e| failure::sql(e).in_operation(KIND, "read powers"))
}

async fn read(conn: &mut PgConnection, schema: &str) -> sqlx::Result<Powers> {
    let facts = sqlx::query(FACTS).persistent(false).bind(schema).fetch_one(&mut *conn).await?;
    let mut powers = Powers {
        role: facts.try_get(0)?,
        schema: schema.to_owned(),
        superuser: facts.try_get(1)?,
        bypass_rls: facts.try_get(2)?,
        create_role: facts.try_get(3)?,
        replication: facts.try_get(4)?,
        schema_exists: facts.try_get(5)?,
        encoding: facts.try_get(6)?,
        server_version: facts.try_get(7)?,
        server_version_text: facts.try_get(8)?,
        standby: facts.try_get(9)?,
        ..Powers::default()
    };
    powers.owns =
        sqlx::query_scalar(OWNED).persistent(false).bind(schema).fetch_all(&mut *conn).await?;
    let set_role = if powers.server_version >= 160_000 { "SET" } else { "MEMBER" };
    let reaches = sqlx::query(REACHES).persistent(false).bind(schema).bind(set_role);
    for row in reaches.fetch_all(&mut *conn).await? {
        powers.reaches.push(RoleReach {
            role: row.try_get(0)?,
            superuser: row.try_get(1)?,
            bypass_rls: row.try_get(2)?,
            owner: row.try_get(3)?,
            inherits: row.try_get(4)?,
            can_set: row.try_get(5)?,
        });
    }
    powers.server_access =
        sqlx::query_scalar(SERVER_ACCESS).persistent(false).fetch_all(&mut *conn).await?;
    for row in sqlx::query(TABLES).persistent(false).bind(schema).fetch_all(&mut *conn).await? {
        powers.tables.push(TableGuard {
            table: row.try_get(0)?,
            enabled: row.try_get(1)?,
            forced: row.try_get(2)?,
            writable: row.try_get(3)?,
        });
    }
    Ok(powers)
}
