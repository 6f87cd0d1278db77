-- Loses every record: export a snapshot first.
drop table bfg_flowcontrol.records;
