internal import Billing
internal import Postgres

extension Invariant {
    static let paymentStates = [
        Invariant(
            "P4",
            "A QR's md5 belongs to one attempt, and is of its exact text",
            Statement(
                "payments.invariant_p4",
                """
                with judged as (
                    select min(a.id) as id, format('md5 %s belongs to %s attempts', a.md5, count(*)) as finding
                    from bursar.payment_attempt as a where a.md5 is not null
                    group by a.issuer_id, a.md5 having count(*) > 1
                    union all
                    select a.id, format('attempt %s has the md5 of another text', a.id)
                    from bursar.payment_attempt as a where a.md5 is distinct from md5(a.qr)
                )
                select count(*) over () as violations, finding as example from judged order by id limit 20
                """
            ),
            breaker: Breaker(
                "shows one QR for two invoices",
                """
                alter table bursar.payment_attempt drop constraint one_attempt_per_md5;
                update bursar.payment_attempt set qr = 'one', md5 = md5('one') where qr is not null;
                """
            )
        ),
        Invariant(
            "P5",
            "Every change of state of a payment was a legal one that its event tells, and the last one made the state",
            Statement(
                "payments.invariant_p5",
                """
                with chain as (
                    select e.*, lag(e.to_state, 1, 'new') over of_object as state_before, row_number() over of_object as place,
                           lead(e.seq) over of_object is null as is_last
                    from bursar.payment_event as e
                    window of_object as (partition by e.tenant_id, e.machine, e.object_id order by e.seq)
                ), object as (
                    select tenant_id, 'intent' as machine, id, state, version from bursar.payment_intent
                    union all
                    select tenant_id, 'attempt', id, state, version from bursar.payment_attempt
                ), judged as (
                    select c.machine, c.object_id,
                           case
                               when c.seq <> c.place then format('change %s is missing', c.place)
                               when c.from_state <> c.state_before
                                   then format('change %s goes from %s, but it was %s', c.seq, c.from_state, c.state_before)
                               when m.cause is null
                                   then format('change %s from %s to %s (%s) is not legal', c.seq, c.from_state, c.to_state, c.cause)
                           end as finding
                    from chain as c
                    left join bursar.payment_move as m using (machine, from_state, to_state, cause)
                    union all
                    select o.machine, o.id,
                           case
                               when c.seq is null then 'has no event, not even its first'
                               when c.to_state <> o.state then format('is %s, but its last event made it %s', o.state, c.to_state)
                               when c.seq <> o.version then format('is at version %s, but has %s events', o.version, c.seq)
                           end
                    from object as o
                    left join chain as c on c.tenant_id = o.tenant_id and c.machine = o.machine and c.object_id = o.id and c.is_last
                )
                select count(*) over () as violations, format('%s %s: %s', machine, object_id, finding) as example
                from judged
                where finding is not null
                order by machine, object_id
                limit 20
                """
            ),
            breaker: Breaker(
                "takes the last event of an attempt away",
                """
                delete from bursar.payment_event where id = (
                    select max(e.id) from bursar.payment_event e where e.machine = 'attempt' and e.to_state = 'presented'
                        and not exists (select from bursar.payment_event l where l.machine = 'attempt' and l.object_id = e.object_id and l.seq > e.seq));
                """
            )
        ),
        Invariant(
            "P6",
            "A final state is left only by a person, by money that came late, or by money that went back",
            Statement(
                "payments.invariant_p6",
                """
                select count(*) over () as violations,
                       format('%s %s left %s for %s because of %s, by %s', e.machine, e.object_id, e.from_state, e.to_state, e.cause,
                              e.actor) as example
                from bursar.payment_event as e
                join bursar.payment_state as s on s.machine = e.machine and s.state = e.from_state and s.is_final
                where e.cause <> 'reversed' and e.to_state <> 'late_paid' and not (e.from_state = 'cancelled' and e.cause = 'money_came')
                    and e.run_id is not null
                order by e.id
                limit 20
                """
            ),
            breaker: Breaker(
                "lets a run, and no person, leave a final state",
                """
                update bursar.payment_event set run_id = 1, fence = 7
                where id = (select min(e.id) from bursar.payment_event e where e.from_state = 'paid' and e.cause in ('refunded', 'match_released'));
                """
            )
        ),
        Invariant(
            "P7",
            "Nothing is confirmed by a callback alone",
            Statement(
                "payments.invariant_p7",
                """
                with judged as (
                    select a.id, 'nobody has seen its money' as finding
                    from bursar.payment_attempt as a
                    where a.state = 'confirmed' and not exists (
                        select from bursar.payment_match as m
                        where m.tenant_id = a.tenant_id and m.attempt_id = a.id and m.role = 'settles' and m.released_at is null)
                    union all
                    select m.attempt_id, format('payment %s rests on a claim', m.id)
                    from bursar.payment_match as m
                    join bursar.observation as o on o.issuer_id = m.issuer_id and o.id = m.observation_id
                    where m.role = 'settles' and m.released_at is null and (o.kind = 'claim' or m.kind <> o.kind)
                )
                select count(*) over () as violations, format('attempt %s: %s', id, finding) as example
                from judged
                order by id
                limit 20
                """
            ),
            breaker: Breaker(
                "settles by what a callback says",
                """
                update bursar.observation set kind = 'claim'
                where id = (select min(m.observation_id) from bursar.payment_match m where m.role = 'settles' and m.released_at is null
                    and m.kind = 'hand');
                """
            )
        ),
        Invariant(
            "P8",
            "No run has moved a payment without the fence of its claim",
            Statement(
                "payments.invariant_p8",
                """
                with judged as (
                    select e.id, format('event %s of %s %s by run %s has no fence', e.id, e.machine, e.object_id, e.run_id) as finding
                    from bursar.payment_event as e where e.run_id is not null and e.fence is null
                    union all
                    select e.id, format('event %s of %s %s has no run and no person, but %s', e.id, e.machine, e.object_id, e.actor)
                    from bursar.payment_event as e where e.run_id is null and e.actor like 'job:%'
                    union all
                    select m.id, format('payment %s by run %s has no fence', m.id, m.run_id)
                    from bursar.payment_match as m where m.run_id is not null and m.fence is null
                )
                select count(*) over () as violations, finding as example from judged order by id limit 20
                """
            ),
            breaker: Breaker(
                "forgets the fence under which a payment was moved",
                """
                alter table bursar.payment_event drop constraint payment_event_check;
                update bursar.payment_event set fence = null where id = (select min(id) from bursar.payment_event where run_id is not null);
                """
            )
        ),
    ]
}
