//! The queries that fill [`Catalog`]: each row is returned as one JSON text and parsed into its type.

use super::Catalog;
use crate::session::broken;
use flowcontrol_base::{Failure, Result};
use serde::de::DeserializeOwned;
use sqlx::postgres::PgConnection;

/// Every relation outside the system's schemas, because views of other schemas may read the probed one.
const RELATIONS: &str = r#"
select n.nspname as schema, c.relname as name, c.relkind as kind,
  pg_get_userbyid(c.relowner) as owner,
  c.relrowsecurity as enabled, c.relforcerowsecurity as forced,
  (select p.relname from pg_inherits i join pg_class p on p.oid = i.inhparent
    where i.inhrelid = c.oid order by i.inhseqno limit 1) as parent,
  coalesce('security_invoker' = any(
    array(select option_name from pg_options_to_table(c.reloptions) where option_value in ('true', 'on', 'yes', '1'))
  ), false) as invoker,
  exists (select from aclexplode(c.relacl) a where a.grantee = 0) as public,
  array(select rulename from pg_rewrite w where w.ev_class = c.oid and w.rulename <> '_RETURN' order by 1) as rules,
  array(select distinct rn.nspname || '.' || rc.relname
    from pg_rewrite w
    join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid
      and d.refclassid = 'pg_class'::regclass and d.refobjid <> c.oid
    join pg_class rc on rc.oid = d.refobjid join pg_namespace rn on rn.oid = rc.relnamespace
    where w.ev_class = c.oid and w.rulename = '_RETURN' order by 1) as reads,
  coalesce((select jsonb_agg(jsonb_build_object(
      'name', a.attname, 'kind', format_type(a.atttypid, a.atttypmod),
      'base', (with recursive t as (
          select typname, typtype, typbasetype from pg_type where oid = a.atttypid
          union all select b.typname, b.typtype, b.typbasetype from pg_type b join t on t.typtype = 'd' and b.oid = t.typbasetype
        ) select typname from t where typtype <> 'd'),
      'required', a.attnotnull, 'default', a.atthasdef, 'generated', a.attgenerated <> '', 'identity', a.attidentity = 'a',
      'deterministic', coalesce((select o.collisdeterministic from pg_collation o where o.oid = a.attcollation), true),
      'grants', (select jsonb_object_agg(l, array(
          select v from unnest(array['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) v
          where has_schema_privilege(l, n.oid, 'USAGE') and has_column_privilege(l, c.oid, a.attnum, v)))
        from unnest($2::text[]) l)
    ) order by a.attnum)
    from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped), '[]') as columns,
  (select jsonb_object_agg(l, array(
      select v from unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) v
      where has_schema_privilege(l, n.oid, 'USAGE') and (has_table_privilege(l, c.oid, v)
        or (v in ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES') and has_any_column_privilege(l, c.oid, v)))))
    from unnest($2::text[]) l) as grants,
  (select jsonb_object_agg(l, array(
      select v from unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) v
      where has_schema_privilege(l, n.oid, 'USAGE') and has_table_privilege(l, c.oid, v)))
    from unnest($2::text[]) l) as whole
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'f', 'v', 'm')
  and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
  and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
  and $1::text is not null
order by 1, 2
"#;

/// A body between BEGIN ATOMIC and END stands parsed in `prosqlbody`, and `prosrc` is empty.
const POLICIES: &str = r#"
select c.relname as table, p.polname as name, p.polpermissive as permissive,
  case p.polcmd when 'r' then 'SELECT' when 'a' then 'INSERT' when 'w' then 'UPDATE' when 'd' then 'DELETE' else 'ALL' end as command,
  array(select case when r = 0 then 'public' else pg_get_userbyid(r)::text end from unnest(p.polroles) r order by 1) as roles,
  array(select l from unnest($2::text[]) l where exists (
    select from unnest(p.polroles) r where r = 0 or pg_has_role(l, r, 'USAGE')) order by 1) as logins,
  pg_get_expr(p.polqual, p.polrelid) as using, pg_get_expr(p.polwithcheck, p.polrelid) as check,
  coalesce((select jsonb_agg(distinct jsonb_build_object(
      'signature', f.oid::regprocedure::text, 'name', quote_ident(f.proname),
      'source', coalesce(pg_get_function_sqlbody(f.oid), f.prosrc)))
    from pg_depend d join pg_proc f on f.oid = d.refobjid
    where d.classid = 'pg_policy'::regclass and d.objid = p.oid and d.refclassid = 'pg_proc'::regclass), '[]') as calls
from pg_policy p join pg_class c on c.oid = p.polrelid join pg_namespace n on n.oid = c.relnamespace
where n.nspname = $1 order by 1, 2
"#;

const KEYS: &str = r#"
select c.relname as table, x.relname as name, i.indisprimary as primary,
  array(select a.attname from unnest(i.indkey[0:i.indnkeyatts - 1]) with ordinality k (num, ord)
    left join pg_attribute a on a.attrelid = c.oid and a.attnum = k.num and k.num > 0 order by k.ord) as columns
from pg_index i join pg_class c on c.oid = i.indrelid join pg_class x on x.oid = i.indexrelid
join pg_namespace n on n.oid = c.relnamespace
where n.nspname = $1 and i.indisunique and $2::text[] is not null order by 1, not i.indisprimary, 2
"#;

const FOREIGN_KEYS: &str = r#"
select k.conname as name, c.relname as table, pn.nspname as parent_schema, p.relname as parent, k.convalidated as validated,
  array(select a.attname from unnest(k.conkey) with ordinality u (num, ord)
    join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.num order by u.ord) as columns,
  array(select a.attname from unnest(k.confkey) with ordinality u (num, ord)
    join pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.num order by u.ord) as parent_columns
from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
join pg_class p on p.oid = k.confrelid join pg_namespace pn on pn.oid = p.relnamespace
where k.contype = 'f' and n.nspname = $1 and k.conparentid = 0 and $2::text[] is not null order by 2, 1
"#;

const CHECKS: &str = r#"
select c.relname as table, k.conname as name, pg_get_expr(k.conbin, k.conrelid) as expression
from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
where k.contype = 'c' and k.convalidated and n.nspname = $1 and $2::text[] is not null order by 1, 2
"#;

const FUNCTIONS: &str = r#"
select n.nspname as schema, f.oid::regprocedure::text as signature, r.rolname as owner,
  r.rolsuper or r.rolbypassrls as owner_bypasses,
  f.prosecdef as definer, f.proleakproof as leakproof,
  f.prorettype in ('trigger'::regtype, 'event_trigger'::regtype) as trigger,
  coalesce(f.proconfig, '{}') as settings,
  array(select l from unnest($2::text[]) l where has_schema_privilege(l, n.oid, 'USAGE')
    and has_function_privilege(l, f.oid, 'EXECUTE') order by 1) as executable
from pg_proc f join pg_namespace n on n.oid = f.pronamespace join pg_roles r on r.oid = f.proowner
where n.nspname <> 'information_schema' and n.nspname !~ '^pg_' and $1::text is not null
  and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = f.oid and d.deptype = 'e')
order by 1, 2
"#;

const SEQUENCES: &str = r#"
select c.relname as name,
  array(select l from unnest($2::text[]) l where has_schema_privilege(l, n.oid, 'USAGE')
    and has_sequence_privilege(l, c.oid, 'SELECT') order by 1) as readable
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'S' and n.nspname = $1 order by 1
"#;

/// `{become}` is the membership test for SET ROLE: Postgres 16 can withhold it from a member.
const POWERS: &str = r#"
with owned as (
  select c.relowner as owner, n.nspname || '.' || c.relname as what from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1
  union all select f.proowner, n.nspname || '.' || f.proname from pg_proc f join pg_namespace n on n.oid = f.pronamespace where n.nspname = $1
  union all select n.nspowner, 'schema ' || n.nspname from pg_namespace n where n.nspname = $1
  union all select d.datdba, 'database ' || d.datname from pg_database d where d.datname = current_database()
), bypassers as (
  select oid, rolname from pg_roles where rolsuper or rolbypassrls
)
select l as login, r.rolsuper as superuser, r.rolbypassrls as bypass, r.rolcreaterole as create_role, r.rolreplication as replication,
  array(select distinct what from owned where owner = r.oid order by 1) as owns,
  array(select distinct pg_get_userbyid(owner)::text from owned where owner <> r.oid and pg_has_role(r.oid, owner, 'MEMBER') order by 1) as owner_memberships,
  array(select rolname from bypassers b where b.oid <> r.oid and not r.rolsuper and pg_has_role(r.oid, b.oid, '{become}') order by 1) as bypassers,
  array(select rolname from pg_roles p where p.rolname in ('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files')
    and pg_has_role(r.oid, p.oid, 'MEMBER') order by 1) as server_roles,
  -- Not every bypasser of the cluster: others' roles come and go while the probes run. Role 10 is
  -- the one that initdb made.
  array(select distinct pg_get_userbyid(o)::text from (
      select owner as o from owned union select 10 union
      select b.oid from bypassers b where not r.rolsuper and pg_has_role(r.oid, b.oid, '{become}')) x
    where o <> r.oid order by 1) as targets,
  has_schema_privilege(l, $1, 'CREATE') as creates
from unnest($2::text[]) l join pg_roles r on r.rolname = l order by 1
"#;

/// Reads the catalog for `schema` as any login can: the catalog is open to all.
///
/// # Errors
/// Usage when the schema is absent; environment when the server fails.
pub async fn read(conn: &mut PgConnection, schema: &str, logins: &[String]) -> Result<Catalog> {
    let version: i32 = sqlx::query_scalar("select current_setting('server_version_num')::int4")
        .fetch_one(&mut *conn)
        .await
        .map_err(|e| broken(&e))?;
    let present: bool =
        sqlx::query_scalar("select exists (select from pg_namespace where nspname = $1)")
            .bind(schema)
            .fetch_one(&mut *conn)
            .await
            .map_err(|e| broken(&e))?;
    if !present {
        return Err(Failure::usage(format!("the database has no schema {schema}"))
            .hint("apply the migrations first, or name the schema in the probe settings"));
    }
    let become_test = if version >= 160_000 { "SET" } else { "MEMBER" };
    Ok(Catalog {
        version,
        relations: rows(conn, RELATIONS, schema, logins).await?,
        policies: rows(conn, POLICIES, schema, logins).await?,
        keys: rows(conn, KEYS, schema, logins).await?,
        foreign_keys: rows(conn, FOREIGN_KEYS, schema, logins).await?,
        checks: rows(conn, CHECKS, schema, logins).await?,
        functions: rows(conn, FUNCTIONS, schema, logins).await?,
        sequences: rows(conn, SEQUENCES, schema, logins).await?,
        powers: rows(conn, &POWERS.replace("{become}", become_test), schema, logins).await?,
    })
}

async fn rows<T: DeserializeOwned>(
    conn: &mut PgConnection,
    query: &str,
    schema: &str,
    logins: &[String],
) -> Result<Vec<T>> {
    let sql = format!("select to_jsonb(found)::text from ({query}) found");
    let texts: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
        .persistent(false)
        .bind(schema)
        .bind(logins)
        .fetch_all(conn)
        .await
        .map_err(|e| broken(&e).context("reading the catalog"))?;
    texts
        .iter()
        .map(|text| {
            serde_json::from_str(text).map_err(|e| {
                Failure::environment(format!("the catalog returned an unexpected result: {e}"))
            })
        })
        .collect()
}
