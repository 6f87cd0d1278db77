-- Loses the projections. They repeat fields of the records, which stay, and can be filled again.
drop table bfg_flowcontrol.payments;
drop table bfg_flowcontrol.invoices;
drop table bfg_flowcontrol.documents;
drop table bfg_flowcontrol.orders;
