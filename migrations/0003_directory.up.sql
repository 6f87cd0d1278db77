-- Organisations, and one row for each permission of an actor. users.permissions, which the
-- runbook prints, stays the list that travels in claims and headers; the table is what a grant
-- to one actor can be joined to and checked against.
--
-- The rows that already stand in users are carried over here, before a later file puts FORCE on
-- users: after that the owner would see none of them.
--
-- users holds a roster, tens of rows a tenant, so checking its new foreign key and building its
-- index in place is short. The default that is dropped was added three lines before.
-- squawk-ignore-file constraint-missing-not-valid, adding-foreign-key-constraint
-- squawk-ignore-file require-concurrent-index-creation, ban-drop-default

create table bfg_flowcontrol.organisations (
  tenant_id text not null references bfg_flowcontrol.tenants (tenant_id),
  name text not null,
  primary key (tenant_id, name),
  constraint organisations_tenant_id_given check (tenant_id <> ''),
  constraint organisations_name_given check (name <> '')
);

create table bfg_flowcontrol.permissions (
  tenant_id text not null,
  user_id text not null,
  permission text not null,
  primary key (tenant_id, user_id, permission),
  constraint permissions_user_fkey foreign key (tenant_id, user_id)
    references bfg_flowcontrol.users (tenant_id, user_id),
  constraint permissions_tenant_id_given check (tenant_id <> ''),
  constraint permissions_user_id_given check (user_id <> ''),
  constraint permissions_permission_given check (permission <> '')
);

insert into bfg_flowcontrol.organisations (tenant_id, name)
  select distinct tenant_id, 'Unassigned' from bfg_flowcontrol.users;

insert into bfg_flowcontrol.permissions (tenant_id, user_id, permission)
  select distinct tenant_id, user_id, unnest(permissions) from bfg_flowcontrol.users;

-- The default serves only the rows that are there: whoever writes a user from now on names the
-- organisation.
alter table bfg_flowcontrol.users
  add column organisation text not null default 'Unassigned';
alter table bfg_flowcontrol.users
  alter column organisation drop default,
  add constraint users_organisation_fkey foreign key (tenant_id, organisation)
    references bfg_flowcontrol.organisations (tenant_id, name);

create index users_organisation_idx on bfg_flowcontrol.users (tenant_id, organisation);

-- Closed until the next file opens them by policy and grant.
alter table bfg_flowcontrol.organisations enable row level security;
alter table bfg_flowcontrol.organisations force row level security;
alter table bfg_flowcontrol.permissions enable row level security;
alter table bfg_flowcontrol.permissions force row level security;
