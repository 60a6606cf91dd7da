-- Takes back gates, waivers and receipts; subscriptions that are suspended stay so.

set local role bursar_owner;

drop function bursar.blast_gate(bigint);
drop index bursar.subscription_in_arrears;
drop function bursar.suspension_candidates(timestamptz, jsonb);
drop function bursar.suspension_gates(timestamptz, jsonb, bigint[], bigint[]);
drop function bursar.first_red(jsonb), bursar.told_gate(text, boolean, jsonb, text, text), bursar.told_money(bigint, text), bursar.told_instant(timestamptz);
drop function bursar.lengthened_grace(date, date, text, tstzmultirange), bursar.paying_outages(bigint, timestamptz);
drop function bursar.waive_final_notice(bigint, text);
drop table bursar.notice_waiver;
drop function bursar.record_drill_pass(jsonb);
drop table bursar.standing_receipt;

reset role;
