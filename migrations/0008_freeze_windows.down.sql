-- Lifts every freeze window, and loses what was frozen when and why.
drop table bfg_flowcontrol.freeze_windows;
