package import Postgres

/// The statements of one chunk, in the order in which they run: what can wait comes before the number series.
package enum RenewalIssueStatements {
    /// Locks the due ones of these subscriptions, by id: tenants, subscriptions, as_of.
    static let lock = Statement(
        "billing.lock_due",
        """
        select s.tenant_id, s.id as subscription_id
        from unnest($1::bigint[], $2::bigint[]) as due (tenant_id, id)
        join bursar.subscription s on s.tenant_id = due.tenant_id and s.id = due.id
        join bursar.issuer i on i.id = s.issuer_id
        where s.state in ('active', 'past_due') and s.parked_at is null
            and s.issue_on <= ($3::timestamptz at time zone i.time_zone)::date
            and (s.cancel_on is null or s.issue_on < s.cancel_on)
        order by s.id
        for no key update of s
        """
    )

    /// Inserts their due periods, unless there are more than the catch-up cap: tenants, subscriptions, as_of.
    static let periods = Statement(
        "billing.insert_periods",
        """
        with due as (
            select s.tenant_id, s.id as subscription_id, p.*, rules.catch_up_periods,
                count(*) filter (where p.starts > coalesce(s.catch_up_through, '-infinity')) over (partition by s.id) as periods
            from unnest($1::bigint[], $2::bigint[]) as chunk (tenant_id, id)
            join bursar.subscription s on s.tenant_id = chunk.tenant_id and s.id = chunk.id
            join bursar.issuer i on i.id = s.issuer_id
            cross join lateral (select ($3::timestamptz at time zone i.time_zone)::date as today offset 0) as local
            join bursar.plan_version v on v.id = s.plan_version_id
            join bursar.policy rules on rules.id = coalesce(s.policy_id, v.policy_id, i.policy_id)
            cross join lateral bursar.periods_due(s.tenant_id, s.id, s.schedule_version, s.next_k, s.next_part, s.next_from,
                least(local.today + 1, s.cancel_on)) as p
        ), inserted as (
            insert into bursar.period (tenant_id, subscription_id, schedule_version, k, part, plan_version_id, of_days, during)
            select tenant_id, subscription_id, schedule_version, k, part, plan_version_id, of_days, daterange(starts, ends)
            from due
            where periods <= catch_up_periods
            order by subscription_id, starts
            returning tenant_id, id, subscription_id
        )
        select tenant_id, id, subscription_id from inserted
        """
    )

    /// Why subscriptions that are due got no period: tenants, subscriptions, as_of.
    static let unbilled = Statement(
        "billing.why_unbilled",
        """
        select s.tenant_id, s.id as subscription_id,
            case count(p.k)
                when 0 then 'no schedule says which period begins on ' || s.next_from
                else count(*) filter (where p.starts > coalesce(s.catch_up_through, '-infinity')) || ' periods are due at once, more than the ' || rules.catch_up_periods || ' of the policy'
            end as reason
        from unnest($1::bigint[], $2::bigint[]) as due (tenant_id, id)
        join bursar.subscription s on s.tenant_id = due.tenant_id and s.id = due.id
        join bursar.issuer i on i.id = s.issuer_id
        join bursar.plan_version v on v.id = s.plan_version_id
        left join bursar.policy rules on rules.id = coalesce(s.policy_id, v.policy_id, i.policy_id)
        left join lateral bursar.periods_due(s.tenant_id, s.id, s.schedule_version, s.next_k, s.next_part, s.next_from,
            least(($3::timestamptz at time zone i.time_zone)::date + 1, s.cancel_on)) as p on true
        group by s.tenant_id, s.id, s.next_from, rules.catch_up_periods
        order by s.id
        """
    )

    /// Parks subscriptions: tenants, subscriptions, reasons, run.
    static let park = Statement(
        "billing.park",
        """
        with moment as materialized (
            select bursar.business_now() as at
        ), parked as (
            update bursar.subscription s
            set parked_at = moment.at, parked_reason = due.reason
            from moment, unnest($1::bigint[], $2::bigint[], $3::text[]) as due (tenant_id, id, reason)
            where s.tenant_id = due.tenant_id and s.id = due.id and s.parked_at is null
            returning s.tenant_id, s.id, s.parked_at as at, jsonb_build_object('reason', s.parked_reason) as content
        ), events as (
            insert into bursar.event (tenant_id, at, kind, subject_kind, subject_id, run_id, content)
            select tenant_id, at, 'subscription.parked', 'subscription', id, $4::bigint, content
            from parked
        ), audited as (
            insert into bursar.audit_entry (tenant_id, at, actor, action, object, run_id, canonical)
            select tenant_id, at, bursar.actor(), 'subscription.parked', 'subscription:' || id, $4,
                bursar.audit_canonical(tenant_id, at, bursar.actor(), 'subscription.parked', 'subscription:' || id, $4, content)
            from parked
        )
        select tenant_id, id from parked
        """
    )

    /// Takes one number a period, in the series of its issuer and local year: the tenants of the periods, as_of.
    static let numbers = Statement(
        "billing.take_numbers",
        """
        insert into bursar.number_series as series (issuer_id, series, year, last_number)
        select i.id, 'invoice', extract(year from $2::timestamptz at time zone i.time_zone)::integer as year, count(*)
        from unnest($1::bigint[]) as billed (tenant_id)
        join bursar.tenant t on t.id = billed.tenant_id
        join bursar.issuer i on i.id = t.issuer_id
        group by i.id, year
        order by i.id, year
        on conflict (issuer_id, series, year) do update set last_number = series.last_number + excluded.last_number
        """
    )

    package static let all = [lock, periods, unbilled, park, numbers, invoices]
}
