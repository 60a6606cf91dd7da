internal import Postgres

extension DemoStatements {
    /// `$2` subscriptions over the issuer's tenants and the catalogue `$3`, each with its schedule and first transition.
    ///
    /// They came over from another system: each was billed there up to `first_k` of its schedule. Of those that run, two in
    /// five have one period due today, three in a hundred have two, the others are billed to date. A few wait for their
    /// start, are in a trial, or end with their period.
    static let subscriptions = Statement(
        "demo.subscriptions",
        """
        with plan as (
            select v.id as plan_version_id, v.unit, v.count, v.day_policy, v.currency, v.trial_days,
                   sum(c.share) over (order by c.plan) - c.share as share_from, sum(c.share) over (order by c.plan) as share_to
            from bursar.issuer as i
            cross join jsonb_to_recordset($3::jsonb) as c (plan bigint, code text, share integer)
            join bursar.plan as p on p.issuer_id = i.id and p.code = c.code
            join bursar.plan_version as v on v.plan_id = p.id
            where i.external_ref = 'demo:' || $1::bigint
        ), base as (
            select i.id as issuer_id, (bursar.business_now() at time zone i.time_zone)::date as today,
                   (select coalesce(max(id), 0) from bursar.subscription) as subscription,
                   (select min(id) from bursar.tenant where issuer_id = i.id) as tenant,
                   (select count(*) from bursar.tenant where issuer_id = i.id) as tenants,
                   (select id from bursar.policy where issuer_id = i.id and version = 2) as patient_policy_id
            from bursar.issuer as i where i.external_ref = 'demo:' || $1::bigint
        ), dice as materialized (
            select n, (a & 1023) * 1000 / 1024 as of_plan, (a >> 10 & 1023) * 900 / 1024 as of_age, a >> 20 & 1023 as of_due,
                   a >> 30 & 1023 as of_state, a >> 40 & 1023 as of_anchor, b & 2147483647 as of_tenant, b >> 41 & 1023 as of_end
            from generate_series(1, $2::bigint) as n
            cross join lateral (
                select hashint8extended(n, $1::bigint * 16 + 2) as a, hashint8extended(n, $1::bigint * 16 + 3) as b) as chance
        ), begun as materialized (
            select d.*, p.*, b.today, b.issuer_id, b.subscription + n as id, b.patient_policy_id,
                   b.tenant + case when n <= b.tenants then n - 1 else d.of_tenant % b.tenants end as tenant_id,
                   case when d.of_state < 20 then 'pending'
                        when d.of_state between 56 and 255 and p.trial_days > 0 then 'trialing'
                        else 'active' end as state,
                   case when d.of_state < 20 then b.today - 1 + (d.of_age % 30)::integer
                        when d.of_state between 56 and 255 and p.trial_days > 0
                            then b.today - 1 + (d.of_age % (p.trial_days + 1))::integer - p.trial_days
                        when p.day_policy = 'last_day' or d.of_anchor < 128 then month_end.day
                        else b.today - d.of_age::integer end as starts_on
            from dice as d
            cross join base as b
            join plan as p on d.of_plan >= p.share_from and d.of_plan < p.share_to
            cross join lateral (
                select (date_trunc('month', (b.today + 1 - d.of_age::integer)::timestamp))::date - 1 as day) as month_end
        ), anchored as materialized (
            select b.*,
                   case when b.state <> 'active' and b.trial_days > 0 then b.starts_on + b.trial_days end as trial_end,
                   case when b.state <> 'active' then b.starts_on + b.trial_days else b.starts_on end as anchor
            from begun as b
        ), counted as materialized (
            select a.*, greatest(whole - case when bursar.boundary(anchor, unit, count, day_policy, whole) > today
                                 then 1 else 0 end, 0) as running_k
            from anchored as a
            cross join lateral (
                select case unit
                    when 'week' then (today - anchor) / (7 * count)
                    else (12 * (extract(year from today) - extract(year from anchor))
                        + extract(month from today) - extract(month from anchor))::integer
                        / (count * case unit when 'year' then 12 else 1 end) end as whole) as since
        ), drafted as materialized (
            select c.*,
                   case when state <> 'active' then 0
                        when of_state between 20 and 39 then running_k + 1
                        when of_state between 40 and 55 or of_end < 8 then running_k
                        when of_due < 410 then running_k
                        when of_due < 440 then greatest(running_k - 1, 0)
                        else running_k + 1 end as next_k,
                   case when state = 'active' and of_state between 40 and 55 or state = 'active' and of_end < 8
                            then bursar.boundary(anchor, unit, count, day_policy, running_k)
                        when state = 'active' and of_end < 30
                            then bursar.boundary(anchor, unit, count, day_policy, running_k + 1)
                        when state = 'trialing' and of_end < 60 then anchor end as cancel_on
            from counted as c
        ), ready as (
            select d.*, bursar.boundary(anchor, unit, count, day_policy, next_k) as next_from,
                   (case state when 'pending' then today - 3 else starts_on end + make_interval(mins => 420 + (of_anchor % 600)::integer))
                       at time zone 'Asia/Phnom_Penh' as created_at
            from drafted as d
        ), subscriptions as (
            insert into bursar.subscription (id, tenant_id, issuer_id, external_ref, plan_version_id, policy_id, currency, state,
                transitions, starts_on, trial_end, cancel_on, next_k, next_from, issue_on, charged_through, created_at)
            overriding system value
            select id, tenant_id, issuer_id, 'S' || lpad(n::text, 7, '0'), plan_version_id,
                   case when of_anchor % 100 = 7 then patient_policy_id end, currency, state, 1, starts_on, trial_end, cancel_on, next_k,
                   next_from, next_from, next_from, created_at
            from ready order by id
        ), schedules as (
            insert into bursar.subscription_schedule (tenant_id, subscription_id, version, plan_version_id, anchor_date, unit, count,
                day_policy, first_k, valid_from)
            select tenant_id, id, 1, plan_version_id, anchor, unit, count, day_policy, next_k, next_from from ready order by id
        )
        insert into bursar.subscription_transition (tenant_id, subscription_id, seq, from_state, to_state, cause, as_of)
        select tenant_id, id, 1, 'new', state, 'created', created_at from ready order by id
        """
    )

    /// What each subscription consists of, by the catalogue `$2`.
    ///
    /// One in a hundred gets half as many at its next boundary but
    /// one: a downgrade that waits for its day.
    static let items = Statement(
        "demo.items",
        """
        with chosen as (
            select s.tenant_id, s.id as subscription_id, p.id as price_id, s.starts_on,
                   1 + (chance >> 10 & 1023) * c.most / 1024 as quantity,
                   case when c.most > 1 and chance & 1023 < 10
                       then bursar.boundary(v.anchor_date, v.unit, v.count, v.day_policy, s.next_k + 1) end as downgrade_on
            from bursar.issuer as i
            join bursar.subscription as s on s.issuer_id = i.id
            join bursar.subscription_schedule as v on v.tenant_id = s.tenant_id and v.subscription_id = s.id
            join bursar.plan_version as pv on pv.id = s.plan_version_id
            join bursar.plan as l on l.id = pv.plan_id
            join bursar.price as p on p.plan_version_id = pv.id
            join (
                select offer.code as plan, price ->> 'code' as code, (price ->> 'most')::integer as most
                from jsonb_to_recordset($2::jsonb) as offer (code text, prices jsonb)
                cross join lateral jsonb_array_elements(offer.prices) as price
            ) as c on c.plan = l.code and c.code = p.code
            cross join lateral (select hashint8extended(substr(s.external_ref, 2)::bigint, $1::bigint * 16 + 4) as chance) as rolled
            where i.external_ref = 'demo:' || $1::bigint
        ), lined as (
            select tenant_id, subscription_id, price_id, quantity, starts_on as valid_from, downgrade_on as valid_until from chosen
            union all
            select tenant_id, subscription_id, price_id, (quantity + 1) / 2, downgrade_on, null from chosen where downgrade_on is not null
        )
        insert into bursar.subscription_item (id, tenant_id, subscription_id, price_id, quantity, valid_from, valid_until)
        overriding system value
        select base.id + row_number() over (order by subscription_id, price_id, valid_from), tenant_id, subscription_id, price_id,
               quantity, valid_from, valid_until
        from lined cross join (select coalesce(max(id), 0) as id from bursar.subscription_item) as base
        """
    )

    /// Billing holds on two in a hundred of those that run, with reasons from `$2`.
    static let holds = Statement(
        "demo.holds",
        """
        insert into bursar.billing_hold (tenant_id, subscription_id, source, reason, valid_from, valid_until, placed_at)
        select s.tenant_id, s.id, 'operator', ($2::text[])[1 + (chance >> 10 & 1023) % cardinality($2::text[])], today - 5,
               case when chance >> 20 & 1 = 0 then today + 20 end, (today - 5 + time '10:00') at time zone i.time_zone
        from bursar.issuer as i
        join bursar.subscription as s on s.issuer_id = i.id
        cross join lateral (select (bursar.business_now() at time zone i.time_zone)::date) as now (today)
        cross join lateral (select hashint8extended(substr(s.external_ref, 2)::bigint, $1::bigint * 16 + 5)) as rolled (chance)
        where i.external_ref = 'demo:' || $1::bigint and s.state = 'active' and chance & 1023 < 20
        order by s.id
        """
    )

    /// Pauses (reasons from `$2`) and ends subscriptions that ran.
    static let rests = Statement(
        "demo.rests",
        """
        with chosen as (
            select s.tenant_id, s.id, s.starts_on, s.cancel_on, i.time_zone, now.today, rolled.chance,
                   case when of_state between 20 and 39 then 'paused' else 'canceled' end as state
            from bursar.issuer as i
            join bursar.subscription as s on s.issuer_id = i.id
            cross join lateral (select (bursar.business_now() at time zone i.time_zone)::date) as now (today)
            cross join lateral (
                select hashint8extended(substr(s.external_ref, 2)::bigint, $1::bigint * 16 + 2) >> 30 & 1023 as of_state,
                       hashint8extended(substr(s.external_ref, 2)::bigint, $1::bigint * 16 + 6) as chance) as rolled
            where i.external_ref = 'demo:' || $1::bigint and s.state = 'active' and of_state between 20 and 55
        ), changed as (
            update bursar.subscription as s
            set state = c.state, transitions = 2,
                paused_until = case when c.state = 'paused' and c.chance & 3 > 0 then c.today + (c.chance >> 2 & 63)::integer end
            from chosen as c
            where s.tenant_id = c.tenant_id and s.id = c.id
        )
        insert into bursar.subscription_transition (tenant_id, subscription_id, seq, from_state, to_state, cause, as_of, content)
        select tenant_id, id, 2, 'active', state, state,
               (case state when 'canceled' then cancel_on else greatest(today - 3, starts_on) end + time '09:00') at time zone time_zone,
               case state when 'paused'
                   then jsonb_build_object('reason', ($2::text[])[1 + (chance >> 10 & 1023) % cardinality($2::text[])]) else '{}' end
        from chosen
        order by id
        """
    )

    /// `$2` plain monthly subscriptions, each with one item and exactly one period due today.
    static let plainSubscriptions = Statement(
        "demo.plain_subscriptions",
        """
        with base as (
            select i.id as issuer_id, i.time_zone, (bursar.business_now() at time zone i.time_zone)::date as today,
                   (select coalesce(max(id), 0) from bursar.subscription) as subscription,
                   (select coalesce(max(id), 0) from bursar.subscription_item) as item,
                   (select min(id) from bursar.tenant where issuer_id = i.id) as tenant,
                   (select count(*) from bursar.tenant where issuer_id = i.id) as tenants
            from bursar.issuer as i where i.external_ref = 'demo:' || $1::bigint
        ), offer as (
            select r.id as price_id, v.id as plan_version_id, v.currency, row_number() over (order by v.id) - 1 as place
            from base
            join bursar.plan_version as v on v.issuer_id = base.issuer_id
            join bursar.price as r on r.plan_version_id = v.id
        ), ready as (
            select n, base.*, offer.*, base.subscription + n as id, base.tenant + (n - 1) % base.tenants as tenant_id,
                   base.today - (n % 28)::integer as anchor,
                   (base.today - (n % 28)::integer + time '07:00') at time zone base.time_zone as created_at
            from base cross join generate_series(1, $2::bigint) as n
            join offer on offer.place = n % (select count(*) from offer)
        ), subscriptions as (
            insert into bursar.subscription (id, tenant_id, issuer_id, external_ref, plan_version_id, currency, state, transitions,
                starts_on, next_from, issue_on, charged_through, created_at)
            overriding system value
            select id, tenant_id, issuer_id, 'S' || lpad(n::text, 7, '0'), plan_version_id, currency, 'active', 1, anchor, anchor, anchor,
                   anchor, created_at
            from ready order by id
        ), schedules as (
            insert into bursar.subscription_schedule (tenant_id, subscription_id, version, plan_version_id, anchor_date, unit, count,
                day_policy, valid_from)
            select tenant_id, id, 1, plan_version_id, anchor, 'month', 1, 'same_day_clamped', anchor from ready order by id
        ), items as (
            insert into bursar.subscription_item (id, tenant_id, subscription_id, price_id, quantity, valid_from)
            overriding system value
            select item + n, tenant_id, id, price_id, 1, anchor from ready order by id
        )
        insert into bursar.subscription_transition (tenant_id, subscription_id, seq, from_state, to_state, cause, as_of)
        select tenant_id, id, 1, 'new', 'active', 'created', created_at from ready order by id
        """
    )
}
