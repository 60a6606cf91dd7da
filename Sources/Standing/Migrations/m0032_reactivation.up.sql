-- Reactivation: whoever owes nothing overdue any more is active again, in the transaction in which that became so.

set local role bursar_owner;

-- Lifts those of these subscriptions, past_due or suspended, of which nothing is overdue any more, and answers how many. Days of
-- a suspension that were not charged stay uncharged, and the rest of the running period is charged by its days at the next
-- renewals run; where the policy bills suspended time they are charged after all, however many periods they are.
create function bursar.lift(of_tenants bigint[], of_subscriptions bigint[]) returns bigint
language plpgsql
-- Each row by its key, whatever the tables held when this was planned.
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as
$$
declare
    of_run  bigint := nullif(current_setting('bursar.run', true), '')::bigint;
    moment  timestamptz := bursar.business_now();
    teller  text := bursar.actor();
    tenants bigint[];
    payers  bigint[];
    lifted  bigint;
begin
    -- First the locks and then a look of its own: what a suspension has committed meanwhile is lifted, and not overlooked.
    perform from unnest(of_tenants, of_subscriptions) as g (tenant, id)
    join bursar.subscription s on s.tenant_id = g.tenant and s.id = g.id
    order by s.id for no key update of s;

    select array_agg(s.tenant_id), array_agg(s.id) into tenants, payers
    from unnest(of_tenants, of_subscriptions) as g (tenant, id)
    join bursar.subscription s on s.tenant_id = g.tenant and s.id = g.id
    join bursar.issuer i on i.id = s.issuer_id
    where s.state in ('past_due', 'suspended')
        and not exists (
            select from bursar.receivable r
            where r.tenant_id = s.tenant_id and r.subscription_id = s.id and r.state = 'open' and r.open_amount > r.tolerance
                and r.due_date < (moment at time zone i.time_zone)::date
        );
    if payers is null then
        return 0;
    end if;

    perform bursar.skip_to(s, (moment at time zone i.time_zone)::date, 'suspended')
    from unnest(tenants, payers) as g (tenant, id)
    join bursar.subscription s on s.tenant_id = g.tenant and s.id = g.id
    join bursar.issuer i on i.id = s.issuer_id
    join bursar.plan_version v on v.id = s.plan_version_id
    left join bursar.policy p on p.id = coalesce(s.policy_id, v.policy_id, i.policy_id)
    where s.state = 'suspended' and not coalesce(p.bill_while_suspended, false)
        and s.next_from < (moment at time zone i.time_zone)::date;

    with was as materialized (
        select s.tenant_id, s.id, s.state, s.next_from, (moment at time zone i.time_zone)::date as today
        from unnest(tenants, payers) as g (tenant, id)
        join bursar.subscription s on s.tenant_id = g.tenant and s.id = g.id
        join bursar.issuer i on i.id = s.issuer_id
    ), moved as (
        update bursar.subscription s
        set state = 'active', transitions = s.transitions + 1,
            catch_up_through = case when was.state = 'suspended' and was.next_from < was.today then was.today else s.catch_up_through end
        from was
        where s.tenant_id = was.tenant_id and s.id = was.id
        returning s.tenant_id, s.id, s.transitions as seq, was.state as from_state,
            case was.state when 'suspended' then 'subscription.reactivated' else 'subscription.paid' end as kind,
            jsonb_build_object('from', was.state, 'to', 'active')
                || case was.state when 'suspended' then jsonb_build_object('billed_from', s.next_from) else '{}' end as content
    ), recorded as (
        insert into bursar.subscription_transition (tenant_id, subscription_id, seq, from_state, to_state, cause, as_of, run_id, content)
        select m.tenant_id, m.id, m.seq, m.from_state, 'active', 'paid', moment, of_run, m.content - array['from', 'to'] from moved m
    ), events as (
        insert into bursar.event (tenant_id, at, kind, subject_kind, subject_id, run_id, actor, content)
        select m.tenant_id, moment, m.kind, 'subscription', m.id, of_run, teller, m.content from moved m
    ), audited as (
        insert into bursar.audit_entry (tenant_id, at, actor, action, object, run_id, canonical)
        select m.tenant_id, moment, teller, m.kind, 'subscription:' || m.id, of_run,
            bursar.audit_canonical(m.tenant_id, moment, teller, m.kind, 'subscription:' || m.id, of_run, m.content)
        from moved m
    )
    select count(*) into lifted from moved;
    return lifted;
end
$$;
grant execute on function bursar.lift(bigint[], bigint[]) to bursar_app;

-- What is owed is the total less what was taken off it. Whoever pays what is overdue is active again, in the same transaction.
create or replace function bursar.take_off_receivables() returns trigger
language plpgsql
-- Each receivable by its key, whatever the table held when this was planned.
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as
$$
declare
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
        where m.is_paid and s.state in ('past_due', 'suspended')
    ) as s;
    if payers is not null then
        perform bursar.lift(tenants, payers);
    end if;
    return null;
end
$$;

reset role;
