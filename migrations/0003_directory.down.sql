-- Loses the organisations, who belongs to which, and the permissions table (users.permissions
-- still lists what the actors may do).
drop index bfg_flowcontrol.users_organisation_idx;
alter table bfg_flowcontrol.users
  drop constraint users_organisation_fkey,
  drop column organisation;
drop table bfg_flowcontrol.permissions;
drop table bfg_flowcontrol.organisations;
