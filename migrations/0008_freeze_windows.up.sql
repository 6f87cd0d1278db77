-- Freeze windows: while one of a tenant's windows is in force, that is neither lifted nor past its
-- end by this server's clock, the store refuses to write for the tenant. A writer looks here in
-- its own transaction, after it has taken the tenant's lock; whoever raises a window takes the same
-- lock, so writers at work finish first.
--
-- No row goes away: an id stays the name of one window. No foreign key to tenants: a tenant may be
-- frozen before it is enrolled, and then cannot be.

create table bfg_flowcontrol.freeze_windows (
  tenant_id text not null,
  window_id text not null,
  reason text not null,
  raised_at timestamptz not null,
  expires_at timestamptz not null,
  lifted_at timestamptz,
  refused bigint not null default 0,
  primary key (tenant_id, window_id),
  constraint freeze_windows_tenant_id_given check (tenant_id <> ''),
  constraint freeze_windows_window_id_plain check (window_id ~ '^[a-z0-9-]{1,64}$'),
  constraint freeze_windows_reason_given check (reason <> ''),
  constraint freeze_windows_end_after_start check (expires_at > raised_at),
  constraint freeze_windows_refused_counted check (refused >= 0)
);

alter table bfg_flowcontrol.freeze_windows enable row level security;
alter table bfg_flowcontrol.freeze_windows force row level security;

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
begin
  -- Some managed servers give no verifier.
  if exists (select from pg_catalog.pg_roles where rolname = verifier) then
    granted := granted || format(', %I', verifier);
  end if;

  revoke all on bfg_flowcontrol.freeze_windows from public;
  execute format('grant select on bfg_flowcontrol.freeze_windows to %s', granted);
  execute format('grant insert on bfg_flowcontrol.freeze_windows to %s', writers);
  -- Its end may move, it may be lifted, and refusals are counted; what it is stays.
  execute format('grant update (expires_at, lifted_at, refused) on bfg_flowcontrol.freeze_windows to %s',
    writers);
  execute format('create policy tenant_select on bfg_flowcontrol.freeze_windows for select to %s using %s',
    readers, own_tenant);
  execute format('create policy tenant_insert on bfg_flowcontrol.freeze_windows for insert to %s with check %s',
    writers, own_tenant);
  execute format('create policy tenant_update on bfg_flowcontrol.freeze_windows for update to %s using %s with check %s',
    writers, own_tenant, own_tenant);
end
$$;
