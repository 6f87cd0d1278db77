-- Which chunks of which snapshot have been imported. A chunk's row is written in the transaction
-- that writes its records, so after a kill the ledger and the records agree. The application
-- does not import and gets no access.

create table bfg_flowcontrol.replay_chunks (
  tenant_id text not null references bfg_flowcontrol.tenants (tenant_id),
  first_seq bigint not null,
  last_seq bigint not null,
  snapshot_sha256 text not null,
  sha256 text not null,
  applied_at timestamptz not null default now(),
  primary key (tenant_id, first_seq),
  constraint replay_chunks_tenant_id_given check (tenant_id <> ''),
  constraint replay_chunks_range_ordered check (first_seq > 0 and last_seq >= first_seq),
  constraint replay_chunks_snapshot_sha256_hex check (snapshot_sha256 ~ '^[0-9a-f]{64}$'),
  constraint replay_chunks_sha256_hex check (sha256 ~ '^[0-9a-f]{64}$')
);

alter table bfg_flowcontrol.replay_chunks enable row level security;
alter table bfg_flowcontrol.replay_chunks force row level security;

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

  revoke all on bfg_flowcontrol.replay_chunks from public;
  execute format('grant select on bfg_flowcontrol.replay_chunks to %s', granted);
  execute format('grant insert on bfg_flowcontrol.replay_chunks to %s', writers);
  execute format('create policy tenant_select on bfg_flowcontrol.replay_chunks for select to %s using %s',
    readers, own_tenant);
  execute format('create policy tenant_insert on bfg_flowcontrol.replay_chunks for insert to %s with check %s',
    writers, own_tenant);
end
$$;
