-- Back to the runbook's policies, which are for everybody and do not bind the owner. Loses no row.
do $$
declare
  application text := coalesce(nullif(current_setting('bfg.application_role', true), ''), 'bfg_application');
  replayer text := coalesce(nullif(current_setting('bfg.replayer_role', true), ''), 'bfg_replayer');
  auditor text := coalesce(nullif(current_setting('bfg.auditor_role', true), ''), 'bfg_auditor');
  verifier text := coalesce(nullif(current_setting('bfg.verifier_role', true), ''), 'bfg_verifier');
  granted text := format('%I, %I, %I', application, replayer, auditor);
  relation text;
begin
  -- Some managed servers give no verifier.
  if exists (select from pg_catalog.pg_roles where rolname = verifier) then
    granted := granted || format(', %I', verifier);
  end if;

  drop policy tenant_delete on bfg_flowcontrol.permissions;
  drop policy tenant_update on bfg_flowcontrol.users;
  drop policy tenant_update on bfg_flowcontrol.tenants;

  foreach relation in array array[
    'tenants', 'organisations', 'users', 'permissions', 'scenario_snapshots', 'audit_events'
  ] loop
    execute format('drop policy tenant_insert on bfg_flowcontrol.%I', relation);
    execute format('drop policy tenant_select on bfg_flowcontrol.%I', relation);
    -- Takes the grants on single columns along.
    execute format('revoke all on bfg_flowcontrol.%I from %s', relation, granted);
  end loop;
  execute format('revoke all on schema bfg_flowcontrol from %s', granted);
end
$$;

create policy bfg_tenant_users on bfg_flowcontrol.users
  using (tenant_id = current_setting('bfg.tenant_id', true));
create policy bfg_tenant_snapshots on bfg_flowcontrol.scenario_snapshots
  using (tenant_id = current_setting('bfg.tenant_id', true));
create policy bfg_tenant_audit on bfg_flowcontrol.audit_events
  using (tenant_id = current_setting('bfg.tenant_id', true));

alter table bfg_flowcontrol.audit_events no force row level security;
alter table bfg_flowcontrol.scenario_snapshots no force row level security;
alter table bfg_flowcontrol.users no force row level security;
alter table bfg_flowcontrol.tenants no force row level security;
alter table bfg_flowcontrol.tenants disable row level security;
