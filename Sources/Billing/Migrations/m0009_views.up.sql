-- What the contract shows: the views of bursar_client, which operators read too, and how an operator names a thing.

set local role bursar_owner;

-- Views -----------------------------------------------------------------------------------------------------------------
-- They read as their owner, all tenants: the web application is one program and filters by its own users' tenants.

create view bursar.client_issuer with (security_barrier) as
select i.id, i.external_ref, i.name, i.legal_name, i.time_zone, i.tax_id, i.invoice_prefix, p.id as policy, p.version as policy_version,
    p.net_days, p.payment_grace_days, p.tax_rate_basis_points, (bursar.business_now() at time zone i.time_zone)::date as today
from bursar.issuer i left join bursar.policy p on p.id = i.policy_id;

create view bursar.client_tenant with (security_barrier) as
select t.id, t.issuer_id, t.external_ref, t.name, t.tax_id, t.locale, t.created_at
from bursar.tenant t;

create view bursar.client_plan with (security_barrier) as
select v.id as plan_version_id, p.issuer_id, p.code, p.name, v.version, v.version = max(v.version) over (partition by p.id) as is_newest,
    v.unit, v.count, v.day_policy, v.currency, v.trial_days, v.policy_id, v.created_at,
    (select jsonb_agg(jsonb_build_object('code', c.code, 'description', c.description, 'unit_amount', c.unit_amount) order by c.id)
        from bursar.price c where c.plan_version_id = v.id) as prices
from bursar.plan p join bursar.plan_version v on v.plan_id = p.id;

-- plan and plan_version are those in force; a change to come stands in next_plan, next_plan_version and changes_on.
create view bursar.client_subscription with (security_barrier) as
select s.id, s.tenant_id, s.issuer_id, s.external_ref, t.external_ref as tenant_ref, p.code as plan, v.version as plan_version,
    v.unit, v.count, s.currency, s.state, s.starts_on, s.trial_end, s.cancel_on, s.paused_until,
    s.parked_at is not null as is_parked, s.parked_reason,
    case when s.state in ('pending', 'trialing', 'active', 'past_due') and (s.cancel_on is null or s.issue_on < s.cancel_on)
        then s.issue_on end as next_invoice_on,
    s.charged_through, upcoming.code as next_plan, upcoming.version as next_plan_version, upcoming.valid_from as changes_on,
    holds.sources as holds, coalesce(owed.open_amount, 0) as open_amount, owed.oldest_due_date, owed.grace_end, s.created_at
from bursar.subscription s
join bursar.issuer iss on iss.id = s.issuer_id
join bursar.tenant t on t.id = s.tenant_id
join bursar.plan_version v on v.id = s.plan_version_id
join bursar.plan p on p.id = v.plan_id
left join lateral (
    select np.code, nv.version, c.valid_from
    from bursar.subscription_schedule c
    join bursar.plan_version nv on nv.id = c.plan_version_id
    join bursar.plan np on np.id = nv.plan_id
    where c.tenant_id = s.tenant_id and c.subscription_id = s.id and c.version > s.schedule_version
        and s.state not in ('canceled', 'expired')
    order by c.version limit 1
) as upcoming on true
left join lateral (
    select array_agg(h.source order by h.source) as sources
    from bursar.billing_hold h
    where h.tenant_id = s.tenant_id and h.subscription_id = s.id and h.released_at is null
        and (h.valid_until is null or h.valid_until > (bursar.business_now() at time zone iss.time_zone)::date)
) as holds on true
left join lateral (
    select sum(r.open_amount)::bigint as open_amount, min(r.due_date) as oldest_due_date, min(r.grace_end) as grace_end
    from bursar.receivable r
    where r.tenant_id = s.tenant_id and r.subscription_id = s.id and r.state = 'open'
) as owed on true;

create view bursar.client_subscription_item with (security_barrier) as
select i.id, i.tenant_id, i.subscription_id, p.code as price, p.description, i.quantity, p.unit_amount, p.currency, i.valid_from, i.valid_until
from bursar.subscription_item i join bursar.price p on p.id = i.price_id
where i.valid_until is null or i.valid_until > i.valid_from;

create view bursar.client_hold with (security_barrier) as
select h.id, h.tenant_id, h.subscription_id, h.source, h.reason, h.stops_billing, h.valid_from, h.valid_until, h.placed_by, h.placed_at,
    h.released_by, h.released_at
from bursar.billing_hold h;

-- issued_at_local is the wall clock of the issuer's zone.
create view bursar.client_invoice with (security_barrier) as
select i.id, i.tenant_id, i.issuer_id, i.subscription_id, s.external_ref as subscription_ref, t.external_ref as tenant_ref, i.kind, i.number,
    i.issue_date, i.due_date, i.grace_end, lower(p.during) as period_from, upper(p.during) as period_until, i.currency, i.subtotal, i.tax,
    i.total, i.tax_rate_basis_points, i.khr_total, i.exchange_rate, i.rate_source, i.rate_date, r.open_amount, r.state, r.settled_at,
    r.state = 'open' and r.open_amount > r.tolerance
        and i.due_date < (bursar.business_now() at time zone iss.time_zone)::date as is_overdue,
    i.issued_at, i.issued_at at time zone iss.time_zone as issued_at_local
from bursar.invoice i
join bursar.issuer iss on iss.id = i.issuer_id
join bursar.tenant t on t.id = i.tenant_id
join bursar.subscription s on s.tenant_id = i.tenant_id and s.id = i.subscription_id
join bursar.period p on p.tenant_id = i.tenant_id and p.id = i.period_id
left join bursar.receivable r on r.tenant_id = i.tenant_id and r.invoice_id = i.id;

create view bursar.client_invoice_line with (security_barrier) as
select l.tenant_id, l.invoice_id, l.line, l.subscription_id, p.code as price, l.description, l.quantity, l.unit_amount, l.days, l.of_days,
    l.amount, l.tax
from bursar.invoice_line l join bursar.price p on p.id = l.price_id;

create view bursar.client_exchange_rate with (security_barrier) as
select r.source, r.base, r.quote, r.rate_date, r.rate from bursar.exchange_rate r;

-- What the web application asked for with bursar.enqueue, while it runs and afterwards.
create view bursar.client_run with (security_barrier) as
select r.id, r.job, r.tenant_id, r.state, r.run_at, r.as_of, r.attempts, r.last_error, null::text as outcome, r.created_at,
    null::timestamptz as finished_at
from bursar.run r where r.requested_by like 'client:%'
union all
select h.id, h.job, h.tenant_id, h.state, null, h.as_of, h.attempts, null, h.outcome, h.created_at, h.finished_at
from bursar.run_history h where h.requested_by like 'client:%';

-- What an operator types ------------------------------------------------------------------------------------------------
-- Digits are our own id; anything else is an external_ref, and so is what stands behind 'ref:'.

create function bursar.named_object(kind text, named text, ids bigint[]) returns bigint
language plpgsql as
$$
begin
    if cardinality(ids) = 0 then
        perform bursar.refuse(format('there is no %s %s', kind, coalesce(named, 'yet')),
            format('list them with: bursar %ss list', kind)
                || case when named ~ '^[0-9]+$' and kind <> 'invoice' then '; an external_ref of digits is written ref:' || named else '' end,
            'BU004');
    elsif cardinality(ids) > 1 then
        perform bursar.refuse(format('%s names %s %ss: %s', coalesce(named, 'nothing given'), cardinality(ids), kind, array_to_string(ids, ', ')),
            'name one of them by its id');
    end if;
    return ids[1];
end
$$;

-- Null is the only issuer there is.
create function bursar.issuer_named(named text) returns bigint
language sql volatile security definer set search_path = pg_catalog, bursar as
$$
    select bursar.named_object('issuer', named, array(
        select i.id from bursar.issuer i
        where named is null
            or case when named ~ '^[0-9]{1,18}$' then i.id = named::bigint else i.external_ref = regexp_replace(named, '^ref:', '') end
        order by i.id))
$$;

create function bursar.tenant_named(named text) returns bigint
language sql volatile security definer set search_path = pg_catalog, bursar as
$$
    select bursar.named_object('tenant', coalesce(named, ''), array(
        select t.id from bursar.tenant t
        where case when named ~ '^[0-9]{1,18}$' then t.id = named::bigint else t.external_ref = regexp_replace(named, '^ref:', '') end
        order by t.id))
$$;

create function bursar.subscription_named(named text) returns bigint
language sql volatile security definer set search_path = pg_catalog, bursar as
$$
    select bursar.named_object('subscription', coalesce(named, ''), array(
        select s.id from bursar.subscription s where named ~ '^[0-9]{1,18}$' and s.id = case when named ~ '^[0-9]{1,18}$' then named::bigint end
        union all
        select s.id from bursar.subscription s where named !~ '^[0-9]{1,18}$' and s.external_ref = regexp_replace(named, '^ref:', '')
        order by 1))
$$;

-- An invoice by its number, or by its id.
create function bursar.invoice_named(named text) returns bigint
language sql volatile security definer set search_path = pg_catalog, bursar as
$$
    select bursar.named_object('invoice', coalesce(named, ''), array(
        select i.id from bursar.invoice i where named ~ '^[0-9]{1,18}$' and i.id = case when named ~ '^[0-9]{1,18}$' then named::bigint end
        union all
        select i.id from bursar.invoice i where named !~ '^[0-9]{1,18}$' and i.number = named
        order by 1))
$$;

-- Rights ---------------------------------------------------------------------------------------------------------------

grant select on
    bursar.client_issuer, bursar.client_tenant, bursar.client_plan, bursar.client_subscription, bursar.client_subscription_item,
    bursar.client_hold, bursar.client_invoice, bursar.client_invoice_line, bursar.client_exchange_rate, bursar.client_run
to bursar_client, bursar_ops;
grant execute on function bursar.issuer_named, bursar.tenant_named, bursar.subscription_named, bursar.invoice_named to bursar_ops;

reset role;
