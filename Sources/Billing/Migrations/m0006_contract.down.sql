-- The contract, undone: its functions, its views and what it remembered of requests.
set local role bursar_owner;
drop view bursar.client_run, bursar.client_exchange_rate, bursar.client_invoice_line, bursar.client_invoice, bursar.client_hold,
    bursar.client_subscription_item, bursar.client_subscription, bursar.client_plan, bursar.client_tenant, bursar.client_issuer;
drop function bursar.create_issuer, bursar.create_policy, bursar.create_plan_version, bursar.create_tenant, bursar.change_tenant,
    bursar.subscribe, bursar.change_plan, bursar.change_items, bursar.cancel_subscription, bursar.keep_subscription,
    bursar.pause_subscription, bursar.resume_subscription, bursar.hold_billing, bursar.release_hold, bursar.promise, bursar.dispute,
    bursar.set_rate, bursar.import_rates, bursar.unpark_subscription, bursar.propose_unpark, bursar.approve_unpark;
drop function bursar.invoice_named, bursar.subscription_named, bursar.tenant_named, bursar.issuer_named, bursar.named_object;
drop function bursar.put_rate, bursar.refuse_unknown_missed, bursar.unpark, bursar.place_hold, bursar.skip_to, bursar.plan_version_named,
    bursar.priced_items, bursar.move_subscription, bursar.open_boundary, bursar.period_at, bursar.locked_subscription;
drop function bursar.whole_number, bursar.refuse_unknown_keys, bursar.remember_request, bursar.known_request, bursar.today_of,
    bursar.note_act, bursar.is_operator, bursar.begin_act, bursar.refuse;
create or replace function bursar.actor() returns text
language sql stable parallel safe
begin atomic
    select coalesce(nullif(current_setting('bursar.actor', true), ''), 'role:' || session_user);
end;
drop table bursar.contract_request;
alter table bursar.billing_gap drop constraint billing_gap_cause_check;
-- Gaps that were waived stay as they are: they explain days that nobody charged.
alter table bursar.billing_gap add constraint billing_gap_cause_check check (cause in ('paused', 'suspended')) not valid;
alter table bursar.billing_hold drop column stops_billing;
alter table bursar.subscription drop column catch_up_through;
reset role;
