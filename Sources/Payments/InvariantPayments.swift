package import Billing
internal import Postgres

extension Invariant {
    /// What is always true of payments: I5 and I12 of the billing invariants, and P1 to P11, which follow the payment states.
    package static let payments: [Invariant] = paymentMoney + paymentStates + paymentPlaces

    static let paymentMoney = [
        Invariant(
            "I5",
            "All of a payment went to invoices, to credit, or back, and no more than all",
            Statement(
                "payments.invariant_i5",
                """
                with used as (
                    select tenant_id, match_id, sum(amount) as amount
                    from (
                        select tenant_id, match_id, amount from bursar.allocation where kind in ('payment', 'reversal')
                        union all
                        select tenant_id, match_id, amount from bursar.credit_entry where kind in ('surplus', 'reversed')
                    ) as part
                    group by tenant_id, match_id
                ), returned as (
                    select tenant_id, match_id, sum(amount) as amount from bursar.refund
                    where match_id is not null and done_at is not null
                    group by tenant_id, match_id
                ), judged as (
                    select coalesce(m.id, u.match_id) as id,
                           case
                               when m.id is null then format('%s was taken from it, but there is no such payment', u.amount)
                               when m.released_at is not null and coalesce(u.amount, 0) <> 0
                                   then format('was released, and %s of it is still used', u.amount)
                               when m.released_at is null and m.role = 'settles'
                                    and m.amount - coalesce(r.amount, 0) <> coalesce(u.amount, 0)
                                   then format('%s came and %s went back, but %s is used', m.amount, coalesce(r.amount, 0),
                                               coalesce(u.amount, 0))
                           end as finding
                    from bursar.payment_match as m
                    full join used as u on u.tenant_id = m.tenant_id and u.match_id = m.id
                    left join returned as r on r.tenant_id = m.tenant_id and r.match_id = m.id
                )
                select count(*) over () as violations, format('payment %s: %s', id, finding) as example
                from judged
                where finding is not null
                order by id
                limit 20
                """
            ),
            breaker: Breaker(
                "forgets a part of what a payment gave as credit",
                "update bursar.credit_entry set amount = amount - 1 where id = (select min(id) from bursar.credit_entry where kind = 'surplus');"
            )
        ),
        Invariant(
            "I12",
            "A provider's transaction settles one attempt at most",
            Statement(
                "payments.invariant_i12",
                """
                with settled as (
                    select issuer_id, provider_hash, count(*) as times, count(distinct attempt_id) as attempts
                    from bursar.payment_match
                    where role = 'settles' and released_at is null and provider_hash is not null
                    group by issuer_id, provider_hash
                )
                select count(*) over () as violations,
                       format('transaction %s settles %s times, %s attempts', provider_hash, times, attempts) as example
                from settled
                where times > 1
                order by provider_hash
                limit 20
                """
            ),
            breaker: Breaker(
                "gives two payments one hash",
                """
                drop index bursar.one_settlement_per_hash;
                update bursar.payment_match set provider_hash = 'one' where role = 'settles' and provider_hash is not null;
                """
            )
        ),
        Invariant(
            "P1",
            "What is paid is paid in full, and nothing that is paid in full waits",
            Statement(
                "payments.invariant_p1",
                """
                with judged as (
                    select i.id, i.invoice_id,
                           case
                               when r.invoice_id is null then 'has no receivable'
                               when i.state in ('paid', 'late_paid') and r.open_amount > r.tolerance
                                   then format('is %s, and %s is open', i.state, r.open_amount)
                               when i.state in ('open', 'pending', 'partially_paid', 'expired') and r.open_amount = 0
                                   then format('is %s, and nothing is open', i.state)
                           end as finding
                    from bursar.payment_intent as i
                    left join bursar.receivable as r on r.tenant_id = i.tenant_id and r.invoice_id = i.invoice_id
                )
                select count(*) over () as violations, format('payment of invoice %s: %s', invoice_id, finding) as example
                from judged
                where finding is not null
                order by id
                limit 20
                """
            ),
            breaker: Breaker(
                "calls paid what nobody has paid, and tells it as an event",
                """
                update bursar.payment_intent set state = 'paid', version = version + 1
                where id = (select min(id) from bursar.payment_intent where state in ('open', 'pending'));
                insert into bursar.payment_event (tenant_id, machine, object_id, seq, from_state, to_state, cause, source, actor, at)
                select i.tenant_id, 'intent', i.id, i.version, e.to_state, 'paid', 'money_came', 'test', 'test', now()
                from bursar.payment_intent i
                join bursar.payment_event e on e.machine = 'intent' and e.object_id = i.id and e.seq = i.version - 1
                where not exists (select from bursar.payment_event o where o.machine = 'intent' and o.object_id = i.id and o.seq = i.version);
                """
            )
        ),
        Invariant(
            "P2",
            "No more went back than came",
            Statement(
                "payments.invariant_p2",
                """
                with returned as (
                    select f.tenant_id, f.match_id, sum(f.amount) as amount, min(f.currency) as currency
                    from bursar.refund as f where f.match_id is not null and f.done_at is not null
                    group by f.tenant_id, f.match_id
                )
                select count(*) over () as violations,
                       format('payment %s: %s went back of %s', r.match_id, r.amount, coalesce(m.amount, 0)) as example
                from returned as r
                left join bursar.payment_match as m on m.tenant_id = r.tenant_id and m.id = r.match_id
                where m.id is null or r.amount > m.amount
                order by r.match_id
                limit 20
                """
            ),
            breaker: Breaker(
                "gives back one more than came, and takes it from the invoice too",
                """
                update bursar.refund set amount = amount + 1
                where id = (select max(id) from bursar.refund where match_id is not null);
                insert into bursar.credit_entry (tenant_id, currency, amount, kind, match_id)
                select f.tenant_id, f.currency, -1, 'reversed', f.match_id
                from bursar.refund f where f.id = (select max(id) from bursar.refund where match_id is not null);
                """
            )
        ),
        Invariant(
            "P9",
            "No two currencies meet in one payment",
            Statement(
                "payments.invariant_p9",
                """
                with judged as (
                    select m.id, format('payment %s is in %s, its QR in %s, its invoice in %s', m.id, m.currency, a.currency,
                                        r.currency) as finding
                    from bursar.payment_match as m
                    left join bursar.payment_attempt as a on a.tenant_id = m.tenant_id and a.id = m.attempt_id
                    left join bursar.receivable as r on r.tenant_id = m.tenant_id and r.invoice_id = m.invoice_id
                    where m.released_at is null and (m.currency is distinct from a.currency or m.currency is distinct from r.currency)
                    union all
                    select c.id, format('allocation %s is in %s, its invoice in %s', c.id, c.currency, r.currency)
                    from bursar.allocation as c
                    left join bursar.receivable as r on r.tenant_id = c.tenant_id and r.invoice_id = c.invoice_id
                    where c.currency is distinct from r.currency
                    union all
                    select o.id, format('observation %s is in %s, its payment in %s', o.id, o.currency, m.currency)
                    from bursar.payment_match as m
                    join bursar.observation as o on o.issuer_id = m.issuer_id and o.id = m.observation_id
                    where m.released_at is null and o.kind <> 'claim' and o.currency <> m.currency
                )
                select count(*) over () as violations, finding as example from judged order by id limit 20
                """
            ),
            breaker: Breaker(
                "makes dollars of an allocation of riel",
                "update bursar.allocation set currency = case currency when 'KHR' then 'USD' else 'KHR' end where id = (select min(id) from bursar.allocation);"
            )
        ),
    ]
}
