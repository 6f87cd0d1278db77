-- Loses the ledger: a cutover that was cut off can then not be resumed, only begun anew.
drop table bfg_flowcontrol.cutover_parts;
