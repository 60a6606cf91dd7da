internal import Postgres

extension Invariant {
    static let states = [
        Invariant(
            "I8",
            "Every change of state was a legal one, and the last one made the state",
            Statement(
                "billing.invariant_i8",
                """
                with chain as (
                    select t.tenant_id, t.subscription_id, t.seq, t.from_state, t.to_state, t.cause,
                           lag(t.to_state, 1, 'new') over of_subscription as state_before,
                           row_number() over of_subscription as place,
                           lead(t.seq) over of_subscription is null as is_last
                    from bursar.subscription_transition as t
                    window of_subscription as (partition by t.tenant_id, t.subscription_id order by t.seq)
                ), judged as (
                    select c.subscription_id,
                           case
                               when c.seq <> c.place then format('change %s is missing', c.place)
                               when c.from_state <> c.state_before
                                   then format('change %s goes from %s, but it was %s', c.seq, c.from_state, c.state_before)
                               when l.cause is null then format('change %s from %s to %s (%s) is not legal', c.seq, c.from_state,
                                                                c.to_state, c.cause)
                           end as finding
                    from chain as c
                    left join bursar.legal_transition as l using (from_state, to_state, cause)
                    union all
                    select s.id,
                           case
                               when c.seq is null then 'has no change of state, not even its first'
                               when c.to_state <> s.state then format('is %s, but its last change made it %s', s.state, c.to_state)
                               when c.seq <> s.transitions then format('counts %s changes, but has %s', s.transitions, c.seq)
                           end
                    from bursar.subscription as s
                    left join chain as c on c.tenant_id = s.tenant_id and c.subscription_id = s.id and c.is_last
                )
                select count(*) over () as violations, format('subscription %s: %s', subscription_id, finding) as example
                from judged
                where finding is not null
                order by subscription_id
                limit 20
                """
            ),
            breaker: Breaker(
                "lets a subscription's history begin with an end that no rule allows",
                """
                update bursar.subscription_transition set from_state = 'new', to_state = 'expired', cause = 'created'
                where (subscription_id, seq) = (select min(subscription_id), 1 from bursar.subscription_transition);
                """
            )
        ),
        Invariant(
            "I11",
            "Nothing that is due is left undone, unless it is parked, held, or waits for a rate",
            Statement(
                "billing.invariant_i11",
                """
                with undone as (
                    select d.subscription_id, format('a period was due on %s and is not billed', d.issue_on) as finding
                    from bursar.renewals_due($1::timestamptz) as d
                    where not d.held and not d.waits_for_rate
                    union all
                    select d.subscription_id, format('is %s, but is due to be %s (%s)', d.from_state, d.to_state, d.cause)
                    from bursar.transitions_due($1) as d
                    union all
                    select p.subscription_id, format('period %s %s has no invoice', p.id, p.during)
                    from bursar.period as p
                    where not exists (select from bursar.invoice as i where i.tenant_id = p.tenant_id and i.period_id = p.id)
                )
                select count(*) over () as violations, format('subscription %s: %s', subscription_id, finding) as example
                from undone
                order by subscription_id
                limit 20
                """
            ),
            takesInstant: true,
            breaker: Breaker(
                "forgets that a period was billed",
                """
                update bursar.subscription set issue_on = issue_on - 400, next_from = next_from - 400
                where id = (
                    select min(s.id) from bursar.subscription as s
                    where s.state = 'active' and s.parked_at is null and s.cancel_on is null and s.currency = 'KHR'
                        and not exists (select from bursar.billing_hold as h where h.subscription_id = s.id)
                );
                """
            )
        ),
    ]
}
