-- Loses the ledger: a replay that was cut off can then not be resumed, only begun anew.
drop table bfg_flowcontrol.replay_chunks;
