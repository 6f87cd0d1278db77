-- Fields of four kinds of record in columns of their own, one row for each record of the kind,
-- written in the record's transaction and never changed, like the record itself.
--
-- numeric has no precision on purpose: it keeps the scale of the decimal string, so "10.50"
-- reads back as 10.50.

create table bfg_flowcontrol.orders (
  tenant_id text not null,
  seq bigint not null,
  order_no text not null,
  client text not null,
  origin text not null,
  destination text not null,
  status text not null,
  price_amount numeric not null,
  price_currency text not null,
  primary key (tenant_id, seq),
  constraint orders_record_fkey foreign key (tenant_id, seq)
    references bfg_flowcontrol.records (tenant_id, seq),
  constraint orders_tenant_id_given check (tenant_id <> '')
);

create table bfg_flowcontrol.documents (
  tenant_id text not null,
  seq bigint not null,
  document_no text not null,
  document_type text not null,
  order_no text not null,
  title text not null,
  primary key (tenant_id, seq),
  constraint documents_record_fkey foreign key (tenant_id, seq)
    references bfg_flowcontrol.records (tenant_id, seq),
  constraint documents_tenant_id_given check (tenant_id <> '')
);

create table bfg_flowcontrol.invoices (
  tenant_id text not null,
  seq bigint not null,
  invoice_no text not null,
  order_no text not null,
  buyer text not null,
  gross_amount numeric not null,
  gross_currency text not null,
  ksef_no text,
  primary key (tenant_id, seq),
  constraint invoices_record_fkey foreign key (tenant_id, seq)
    references bfg_flowcontrol.records (tenant_id, seq),
  constraint invoices_tenant_id_given check (tenant_id <> '')
);

create table bfg_flowcontrol.payments (
  tenant_id text not null,
  seq bigint not null,
  payment_no text not null,
  invoice_no text not null,
  method text not null,
  paid_amount numeric not null,
  paid_currency text not null,
  primary key (tenant_id, seq),
  constraint payments_record_fkey foreign key (tenant_id, seq)
    references bfg_flowcontrol.records (tenant_id, seq),
  constraint payments_tenant_id_given check (tenant_id <> '')
);

alter table bfg_flowcontrol.orders enable row level security;
alter table bfg_flowcontrol.orders force row level security;
alter table bfg_flowcontrol.documents enable row level security;
alter table bfg_flowcontrol.documents force row level security;
alter table bfg_flowcontrol.invoices enable row level security;
alter table bfg_flowcontrol.invoices force row level security;
alter table bfg_flowcontrol.payments enable row level security;
alter table bfg_flowcontrol.payments force row level security;

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

  foreach relation in array array['orders', 'documents', 'invoices', 'payments'] loop
    execute format('revoke all on bfg_flowcontrol.%I from public', relation);
    execute format('grant select on bfg_flowcontrol.%I to %s', relation, granted);
    execute format('grant insert on bfg_flowcontrol.%I to %s', relation, writers);
    execute format('create policy tenant_select on bfg_flowcontrol.%I for select to %s using %s',
      relation, readers, own_tenant);
    execute format('create policy tenant_insert on bfg_flowcontrol.%I for insert to %s with check %s',
      relation, writers, own_tenant);
  end loop;
end
$$;
