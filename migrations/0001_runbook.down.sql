-- Takes the runbook's tables away with every row in them, then the schema. The schema is dropped
-- without CASCADE: if somebody else keeps an object in it, this stops instead of taking it along.
drop table bfg_flowcontrol.audit_events;
drop table bfg_flowcontrol.scenario_snapshots;
drop table bfg_flowcontrol.users;
drop table bfg_flowcontrol.tenants;
drop schema bfg_flowcontrol;
