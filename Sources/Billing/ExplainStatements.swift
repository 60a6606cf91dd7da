package import Postgres

/// The statements of `bursar explain subscription`.
///
/// `$1` is the subscription's id, `$2` the instant as of which it is asked.
package enum ExplainStatements {
    /// The id behind what was typed: an id, an external ref, or `ref:` and one.
    static let named = Statement("billing.explain_named", "select bursar.subscription_named($1) as id")

    static let head = Statement(
        "billing.explain_subscription",
        """
        select s.id, s.external_ref, s.currency, s.state, s.starts_on, s.trial_end, s.cancel_on, s.paused_until, s.parked_at,
               s.parked_reason, s.schedule_version, s.next_k, s.next_from, s.issue_on, s.charged_through,
               t.id as tenant_id, t.name as tenant, i.id as issuer_id, i.name as issuer, i.time_zone, local.today,
               l.code as plan_code, l.name as plan_name, v.version as plan_version, v.unit, v.count, v.day_policy,
               p.catch_up_periods, p.rate_source, p.rate_max_age_days, coalesce(due.waits_for_rate, false) as waits_for_rate,
               (select max(r.rate_date) from bursar.exchange_rate as r
                where r.source = p.rate_source and r.base = s.currency and r.quote = 'KHR' and r.rate_date <= local.today) as latest_rate,
               (select count(*) from bursar.periods_due(s.tenant_id, s.id, s.schedule_version, s.next_k, s.next_part, s.next_from,
                                                        due.bill_before)) as periods_due
        from bursar.subscription as s
        join bursar.tenant as t on t.id = s.tenant_id
        join bursar.issuer as i on i.id = s.issuer_id
        cross join lateral (select ($2::timestamptz at time zone i.time_zone)::date as today) as local
        join bursar.plan_version as v on v.id = s.plan_version_id
        join bursar.plan as l on l.id = v.plan_id
        left join bursar.policy as p on p.id = coalesce(s.policy_id, v.policy_id, i.policy_id)
        left join bursar.renewals_due($2) as due on due.subscription_id = s.id
        where s.id = $1
        """
    )

    static let transitions = Statement(
        "billing.explain_transitions",
        """
        select as_of, from_state, to_state, cause, actor, run_id
        from bursar.subscription_transition
        where subscription_id = $1 and tenant_id = (select tenant_id from bursar.subscription where id = $1)
        order by seq
        """
    )

    static let items = Statement(
        "billing.explain_items",
        """
        select p.code, p.description, i.quantity, p.unit_amount, p.currency, i.valid_from, i.valid_until
        from bursar.subscription_item as i
        join bursar.price as p on p.id = i.price_id
        where i.subscription_id = $1 and i.tenant_id = (select tenant_id from bursar.subscription where id = $1)
        order by i.valid_from, i.id
        """
    )

    static let schedules = Statement(
        "billing.explain_schedules",
        """
        select version, anchor_date, unit, count, day_policy, valid_from, valid_until
        from bursar.subscription_schedule
        where subscription_id = $1 and tenant_id = (select tenant_id from bursar.subscription where id = $1)
        order by version
        """
    )

    static let holds = Statement(
        "billing.explain_holds",
        """
        select h.source, h.reason, h.valid_from, h.valid_until, h.stops_billing,
               h.valid_from <= local.today and (h.valid_until is null or local.today < h.valid_until) as is_in_force
        from bursar.subscription as s
        join bursar.issuer as i on i.id = s.issuer_id
        join bursar.billing_hold as h on h.tenant_id = s.tenant_id and h.subscription_id = s.id
        cross join lateral (select ($2::timestamptz at time zone i.time_zone)::date as today) as local
        where s.id = $1 and h.released_at is null
        order by h.id
        """
    )

    /// The last dozen, newest first, and before them any older one on which something is still owed.
    static let invoices = Statement(
        "billing.explain_invoices",
        """
        select v.id, v.number, lower(p.during) as from_day, upper(p.during) as until_day, v.issue_date, v.due_date, v.grace_end,
               v.payment_grace_days, v.currency, v.total, r.open_amount, r.state,
               r.state = 'open' and r.open_amount > r.tolerance as is_owed,
               r.state = 'open' and r.open_amount > r.tolerance and v.due_date < local.today as is_overdue
        from bursar.subscription as s
        join bursar.issuer as i on i.id = s.issuer_id
        cross join lateral (select ($2::timestamptz at time zone i.time_zone)::date as today) as local
        join bursar.period as p on p.tenant_id = s.tenant_id and p.subscription_id = s.id
        join bursar.invoice as v on v.tenant_id = p.tenant_id and v.period_id = p.id
        join bursar.receivable as r on r.tenant_id = v.tenant_id and r.invoice_id = v.id
        where s.id = $1
        order by v.id desc
        """
    )

    /// Each rule of the policy in force, with the policy's owner.
    static let policy = Statement(
        "billing.explain_policy",
        """
        select rule.name, rule.value,
               case when s.policy_id is not null then 'the subscription''s own policy'
                    when v.policy_id is not null then 'the plan version''s policy'
                    else 'the issuer''s policy' end || ', version ' || p.version as source
        from bursar.subscription as s
        join bursar.issuer as i on i.id = s.issuer_id
        join bursar.plan_version as v on v.id = s.plan_version_id
        join bursar.policy as p on p.id = coalesce(s.policy_id, v.policy_id, i.policy_id)
        cross join lateral jsonb_each_text(to_jsonb(p)) with ordinality as rule (name, value, place)
        where s.id = $1 and rule.name not in ('id', 'issuer_id', 'version', 'created_at')
        order by rule.name
        """
    )

    package static let all = [named, head, transitions, items, schedules, holds, invoices, policy]
}
