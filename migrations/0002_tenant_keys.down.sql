-- Back to the runbook's keys. Loses nothing, but stops with a unique violation when two tenants
-- use one user id, snapshot id or event id, which the runbook's keys cannot hold.
-- Rebuilds the keys in one transaction, as the up file does and for its reasons.
-- squawk-ignore-file constraint-missing-not-valid
-- squawk-ignore-file adding-serial-primary-key-field, adding-foreign-key-constraint
drop index bfg_flowcontrol.audit_events_actor_idx;

alter table bfg_flowcontrol.audit_events
  drop constraint audit_events_source_given,
  drop constraint audit_events_event_id_given,
  drop constraint audit_events_tenant_id_given,
  drop constraint audit_events_actor_fkey,
  drop constraint audit_events_pkey,
  add primary key (event_id);

alter table bfg_flowcontrol.scenario_snapshots
  drop constraint scenario_snapshots_schema_version_given,
  drop constraint scenario_snapshots_checksum_given,
  drop constraint scenario_snapshots_snapshot_id_given,
  drop constraint scenario_snapshots_tenant_id_given,
  drop constraint scenario_snapshots_pkey,
  add primary key (snapshot_id);

alter table bfg_flowcontrol.users
  drop constraint users_display_name_given,
  drop constraint users_role_key_given,
  drop constraint users_user_id_given,
  drop constraint users_tenant_id_given,
  drop constraint users_pkey,
  add primary key (user_id);

alter table bfg_flowcontrol.audit_events
  add constraint audit_events_actor_id_fkey foreign key (actor_id)
    references bfg_flowcontrol.users (user_id);

alter table bfg_flowcontrol.tenants
  drop constraint tenants_name_given,
  drop constraint tenants_tenant_id_given;
