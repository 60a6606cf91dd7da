-- Takes back the ids known beforehand, and finds what is due as before.

set local role bursar_owner;

revoke usage on sequence bursar.period_id_seq from bursar_app;

create or replace function bursar.renewals_due(as_of timestamptz) returns table (
    tenant_id      bigint,
    subscription_id bigint,
    issuer_id      bigint,
    issue_on       date,
    today          date,
    bill_before    date,      -- the first day whose period must not be billed now
    currency       text,
    policy_id      bigint,
    catch_up_periods integer,
    held           boolean,
    waits_for_rate boolean,
    schedule_version integer, -- the next period to bill, as on the subscription
    next_k         integer,
    next_part      integer,
    next_from      date,
    own_policy_id  bigint,    -- the subscription's and the issuer's, around the one of each period's plan version
    issuer_policy_id bigint,
    catch_up_through date     -- periods that start up to here do not count against the catch-up cap
)
language sql stable
begin atomic
    select s.tenant_id, s.id, s.issuer_id, s.issue_on, local.today, least(local.today + 1, s.cancel_on), s.currency, p.id,
        p.catch_up_periods,
        exists (
            select from bursar.billing_hold h
            where h.tenant_id = s.tenant_id and h.subscription_id = s.id and h.released_at is null and h.stops_billing
                and h.valid_from <= local.today and (h.valid_until is null or local.today < h.valid_until)
        ),
        s.currency <> 'KHR' and not exists (
            select from bursar.exchange_rate r
            where r.source = p.rate_source and r.base = s.currency and r.quote = 'KHR'
                and r.rate_date between local.today - p.rate_max_age_days and local.today
        ),
        s.schedule_version, s.next_k, s.next_part, s.next_from, s.policy_id, i.policy_id,
        coalesce(s.catch_up_through, '-infinity')
    from bursar.subscription s
    join bursar.issuer i on i.id = s.issuer_id
    cross join lateral (select (as_of at time zone i.time_zone)::date as today) as local
    join bursar.plan_version v on v.id = s.plan_version_id
    left join bursar.policy p on p.id = coalesce(s.policy_id, v.policy_id, i.policy_id)
    where s.state in ('active', 'past_due') and s.parked_at is null
        and s.issue_on <= local.today
        and s.issue_on <= (as_of at time zone 'UTC')::date + 1  -- no zone is further ahead; this one the index can use
        and (s.cancel_on is null or s.issue_on < s.cancel_on);
end;

create or replace function bursar.periods_due(
    of_tenant bigint, of_subscription bigint, from_version integer, from_k integer, from_part integer, from_day date, before date
) returns table (
    schedule_version integer,
    plan_version_id  bigint,
    k                integer,
    part             integer,
    starts           date,
    ends             date,
    of_days          integer
)
language sql stable
begin atomic
    select v.version, v.plan_version_id, step.k,
        case when v.version = from_version and step.k = from_k then from_part else 0 end,
        greatest(edge.starts, from_day), least(edge.ends, v.valid_until), edge.ends - edge.starts
    from bursar.subscription_schedule v
    cross join lateral (select case when v.version = from_version then from_k else v.first_k end as k) as first
    cross join lateral generate_series(
        first.k,
        -- No period is shorter than this; where billing goes on in mid-period there is a boundary more.
        first.k + (before - 1 - greatest(from_day, v.valid_from))
                / (v.count * case v.unit when 'day' then 1 when 'week' then 7 when 'month' then 28 else 365 end)
            + (greatest(from_day, v.valid_from) > bursar.boundary(v.anchor_date, v.unit, v.count, v.day_policy, first.k))::integer
    ) as step (k)
    cross join lateral (
        select bursar.boundary(v.anchor_date, v.unit, v.count, v.day_policy, step.k) as starts,
            bursar.boundary(v.anchor_date, v.unit, v.count, v.day_policy, step.k + 1) as ends
        offset 0
    ) as edge
    where v.tenant_id = of_tenant and v.subscription_id = of_subscription and v.version >= from_version
        and edge.starts < before
        and greatest(edge.starts, from_day) < before
        and (v.valid_until is null or edge.starts < v.valid_until)
        and (v.valid_until is null or from_day < v.valid_until)
    offset 0;  -- keeps the planner from reading whole schedules: it is asked row by row
end;

alter function bursar.renewals_forecast(timestamptz) parallel unsafe;
alter function bursar.transitions_due(timestamptz) parallel unsafe;

reset role;
