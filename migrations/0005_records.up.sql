-- The history: one row for each record, in the tenant's own sequence. Append-only: no role has a
-- privilege or a policy to change or delete a row.
--
-- Two indexes and no trigger, because a cutover loads millions of rows here. The foreign key to
-- users costs one look-up a row and stays: it is what refuses another tenant's actor.

create table bfg_flowcontrol.records (
  tenant_id text not null,
  seq bigint not null,
  record_id text not null,
  kind text not null,
  actor_id text not null,
  occurred_at timestamptz not null,
  payload jsonb not null,
  primary key (tenant_id, seq),
  constraint records_record_id_key unique (tenant_id, record_id),
  constraint records_actor_fkey foreign key (tenant_id, actor_id)
    references bfg_flowcontrol.users (tenant_id, user_id),
  constraint records_tenant_id_given check (tenant_id <> ''),
  constraint records_seq_positive check (seq > 0),
  constraint records_record_id_given check (record_id <> ''),
  constraint records_actor_id_given check (actor_id <> ''),
  constraint records_kind_known check (kind in (
    'order', 'dispatch_event', 'driver_event', 'client_event', 'document',
    'invoice', 'payment', 'risk', 'evidence'
  )),
  constraint records_payload_object check (jsonb_typeof(payload) = 'object')
);

alter table bfg_flowcontrol.records enable row level security;
alter table bfg_flowcontrol.records force row level security;

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

  revoke all on bfg_flowcontrol.records from public;
  execute format('grant select on bfg_flowcontrol.records to %s', granted);
  execute format('grant insert on bfg_flowcontrol.records to %s', writers);
  execute format('create policy tenant_select on bfg_flowcontrol.records for select to %s using %s',
    readers, own_tenant);
  execute format('create policy tenant_insert on bfg_flowcontrol.records for insert to %s with check %s',
    writers, own_tenant);
end
$$;
