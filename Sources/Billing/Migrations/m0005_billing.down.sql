-- Billing, undone: subscriptions, periods and invoices go.
drop table bursar.receivable, bursar.invoice_line, bursar.invoice, bursar.period, bursar.billing_gap, bursar.billing_hold;
drop sequence bursar.invoice_id;
drop table bursar.subscription_transition, bursar.legal_transition, bursar.subscription_item, bursar.subscription_schedule,
    bursar.subscription;
drop function bursar.refuse_illegal_state();
alter table bursar.issuer drop column policy_id;
drop table bursar.number_series, bursar.exchange_rate, bursar.price, bursar.plan_version, bursar.plan, bursar.policy;
drop function bursar.allocated(bigint, bigint[]), bursar.tax_on(bigint, integer), bursar.prorated(bigint, integer, integer),
    bursar.period_index(date, text, integer, text, date), bursar.boundary(date, text, integer, text, integer);
