package import Postgres

/// The statements of one chunk: issuing what is due, and setting aside what cannot be issued.
package enum RenewalIssueStatements {
    /// Why those of these subscriptions that are still due got no period: tenants, subscriptions, as_of.
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
        cross join lateral (select ($3::timestamptz at time zone i.time_zone)::date as today offset 0) as local
        join bursar.plan_version v on v.id = s.plan_version_id
        left join bursar.policy rules on rules.id = coalesce(s.policy_id, v.policy_id, i.policy_id)
        left join lateral bursar.periods_due(s.tenant_id, s.id, s.schedule_version, s.next_k, s.next_part, s.next_from,
            least(local.today + 1, s.cancel_on)) as p on true
        where s.state in ('active', 'past_due') and s.parked_at is null
            and s.issue_on <= local.today
            and (s.cancel_on is null or s.issue_on < s.cancel_on)
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

    package static let all = [invoices, unbilled, park]
}
