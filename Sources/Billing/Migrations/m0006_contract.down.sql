-- The contract, undone: its functions, and what it remembered of requests.
set local role bursar_owner;
drop function bursar.create_issuer, bursar.create_policy, bursar.create_plan_version, bursar.create_tenant, bursar.change_tenant,
    bursar.set_rate, bursar.import_rates;
drop function bursar.put_rate, bursar.skip_to, bursar.period_at;
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
