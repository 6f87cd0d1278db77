-- Which parts of which batch of a cutover have been imported. A part's row is written in the
-- transaction that writes its records, so after a kill the ledger and the records agree. A part
-- names its first and last record; between them stand only the records of its batch. The
-- application does not import and gets no access.

create table bfg_flowcontrol.cutover_parts (
  tenant_id text not null references bfg_flowcontrol.tenants (tenant_id),
  batch text not null,
  first_seq bigint not null,
  last_seq bigint not null,
  records bigint not null,
  snapshot_sha256 text not null,
  sha256 text not null,
  applied_at timestamptz not null default now(),
  primary key (tenant_id, batch, first_seq),
  constraint cutover_parts_tenant_id_given check (tenant_id <> ''),
  constraint cutover_parts_batch_plain check (batch ~ '^[a-z0-9-]{1,64}$'),
  constraint cutover_parts_range_ordered check (first_seq > 0 and last_seq >= first_seq),
  constraint cutover_parts_records_fit check (records > 0 and records <= last_seq - first_seq + 1),
  constraint cutover_parts_snapshot_sha256_hex check (snapshot_sha256 ~ '^[0-9a-f]{64}$'),
  constraint cutover_parts_sha256_hex check (sha256 ~ '^[0-9a-f]{64}$')
);

alter table bfg_flowcontrol.cutover_parts enable row level security;
alter table bfg_flowcontrol.cutover_parts force row level security;

do $$
declare
  replayer text := coalesce(nullif(current_setting('bfg.replayer_role', true), ''), 'bfg_replayer');
  auditor text := coalesce(nullif(current_setting('bfg.auditor_role', true), ''), 'bfg_auditor');
  verifier text := coalesce(nullif(current_setting('bfg.verifier_role', true), ''), 'bfg_verifier');
  writers text := format('%I', replayer);
  readers text := format('%I, %I', replayer, auditor);
  granted text := readers;
  own_tenant constant text := $p$(tenant_id = (select nullif(current_setting('bfg.tenant_id', true), '')))$p$;
begin
  -- Some managed servers give no verifier.
  if exists (select from pg_catalog.pg_roles where rolname = verifier) then
    granted := granted || format(', %I', verifier);
  end if;

  revoke all on bfg_flowcontrol.cutover_parts from public;
  execute format('grant select on bfg_flowcontrol.cutover_parts to %s', granted);
  execute format('grant insert on bfg_flowcontrol.cutover_parts to %s', writers);
  execute format('create policy tenant_select on bfg_flowcontrol.cutover_parts for select to %s using %s',
    readers, own_tenant);
  execute format('create policy tenant_insert on bfg_flowcontrol.cutover_parts for insert to %s with check %s',
    writers, own_tenant);
end
$$;
