package import Billing
internal import Postgres

extension Invariant {
    /// What is always true of suspensions and of what was said before them.
    package static let standing = [
        Invariant(
            "I9",
            "Every suspension has its gates on record, and every one of them had passed",
            Statement(
                "standing.invariant_i9",
                """
                with judged as (
                    select t.subscription_id, t.seq,
                           case
                               when jsonb_typeof(t.content -> 'gates') is distinct from 'array' then 'has no gates on record'
                               else (
                                   select case
                                       when told.gate is null then format('has no gate %s on record', wanted.gate)
                                       else format('was made though %s was red: %s', wanted.gate, told.gate ->> 'why')
                                   end
                                   from unnest(array['switch', 'drill', 'reconciliation', 'grace', 'bank_data', 'payments', 'final_notice',
                                       'holds', 'billed', 'window', 'blast_limit']) with ordinality as wanted (gate, place)
                                   left join jsonb_array_elements(t.content -> 'gates') as told (gate) on told.gate ->> 'gate' = wanted.gate
                                   where (told.gate ->> 'passed')::boolean is distinct from true
                                   order by wanted.place
                                   limit 1
                               )
                           end as finding
                    from bursar.subscription_transition as t
                    where t.to_state = 'suspended'
                )
                select count(*) over () as violations, format('subscription %s: change %s %s', subscription_id, seq, finding) as example
                from judged
                where finding is not null
                order by subscription_id, seq
                limit 20
                """
            ),
            breaker: Breaker(
                "takes one gate off the record of a suspension",
                """
                update bursar.subscription_transition set content = content #- '{gates,6}'
                where (subscription_id, seq) = (
                    select subscription_id, seq from bursar.subscription_transition where to_state = 'suspended' order by 1, 2 limit 1
                );
                """
            )
        ),
        Invariant(
            "I10",
            "Nobody was reminded of an invoice later than a minute after it was settled",
            Statement(
                "standing.invariant_i10",
                """
                with late as (
                    select n.id, n.invoice_id, n.channel, m.accepted_at, r.settled_at
                    from bursar.notice as n
                    join bursar.message as m on m.tenant_id = n.tenant_id and m.id = n.message_id
                    join bursar.receivable as r on r.tenant_id = n.tenant_id and r.invoice_id = n.invoice_id
                    where n.kind = 'dunning' and n.state in ('accepted', 'delivered', 'hard_failed')
                        and m.accepted_at > r.settled_at + interval '60 seconds'
                )
                select count(*) over () as violations,
                       format('notice %s of invoice %s was accepted at %s by %s, and it was settled at %s', id, invoice_id, accepted_at,
                              channel, settled_at) as example
                from late
                order by id
                limit 20
                """
            ),
            breaker: Breaker(
                "lets a reminder go out two minutes after its invoice was settled",
                """
                update bursar.message as m set accepted_at = late.settled_at + interval '2 minutes'
                from (
                    select n.tenant_id, n.message_id, r.settled_at
                    from bursar.notice as n
                    join bursar.receivable as r on r.tenant_id = n.tenant_id and r.invoice_id = n.invoice_id
                    where n.kind = 'dunning' and n.message_id is not null and r.settled_at is not null
                    order by n.id limit 1
                ) as late
                where m.tenant_id = late.tenant_id and m.id = late.message_id;
                """
            )
        ),
    ]
}
