-- Lets payments lift past_due only, as before.

set local role bursar_owner;

create or replace function bursar.take_off_receivables() returns trigger
language plpgsql
-- Each receivable by its key, whatever the table held when this was planned.
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as
$$
declare
    of_run  bigint := nullif(current_setting('bursar.run', true), '')::bigint;
    moment  timestamptz := bursar.business_now();
    tenants bigint[];
    payers  bigint[];
begin
    with moved as (
        update bursar.receivable r
        set open_amount = r.open_amount - taken.amount,
            state = case when r.open_amount = taken.amount then 'settled' else 'open' end,
            settled_at = case when r.open_amount = taken.amount then moment end
        from (
            select n.tenant_id, n.invoice_id, sum(n.amount)::bigint as amount, max(n.amount) > 0 as is_paid
            from after_it n group by n.tenant_id, n.invoice_id
        ) as taken
        where r.tenant_id = taken.tenant_id and r.invoice_id = taken.invoice_id
        returning r.tenant_id, r.subscription_id, taken.is_paid
    )
    select array_agg(s.tenant_id), array_agg(s.id) into tenants, payers
    from (
        select distinct s.tenant_id, s.id
        from moved m join bursar.subscription s on s.tenant_id = m.tenant_id and s.id = m.subscription_id
        where m.is_paid and s.state = 'past_due'
    ) as s;
    if payers is null then
        return null;
    end if;

    with cured as (
        update bursar.subscription s set state = 'active', transitions = s.transitions + 1
        from unnest(tenants, payers) as paid (tenant_id, id)
        join bursar.subscription was on was.tenant_id = paid.tenant_id and was.id = paid.id
        join bursar.issuer i on i.id = was.issuer_id
        where s.tenant_id = paid.tenant_id and s.id = paid.id and s.state = 'past_due'
            and not exists (
                select from bursar.receivable r
                where r.tenant_id = s.tenant_id and r.subscription_id = s.id and r.state = 'open' and r.open_amount > r.tolerance
                    and r.due_date < (moment at time zone i.time_zone)::date
            )
        returning s.tenant_id, s.id, s.transitions as seq
    ), recorded as (
        insert into bursar.subscription_transition (tenant_id, subscription_id, seq, from_state, to_state, cause, as_of, run_id)
        select c.tenant_id, c.id, c.seq, 'past_due', 'active', 'paid', moment, of_run from cured c
    )
    select count(bursar.note(c.tenant_id, 'subscription.paid', 'subscription', c.id, '{"from": "past_due", "to": "active"}', of_run, moment))
    into of_run from cured c;
    return null;
end
$$;
drop function bursar.lift(bigint[], bigint[]);

reset role;
