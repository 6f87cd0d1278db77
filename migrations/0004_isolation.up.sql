-- Row-level security on every table so far, in force for the owner too, and policies and
-- privileges for named roles instead of for everybody.
--
-- A role reaches the rows of the tenant that bfg.tenant_id names, and none when it is unset.
-- After a transaction that set it locally the setting reads as '' and not as NULL, hence the
-- nullif. The sub-select makes Postgres read the setting once a statement and not once a row.
--
-- Role names come from settings, since roles are cluster-wide and a server may hold several
-- installations. Nobody but the owner is given TRUNCATE, REFERENCES or TRIGGER: row-level
-- security holds back none of them.
--
-- Who may do what, and why: docs/decisions/0003-roles-and-privileges.md.

alter table bfg_flowcontrol.tenants enable row level security;
alter table bfg_flowcontrol.tenants force row level security;
alter table bfg_flowcontrol.users force row level security;
alter table bfg_flowcontrol.scenario_snapshots force row level security;
alter table bfg_flowcontrol.audit_events force row level security;

drop policy bfg_tenant_users on bfg_flowcontrol.users;
drop policy bfg_tenant_snapshots on bfg_flowcontrol.scenario_snapshots;
drop policy bfg_tenant_audit on bfg_flowcontrol.audit_events;

do $$
declare
  application text := coalesce(nullif(current_setting('bfg.application_role', true), ''), 'bfg_application');
  replayer text := coalesce(nullif(current_setting('bfg.replayer_role', true), ''), 'bfg_replayer');
  auditor text := coalesce(nullif(current_setting('bfg.auditor_role', true), ''), 'bfg_auditor');
  verifier text := coalesce(nullif(current_setting('bfg.verifier_role', true), ''), 'bfg_verifier');
  writers text := format('%I, %I', application, replayer);
  readers text := format('%I, %I, %I', application, replayer, auditor);
  granted text := readers;
  own_tenant constant text := $p$(tenant_id = (select nullif(current_setting('bfg.tenant_id', true), '')))$p$;
  relation text;
begin
  -- Some managed servers give no verifier.
  if exists (select from pg_catalog.pg_roles where rolname = verifier) then
    granted := granted || format(', %I', verifier);
  end if;

  revoke all on schema bfg_flowcontrol from public;
  execute format('grant usage on schema bfg_flowcontrol to %s', granted);

  foreach relation in array array[
    'tenants', 'organisations', 'users', 'permissions', 'scenario_snapshots', 'audit_events'
  ] loop
    execute format('revoke all on bfg_flowcontrol.%I from public', relation);
    execute format('grant select on bfg_flowcontrol.%I to %s', relation, granted);
    execute format('grant insert on bfg_flowcontrol.%I to %s', relation, writers);
    execute format('create policy tenant_select on bfg_flowcontrol.%I for select to %s using %s',
      relation, readers, own_tenant);
    execute format('create policy tenant_insert on bfg_flowcontrol.%I for insert to %s with check %s',
      relation, writers, own_tenant);
  end loop;

  -- What may change: a tenant's name, and an actor's name, role, organisation and permissions.
  -- Never an id: records refer to it.
  execute format('grant update (name) on bfg_flowcontrol.tenants to %s', writers);
  execute format(
    'grant update (display_name, role_key, permissions, organisation) on bfg_flowcontrol.users to %s',
    writers);
  foreach relation in array array['tenants', 'users'] loop
    execute format('create policy tenant_update on bfg_flowcontrol.%I for update to %s using %s with check %s',
      relation, writers, own_tenant, own_tenant);
  end loop;

  -- The only rows that go away: an actor who loses a permission loses the row, since a row that
  -- stays is a permission that stays.
  execute format('grant delete on bfg_flowcontrol.permissions to %s', writers);
  execute format('create policy tenant_delete on bfg_flowcontrol.permissions for delete to %s using %s',
    writers, own_tenant);
end
$$;
