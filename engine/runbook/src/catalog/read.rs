//! Reads the catalog: one query for each kind of object, in one read-only snapshot.

use super::{Catalog, CatalogLine};
use flowcontrol_base::{Failure, Result};
use serde::de::DeserializeOwned;
use sqlx::postgres::PgConnection;
use sqlx::{Connection, SqlSafeStr};

/// Reads the content of `schemas`. A schema that does not exist counts as empty.
///
/// # Errors
/// An environment failure when the catalog cannot be read.
pub async fn read(connection: &mut PgConnection, schemas: &[&str]) -> Result<Catalog> {
    let failed = |e: sqlx::Error| Failure::environment(format!("cannot read the catalog: {e}"));
    let mut snapshot = connection
        .begin_with("begin transaction isolation level repeatable read read only")
        .await
        .map_err(failed)?;
    let catalog = read_within(&mut snapshot, schemas).await?;
    snapshot.rollback().await.map_err(failed)?;
    Ok(catalog)
}

/// As [`read`], inside the caller's transaction, whose uncommitted changes are seen. Pins the
/// search path and identifier quoting until that transaction ends.
///
/// # Errors
/// As [`read`].
pub async fn read_within(transaction: &mut PgConnection, schemas: &[&str]) -> Result<Catalog> {
    // With an empty path every name is printed with its schema, for every role.
    sqlx::raw_sql(
        "set local search_path = ''; set local quote_all_identifiers = off;
         set local datestyle = 'ISO, YMD'; set local timezone = 'UTC'",
    )
    .execute(&mut *transaction)
    .await
    .map_err(|e| Failure::environment(format!("cannot read the catalog: {e}")))?;
    Ok(Catalog {
        tables: rows(transaction, TABLES, schemas).await?,
        functions: rows(transaction, FUNCTIONS, schemas).await?,
        sequences: rows(transaction, SEQUENCES, schemas).await?,
        others: rows::<CatalogLine>(transaction, OTHERS, schemas).await?,
    })
}

async fn rows<T: DeserializeOwned>(
    connection: &mut PgConnection,
    sql: impl SqlSafeStr,
    schemas: &[&str],
) -> Result<Vec<T>> {
    let texts: Vec<String> = sqlx::query_scalar(sql)
        .bind(schemas)
        .fetch_all(connection)
        .await
        .map_err(|e| Failure::environment(format!("cannot read the catalog: {e}")))?;
    texts
        .iter()
        .map(|text| {
            serde_json::from_str(text).map_err(|e| {
                Failure::environment(format!("the catalog returned an unexpected result: {e}"))
            })
        })
        .collect()
}

const TABLES: &str = r#"
select json_build_object(
  'schema', n.nspname, 'name', c.relname,
  'kind', case c.relkind when 'r' then 'table' when 'p' then 'partitioned' when 'v' then 'view'
                         when 'm' then 'matview' else 'foreign' end,
  'owner', pg_get_userbyid(c.relowner),
  'rls', c.relrowsecurity, 'force', c.relforcerowsecurity,
  'partition_of', (select format('%s.%s', pn.nspname, p.relname)
                     from pg_inherits i join pg_class p on p.oid = i.inhparent
                     join pg_namespace pn on pn.oid = p.relnamespace
                    where i.inhrelid = c.oid order by i.inhseqno limit 1),
  'partition', coalesce(pg_get_expr(c.relpartbound, c.oid),
                        case when c.relkind = 'p' then pg_get_partkeydef(c.oid) end),
  'persistence', c.relpersistence,
  'options', (select coalesce(json_agg(o order by o), '[]') from unnest(c.reloptions) o),
  'definition', case when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid) end,
  'columns', (
    select coalesce(json_agg(json_build_object(
      'name', a.attname, 'data_type', format_type(a.atttypid, a.atttypmod),
      'category', t.typcategory, 'not_null', a.attnotnull,
      'default', (select pg_get_expr(d.adbin, d.adrelid) from pg_attrdef d
                   where d.adrelid = c.oid and d.adnum = a.attnum),
      'identity', a.attidentity, 'generated', a.attgenerated,
      'collation', case when a.attcollation <> t.typcollation then a.attcollation::regcollation::text end,
      'grants', (select coalesce(json_agg(json_build_object(
                   'grantee', case x.grantee when 0 then 'public' else pg_get_userbyid(x.grantee) end,
                   'privilege', x.privilege_type, 'grantable', x.is_grantable)
                   order by x.grantee = 0 desc, pg_get_userbyid(x.grantee), x.privilege_type), '[]')
                 from aclexplode(a.attacl) x)
      ) order by a.attnum), '[]')
      from pg_attribute a join pg_type t on t.oid = a.atttypid
     where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
  'primary_key', (
    select json_build_object('name', k.conname, 'columns', cols.names,
                             'definition', pg_get_constraintdef(k.oid), 'partial', false)
      from pg_constraint k, lateral (
        select json_agg(a.attname order by u.at) as names
          from unnest(k.conkey) with ordinality u(num, at)
          join pg_attribute a on a.attrelid = c.oid and a.attnum = u.num) cols
     where k.conrelid = c.oid and k.contype = 'p'),
  'uniques', (
    select coalesce(json_agg(json_build_object(
      'name', ic.relname, 'columns', cols.names,
      'definition', coalesce(pg_get_constraintdef(k.oid), pg_get_indexdef(i.indexrelid)),
      'partial', i.indpred is not null) order by ic.relname), '[]')
      from pg_index i join pg_class ic on ic.oid = i.indexrelid
      left join pg_constraint k on k.conindid = i.indexrelid and k.contype = 'u', lateral (
        select json_agg(pg_get_indexdef(i.indexrelid, at, true) order by at) as names
          from generate_series(1, i.indnkeyatts) at) cols
     where i.indrelid = c.oid and i.indisunique and not i.indisprimary),
  'foreign_keys', (
    select coalesce(json_agg(json_build_object(
      'name', k.conname, 'columns', cols.names, 'target_schema', fn.nspname, 'target', f.relname,
      'target_columns', cols.targets, 'definition', pg_get_constraintdef(k.oid),
      'validated', k.convalidated) order by k.conname), '[]')
      from pg_constraint k join pg_class f on f.oid = k.confrelid
      join pg_namespace fn on fn.oid = f.relnamespace, lateral (
        select json_agg(a.attname order by u.at) as names, json_agg(b.attname order by u.at) as targets
          from unnest(k.conkey, k.confkey) with ordinality u(num, target, at)
          join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.num
          join pg_attribute b on b.attrelid = k.confrelid and b.attnum = u.target) cols
     where k.conrelid = c.oid and k.contype = 'f'),
  'checks', (
    select coalesce(json_agg(json_build_object('name', k.conname,
      'definition', pg_get_constraintdef(k.oid), 'validated', k.convalidated)
      order by k.conname), '[]')
      from pg_constraint k where k.conrelid = c.oid and k.contype in ('c', 'x')),
  'indexes', (
    select coalesce(json_agg(json_build_object('name', ic.relname, 'columns', cols.names,
      'definition', pg_get_indexdef(i.indexrelid), 'unique', i.indisunique,
      'valid', i.indisvalid and i.indisready) order by ic.relname), '[]')
      from pg_index i join pg_class ic on ic.oid = i.indexrelid, lateral (
        select json_agg(pg_get_indexdef(i.indexrelid, at, true) order by at) as names
          from generate_series(1, i.indnkeyatts) at) cols
     where i.indrelid = c.oid),
  'policies', (
    select coalesce(json_agg(json_build_object('name', p.polname,
      'command', case p.polcmd when '*' then 'all' when 'r' then 'select' when 'a' then 'insert'
                               when 'w' then 'update' else 'delete' end,
      'permissive', p.polpermissive,
      'roles', (select json_agg(r order by r) from (
                  select case o when 0 then 'public' else pg_get_userbyid(o) end as r
                    from unnest(p.polroles) o) s),
      'using', pg_get_expr(p.polqual, p.polrelid), 'check', pg_get_expr(p.polwithcheck, p.polrelid))
      order by p.polname), '[]')
      from pg_policy p where p.polrelid = c.oid),
  'grants', (
    select coalesce(json_agg(json_build_object(
      'grantee', case x.grantee when 0 then 'public' else pg_get_userbyid(x.grantee) end,
      'privilege', x.privilege_type, 'grantable', x.is_grantable)
      order by x.grantee = 0 desc, pg_get_userbyid(x.grantee), x.privilege_type), '[]')
      from aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) x),
  'triggers', (
    select coalesce(json_agg(json_build_object('name', s.name, 'definition', s.definition,
      'enabled', s.enabled) order by s.name), '[]')
      from (select t.tgname as name, pg_get_triggerdef(t.oid) as definition, t.tgenabled as enabled
              from pg_trigger t where t.tgrelid = c.oid and not t.tgisinternal
            union all
            select r.rulename, pg_get_ruledef(r.oid), r.ev_enabled
              from pg_rewrite r where r.ev_class = c.oid and r.rulename <> '_RETURN') s)
)::text
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where n.nspname = any($1) and c.relkind in ('r', 'p', 'v', 'm', 'f')
 order by n.nspname collate "C", c.relname collate "C"
"#;

const FUNCTIONS: &str = r#"
select json_build_object('schema', n.nspname, 'name', p.proname,
  'arguments', pg_get_function_identity_arguments(p.oid), 'owner', pg_get_userbyid(p.proowner),
  'definition', case p.prokind
     when 'a' then (select format('aggregate %s %s %s', g.aggtransfn, g.aggtranstype::regtype,
                                  g.agginitval) from pg_aggregate g where g.aggfnoid = p.oid)
     else pg_get_functiondef(p.oid) end,
  'security_definer', p.prosecdef,
  'settings', (select coalesce(json_agg(s order by s), '[]') from unnest(p.proconfig) s),
  'grants', (select coalesce(json_agg(json_build_object(
      'grantee', case x.grantee when 0 then 'public' else pg_get_userbyid(x.grantee) end,
      'privilege', x.privilege_type, 'grantable', x.is_grantable)
      order by x.grantee = 0 desc, pg_get_userbyid(x.grantee), x.privilege_type), '[]')
      from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) x)
)::text
  from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
 where n.nspname = any($1)
 order by n.nspname collate "C", p.proname collate "C",
          pg_get_function_identity_arguments(p.oid) collate "C"
"#;

const SEQUENCES: &str = r#"
select json_build_object('schema', n.nspname, 'name', c.relname,
  'owner', pg_get_userbyid(c.relowner),
  'definition', format('%s start %s increment %s min %s max %s cache %s%s owned by %s',
    s.seqtypid::regtype, s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache,
    case when s.seqcycle then ' cycle' else '' end,
    coalesce((select format('%s.%s', d.refobjid::regclass, a.attname)
                from pg_depend d join pg_attribute a
                  on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
               where d.classid = 'pg_class'::regclass and d.objid = c.oid
                 and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i')), 'none')),
  'grants', (select coalesce(json_agg(json_build_object(
      'grantee', case x.grantee when 0 then 'public' else pg_get_userbyid(x.grantee) end,
      'privilege', x.privilege_type, 'grantable', x.is_grantable)
      order by x.grantee = 0 desc, pg_get_userbyid(x.grantee), x.privilege_type), '[]')
      from aclexplode(coalesce(c.relacl, acldefault('s', c.relowner))) x)
)::text
  from pg_catalog.pg_sequence s join pg_catalog.pg_class c on c.oid = s.seqrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where n.nspname = any($1)
 order by n.nspname collate "C", c.relname collate "C"
"#;

/// Types by their parts; then every other object that depends on the schema, so
/// that an operator or a text search dictionary that a down file forgets is still seen.
const OTHERS: &str = r#"
select json_build_object('object', o.object, 'definition', o.definition)::text from (
  select format('schema %s', n.nspname) as object,
         format('owner %s, grants %s', pg_get_userbyid(n.nspowner),
                (select string_agg(format('%s %s%s',
                          case x.grantee when 0 then 'public' else pg_get_userbyid(x.grantee) end,
                          x.privilege_type, case when x.is_grantable then '*' else '' end), ', '
                          order by pg_get_userbyid(x.grantee), x.privilege_type)
                   from aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) x)) as definition
    from pg_catalog.pg_namespace n where n.nspname = any($1)
  union all
  select format('type %s.%s', n.nspname, t.typname),
         format('owner %s, %s, grants %s', pg_get_userbyid(t.typowner),
           case t.typtype
             when 'e' then (select 'enum ' || string_agg(quote_literal(e.enumlabel), ', '
                                                         order by e.enumsortorder)
                              from pg_enum e where e.enumtypid = t.oid)
             when 'd' then format('domain %s%s default %s %s',
                             format_type(t.typbasetype, t.typtypmod),
                             case when t.typnotnull then ' not null' else '' end,
                             coalesce(t.typdefault, 'none'),
                             (select string_agg(format('%s %s', k.conname, pg_get_constraintdef(k.oid)),
                                                ', ' order by k.conname)
                                from pg_constraint k where k.contypid = t.oid and k.contype = 'c'))
             when 'c' then (select 'composite ' || string_agg(format('%s %s', a.attname,
                                     format_type(a.atttypid, a.atttypmod)), ', ' order by a.attnum)
                              from pg_attribute a
                             where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped)
             when 'r' then (select format('range of %s', r.rngsubtype::regtype)
                              from pg_range r where r.rngtypid = t.oid)
             else format('kind %s', t.typtype) end,
           (select string_agg(format('%s %s',
                     case x.grantee when 0 then 'public' else pg_get_userbyid(x.grantee) end,
                     x.privilege_type), ', ' order by pg_get_userbyid(x.grantee), x.privilege_type)
              from aclexplode(coalesce(t.typacl, acldefault('T', t.typowner))) x))
    from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid = t.typnamespace
   where n.nspname = any($1) and t.typcategory <> 'A'
     and (t.typrelid = 0 or (select c.relkind = 'c' from pg_class c where c.oid = t.typrelid))
  union all
  select format('default privileges of %s on %s in %s', pg_get_userbyid(d.defaclrole),
                d.defaclobjtype, coalesce(n.nspname, 'every schema')),
         (select coalesce(string_agg(format('%s %s%s',
                   case x.grantee when 0 then 'public' else pg_get_userbyid(x.grantee) end,
                   x.privilege_type, case when x.is_grantable then '*' else '' end), ', '
                   order by pg_get_userbyid(x.grantee), x.privilege_type), 'none')
            from aclexplode(d.defaclacl) x)
    from pg_catalog.pg_default_acl d left join pg_catalog.pg_namespace n on n.oid = d.defaclnamespace
   where n.nspname = any($1) or d.defaclnamespace = 0
  union all
  select format('extension %s', e.extname), format('version %s in %s', e.extversion, n.nspname)
    from pg_catalog.pg_extension e join pg_catalog.pg_namespace n on n.oid = e.extnamespace
  union all
  select format('statistics %s.%s', n.nspname, s.stxname), pg_get_statisticsobjdef(s.oid)
    from pg_catalog.pg_statistic_ext s join pg_catalog.pg_namespace n on n.oid = s.stxnamespace
   where n.nspname = any($1)
  union all
  select format('comment on %s %s', i.type, i.identity), d.description
    from pg_catalog.pg_description d,
         lateral pg_identify_object(d.classoid, d.objoid, d.objsubid) i
   where d.objoid::bigint >= 16384
     and (i.schema = any($1) or (i.type = 'schema' and i.name = any($1))
          or exists (select from pg_namespace n where n.nspname = any($1)
                        and starts_with(i.identity, quote_ident(n.nspname) || '.'))
          or exists (select from pg_namespace n where n.nspname = any($1)
                        and strpos(i.identity, ' on ' || quote_ident(n.nspname) || '.') > 0))
  union all
  select format('%s %s', i.type, i.identity), 'is there'
    from pg_catalog.pg_depend d join pg_catalog.pg_namespace n on n.oid = d.refobjid,
         lateral pg_identify_object(d.classid, d.objid, d.objsubid) i
   where d.refclassid = 'pg_namespace'::regclass and n.nspname = any($1)
     and d.classid not in ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_type'::regclass,
                           'pg_extension'::regclass, 'pg_statistic_ext'::regclass,
                           'pg_default_acl'::regclass)
) o
 order by o.object collate "C", o.definition collate "C"
"#;
