-- The ledger of a cutover stands, insert-only, and the application has no part in it.
do $$
declare
  replayer text := coalesce(nullif(current_setting('bfg.replayer_role', true), ''), 'bfg_replayer');
  auditor text := coalesce(nullif(current_setting('bfg.auditor_role', true), ''), 'bfg_auditor');
  verifier text := coalesce(nullif(current_setting('bfg.verifier_role', true), ''), 'bfg_verifier');
  relations constant text[] := array['cutover_parts'];
  own_tenant constant text :=
    $p$(tenant_id = ( SELECT NULLIF(current_setting('bfg.tenant_id'::text, true), ''::text) AS "nullif"))$p$;
  missing text;
  wrong text;
begin
  select string_agg(format('%s.%s %s%s', e.relation, e.name, e.type, case when e.required then ' not null' else '' end), ', ')
  into missing
  from (values
    ('cutover_parts', 'tenant_id', 'text', true),
    ('cutover_parts', 'batch', 'text', true),
    ('cutover_parts', 'first_seq', 'bigint', true),
    ('cutover_parts', 'last_seq', 'bigint', true),
    ('cutover_parts', 'records', 'bigint', true),
    ('cutover_parts', 'snapshot_sha256', 'text', true),
    ('cutover_parts', 'sha256', 'text', true),
    ('cutover_parts', 'applied_at', 'timestamp with time zone', true)
  ) as e (relation, name, type, required)
  where not exists (
    select from pg_catalog.pg_attribute a
    join pg_catalog.pg_class c on c.oid = a.attrelid
    where c.relnamespace = to_regnamespace('bfg_flowcontrol') and c.relkind = 'r'
      and c.relname = e.relation and a.attname = e.name and not a.attisdropped
      and pg_catalog.format_type(a.atttypid, a.atttypmod) = e.type and a.attnotnull = e.required
  );
  if missing is not null then
    raise exception 'columns that are missing or of another type: %', missing;
  end if;

  -- Compared by what they say, whatever they are called.
  select string_agg(format('%s %s', e.relation, e.definition), ', ')
  into missing
  from (values
    ('cutover_parts', 'PRIMARY KEY (tenant_id, batch, first_seq)'),
    ('cutover_parts', 'FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id)'),
    ('cutover_parts', 'CHECK (((records > 0) AND (records <= ((last_seq - first_seq) + 1))))'),
    ('cutover_parts', 'CHECK ((batch ~ ''^[a-z0-9-]{1,64}$''::text))'),
    ('cutover_parts', 'CHECK (((first_seq > 0) AND (last_seq >= first_seq)))'),
    ('cutover_parts', 'CHECK ((sha256 ~ ''^[0-9a-f]{64}$''::text))'),
    ('cutover_parts', 'CHECK ((snapshot_sha256 ~ ''^[0-9a-f]{64}$''::text))'),
    ('cutover_parts', 'CHECK ((tenant_id <> ''''::text))')
  ) as e (relation, definition)
  where not exists (
    select from pg_catalog.pg_constraint k
    join pg_catalog.pg_class c on c.oid = k.conrelid
    where c.relnamespace = to_regnamespace('bfg_flowcontrol') and c.relname = e.relation
      and k.convalidated
      and replace(pg_catalog.pg_get_constraintdef(k.oid), 'bfg_flowcontrol.', '') = e.definition
  );
  if missing is not null then
    raise exception 'constraints that are missing, different or not validated: %', missing;
  end if;

  select string_agg(i.indexrelid::regclass::text, ', ')
  into wrong
  from pg_catalog.pg_index i
  join pg_catalog.pg_class c on c.oid = i.indrelid
  left join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
  where c.relnamespace = to_regnamespace('bfg_flowcontrol')
    and c.relname = any (array['cutover_parts'])
    and (a.attname is distinct from 'tenant_id' or not i.indisvalid);
  if wrong is not null then
    raise exception 'keys and indexes that do not lead with tenant_id or are not valid: %', wrong;
  end if;

  select string_agg(e.relation, ', ')
  into missing
  from unnest(array['cutover_parts']) as e (relation)
  where not exists (
    select from pg_catalog.pg_class c
    where c.relnamespace = to_regnamespace('bfg_flowcontrol') and c.relname = e.relation
      and c.relrowsecurity and c.relforcerowsecurity
  );
  if missing is not null then
    raise exception 'tables whose row-level security is not enabled and forced: %', missing;
  end if;

  -- Exactly these policies: one more would be one more way in.
  with expected (relation, policy, permissive, command, role, using_rule, check_rule) as (
    select r, 'tenant_select', 'PERMISSIVE', 'SELECT', s, own_tenant, null
    from unnest(relations) as r, unnest(array[replayer, auditor]) as s
    union
    select r, 'tenant_insert', 'PERMISSIVE', 'INSERT', s, null, own_tenant
    from unnest(relations) as r, unnest(array[replayer]) as s
  ),
  found as (
    select p.tablename::text, p.policyname::text, p.permissive, p.cmd, r::text, p.qual, p.with_check
    from pg_catalog.pg_policies p, unnest(p.roles) as r
    where p.schemaname = 'bfg_flowcontrol' and p.tablename = any (relations)
  )
  select string_agg(difference, ', ')
  into wrong
  from (
    select format('%s.%s for %s to %s is missing or has another rule', relation, policy, command, role)
    from (select * from expected except select * from found) as e
    union all
    select format('%s.%s for %s to %s does not belong here', tablename, policyname, cmd, r)
    from (select * from found except select * from expected) as f
  ) as d (difference);
  if wrong is not null then
    raise exception 'policies: %', wrong;
  end if;

  -- Exactly these privileges, on tables and on single columns, beside the owner's own.
  with expected (relation, on_column, role, privilege) as (
    select r, '', s, 'SELECT'
    from unnest(relations) as r, unnest(array[replayer, auditor, verifier]) as s
    where s <> verifier or exists (select from pg_catalog.pg_roles where rolname = verifier)
    union
    select r, '', s, 'INSERT'
    from unnest(relations) as r, unnest(array[replayer]) as s
  ),
  found as (
    select c.relname::text, g.on_column, coalesce(r.rolname::text, 'public'), g.privilege_type
    from pg_catalog.pg_class c
    cross join lateral (
      select '' as on_column, x.grantee, x.privilege_type from aclexplode(c.relacl) as x
      union all
      select a.attname::text, x.grantee, x.privilege_type
      from pg_catalog.pg_attribute a, aclexplode(a.attacl) as x
      where a.attrelid = c.oid
    ) as g
    left join pg_catalog.pg_roles r on r.oid = g.grantee
    where c.relnamespace = to_regnamespace('bfg_flowcontrol') and c.relname = any (relations)
      and g.grantee <> c.relowner
  )
  select string_agg(difference, ', ')
  into wrong
  from (
    select format('%s on %s to %s is missing', privilege, concat_ws('.', relation, nullif(on_column, '')), role)
    from (select * from expected except select * from found) as e
    union all
    select format('%s on %s to %s does not belong here',
      privilege_type, concat_ws('.', relname, nullif(on_column, '')), role)
    from (select * from found except select * from expected) as f (relname, on_column, role, privilege_type)
  ) as d (difference);
  if wrong is not null then
    raise exception 'privileges: %', wrong;
  end if;
end
$$;
