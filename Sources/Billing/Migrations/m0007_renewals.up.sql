-- What renewals, `verify` and `explain` must agree on: what is due, for which periods, and what an invoice says.
--
-- These are views that take the instant as an argument. They run with the caller's rights, so row security applies.

set local role bursar_owner;

-- Subscriptions with a period that is due at as_of: it starts on or before the issuer's local day. `held` and
-- `waits_for_rate` say why nothing is issued all the same. Parked ones are not here: they are in nobody's way.
create function bursar.renewals_due(as_of timestamptz) returns table (
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

-- The periods of a subscription that start before a day and were not billed yet, over its schedule versions. The first may
-- start in mid-period (billing was resumed there), the last of a version may end early.
create function bursar.periods_due(
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

-- Changes of state that time has made due at as_of: start, end of trial, end of pause, overdue, the day of cancelling.
-- A subscription is canceled once nothing that starts before cancel_on is left to bill.
create function bursar.transitions_due(as_of timestamptz) returns table (
    tenant_id       bigint,
    subscription_id bigint,
    from_state      text,
    to_state        text,
    cause           text
)
language sql stable
begin atomic
    select s.tenant_id, s.id, s.state,
        case when s.state = 'pending' and s.trial_end > local.today then 'trialing' else 'active' end,
        case s.state when 'pending' then 'started' when 'trialing' then 'trial_ended' else 'resumed' end
    from bursar.subscription s
    join bursar.issuer i on i.id = s.issuer_id
    cross join lateral (select (as_of at time zone i.time_zone)::date as today) as local
    where s.state in ('pending', 'trialing', 'paused') and s.parked_at is null
        and case s.state when 'pending' then s.starts_on when 'trialing' then s.trial_end else s.paused_until end <= local.today
        and (s.cancel_on is null
            or case s.state when 'pending' then s.starts_on when 'trialing' then s.trial_end else s.paused_until end < s.cancel_on)
    union all
    select s.tenant_id, s.id, s.state, 'past_due', 'overdue'
    from bursar.subscription s
    join bursar.issuer i on i.id = s.issuer_id
    where s.state = 'active' and s.parked_at is null
        and exists (
            select from bursar.receivable r
            where r.tenant_id = s.tenant_id and r.subscription_id = s.id
                and r.state = 'open' and r.open_amount > r.tolerance
                and r.due_date < (as_of at time zone i.time_zone)::date
                and r.due_date <= (as_of at time zone 'UTC')::date  -- no zone is further ahead than a day
        )
    union all
    select s.tenant_id, s.id, s.state, 'canceled', 'canceled'
    from bursar.subscription s
    join bursar.issuer i on i.id = s.issuer_id
    where s.cancel_on is not null and s.state not in ('canceled', 'expired') and s.parked_at is null
        and s.cancel_on <= (as_of at time zone i.time_zone)::date
        and (s.next_from >= s.cancel_on or s.state in ('paused', 'suspended'));
end;

-- What would be issued at as_of, by subscription: what a renewals run proposes before its first invoice, and what an approved
-- item is compared with. Over the catch-up cap nothing would be, so those are not here.
create function bursar.renewals_forecast(as_of timestamptz) returns table (
    tenant_id       bigint,
    subscription_id bigint,
    issuer_id       bigint,
    currency        text,
    invoices        bigint,
    total           bigint
)
language sql stable
begin atomic
    select d.tenant_id, d.subscription_id, d.issuer_id, d.currency, count(*),
        sum(sold.subtotal + bursar.tax_on(sold.subtotal, rules.tax_rate_basis_points))::bigint
    from bursar.renewals_due(as_of) as d
    cross join lateral bursar.periods_due(
        d.tenant_id, d.subscription_id, d.schedule_version, d.next_k, d.next_part, d.next_from, d.bill_before
    ) as p
    cross join lateral (
        select rules.tax_rate_basis_points
        from bursar.plan_version v
        join bursar.policy rules on rules.id = coalesce(d.own_policy_id, v.policy_id, d.issuer_policy_id)
        where v.id = p.plan_version_id
        offset 0
    ) as rules
    cross join lateral (
        select bursar.prorated(least(coalesce(sum(item.quantity * price.unit_amount), 0), 1e14 + 1)::bigint,
            p.ends - p.starts, p.of_days) as subtotal
        from bursar.subscription_item item
        join bursar.price on price.id = item.price_id
        where item.tenant_id = d.tenant_id and item.subscription_id = d.subscription_id
            and item.valid_from <= p.starts and (item.valid_until is null or p.starts < item.valid_until)
        offset 0
    ) as sold
    where not d.held and not d.waits_for_rate
    group by d.tenant_id, d.subscription_id, d.issuer_id, d.currency, d.catch_up_periods
    having count(*) filter (where p.starts > d.catch_up_through) <= d.catch_up_periods and max(sold.subtotal) <= 1e14;  -- a larger invoice is refused
end;

-- What an invoice says, as the text whose SHA-256 is its content_hash: one JSON array, instants in microseconds since 1970.
-- `lines` are the texts of its lines, joined by ', '. Built piece by piece: json_build_array looks up every type in every row.
create function bursar.invoice_content(
    id bigint, tenant_id bigint, issuer_id bigint, subscription_id bigint, period_id bigint, number text,
    issue_date date, due_date date, grace_end date, currency text, subtotal bigint, tax bigint, total bigint,
    tax_rate_basis_points integer, policy_id bigint, exchange_rate numeric, rate_source text, rate_date date, khr_total bigint,
    issued_at timestamptz, lines text
) returns text
language sql stable parallel safe
begin atomic
    select '[' || concat_ws(', ',
        id, tenant_id, issuer_id, subscription_id, period_id, to_json(number), to_json(issue_date), to_json(due_date),
        to_json(grace_end), to_json(currency), subtotal, tax, total, tax_rate_basis_points, policy_id,
        coalesce('"' || exchange_rate || '"', 'null'), coalesce(to_json(rate_source)::text, 'null'),
        coalesce(to_json(rate_date)::text, 'null'), khr_total, (extract(epoch from issued_at) * 1000000)::bigint,
        '[' || lines || ']'
    ) || ']';
end;

-- One line of it.
create function bursar.invoice_line_content(
    line integer, item_id bigint, price_id bigint, description text, quantity bigint, unit_amount bigint, days integer, of_days integer,
    amount bigint, tax bigint
) returns text
language sql stable parallel safe
begin atomic
    select '[' || concat_ws(
        ', ', line, item_id, price_id, to_json(description), quantity, unit_amount, days, of_days, amount, tax
    ) || ']';
end;

-- What an item adds to an invoice, on its way to a line.
create type bursar.billed_item as (item_id bigint, price_id bigint, description text, quantity bigint, unit_amount bigint);

grant execute on function bursar.renewals_due(timestamptz), bursar.renewals_forecast(timestamptz), bursar.transitions_due(timestamptz),
    bursar.periods_due(bigint, bigint, integer, integer, integer, date, date),
    bursar.invoice_line_content(integer, bigint, bigint, text, bigint, bigint, integer, integer, bigint, bigint)
to bursar_app, bursar_scan, bursar_ops;
grant execute on function bursar.invoice_content to bursar_app, bursar_scan, bursar_ops;
grant execute on function bursar.skip_to, bursar.period_at to bursar_app;

reset role;
