internal import Billing
internal import Postgres

extension Invariant {
    static let paymentPlaces = [
        Invariant(
            "P10",
            "Money is never dropped: whatever was seen is matched, in suspense, or waits to be placed, and only one of them",
            Statement(
                "payments.invariant_p10",
                """
                with placed as (
                    select o.id, o.amount,
                           (select count(*) from bursar.payment_match as m
                               where m.issuer_id = o.issuer_id and m.observation_id = o.id and m.released_at is null) as matches,
                           (select count(*) from bursar.suspense as s
                               where s.issuer_id = o.issuer_id and s.observation_id = o.id
                                   and s.resolution is distinct from 'assigned') as suspense,
                           (select count(*) from bursar.observation_unplaced as u
                               where u.tenant_id = o.tenant_id and u.observation_id = o.id) as waiting,
                           (select m.amount from bursar.payment_match as m
                               where m.issuer_id = o.issuer_id and m.observation_id = o.id and m.released_at is null
                                   and m.role = 'settles') as settled
                    from bursar.observation as o
                ), judged as (
                    select id,
                           case
                               when matches + suspense + waiting <> 1
                                   then format('has %s matches, %s places in suspense and %s in the queue', matches, suspense, waiting)
                               when settled <> amount then format('is of %s, and settles %s', amount, settled)
                           end as finding
                    from placed
                )
                select count(*) over () as violations, format('observation %s: %s', id, finding) as example
                from judged
                where finding is not null
                order by id
                limit 20
                """
            ),
            breaker: Breaker(
                "loses a piece of suspense",
                "delete from bursar.suspense where id = (select min(id) from bursar.suspense where resolution is null);"
            )
        ),
        Invariant(
            "P11",
            "Whatever belongs to a payment belongs to its tenant and its issuer",
            Statement(
                "payments.invariant_p11",
                """
                with judged as (
                    select 'intent' as what, c.id, c.tenant_id, p.tenant_id as parent_tenant_id
                    from bursar.payment_intent as c
                    left join bursar.invoice as p on p.id = c.invoice_id and p.issuer_id = c.issuer_id
                    union all
                    select 'attempt', c.id, c.tenant_id, p.tenant_id
                    from bursar.payment_attempt as c
                    left join bursar.payment_intent as p on p.id = c.intent_id and p.issuer_id = c.issuer_id
                    union all
                    select 'match', c.id, c.tenant_id, p.tenant_id
                    from bursar.payment_match as c
                    left join bursar.payment_attempt as p on p.id = c.attempt_id and p.issuer_id = c.issuer_id and p.intent_id = c.intent_id
                    union all
                    select 'lookup', c.attempt_id, c.tenant_id, p.tenant_id
                    from bursar.payment_lookup as c left join bursar.payment_attempt as p on p.id = c.attempt_id
                    union all
                    select 'payment event', c.id, c.tenant_id, coalesce(i.tenant_id, a.tenant_id)
                    from bursar.payment_event as c
                    left join bursar.payment_intent as i on c.machine = 'intent' and i.id = c.object_id
                    left join bursar.payment_attempt as a on c.machine = 'attempt' and a.id = c.object_id
                    union all
                    select 'queued observation', c.observation_id, c.tenant_id, p.tenant_id
                    from bursar.observation_unplaced as c left join bursar.observation as p on p.id = c.observation_id
                    union all
                    select 'credit', c.id, c.tenant_id, p.tenant_id
                    from bursar.credit_entry as c left join bursar.payment_match as p on p.id = c.match_id
                    where c.match_id is not null
                    union all
                    select 'refund', c.id, c.tenant_id, p.tenant_id
                    from bursar.refund as c left join bursar.payment_match as p on p.id = c.match_id
                    where c.match_id is not null
                    union all
                    -- Money of no tenant is kept under tenant 0.
                    select 'observation', c.id, c.tenant_id, p.id
                    from bursar.observation as c left join bursar.tenant as p on p.id = c.tenant_id and p.issuer_id = c.issuer_id
                    where c.tenant_id <> 0
                    union all
                    select 'suspense', c.id, c.tenant_id, p.id
                    from bursar.suspense as c left join bursar.tenant as p on p.id = c.tenant_id and p.issuer_id = c.issuer_id
                    where c.tenant_id <> 0
                )
                select count(*) over () as violations,
                       format('%s %s is tenant %s''s, %s', what, id, tenant_id,
                              coalesce('what it is part of tenant ' || parent_tenant_id || '''s', 'what it is part of is not there')) as example
                from judged
                where parent_tenant_id is distinct from tenant_id
                order by what, id
                limit 20
                """
            ),
            breaker: Breaker(
                "moves what is looked up to another tenant",
                "update bursar.payment_lookup set tenant_id = tenant_id + 1 where attempt_id = (select min(attempt_id) from bursar.payment_lookup);"
            )
        ),
    ]
}
