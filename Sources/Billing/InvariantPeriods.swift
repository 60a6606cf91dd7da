internal import Postgres

extension Invariant {
    static let periods = [
        Invariant(
            "I1",
            "No day of a subscription is billed twice",
            Statement(
                "billing.invariant_i1",
                """
                select count(*) over () as violations,
                       format('subscription %s: period %s %s overlaps period %s %s', subscription_id,
                              earlier_id, earlier_days, id, during) as example
                from (
                    select subscription_id, id, during,
                           lag(id) over of_subscription as earlier_id,
                           lag(during) over of_subscription as earlier_days,
                           -- An overlap may reach over several later periods, so the furthest end counts, not the last.
                           max(upper(during)) over (of_subscription rows between unbounded preceding and 1 preceding) as billed_to
                    from bursar.period
                    where released_at is null and not isempty(during)
                    window of_subscription as (partition by tenant_id, subscription_id order by lower(during), upper(during), id)
                ) as live
                where lower(during) < billed_to
                order by subscription_id, id
                limit 20
                """
            ),
            breaker: Breaker(
                "stretches a billed period by a day into the one after it",
                """
                do $$
                declare refusal record;
                begin
                    for refusal in select conname from pg_constraint where conrelid = 'bursar.period'::regclass and contype = 'x' loop
                        execute format('alter table bursar.period drop constraint %I', refusal.conname);
                    end loop;
                end $$;
                update bursar.period set during = daterange(lower(during), upper(during) + 1)
                where id = (
                    select earlier.id
                    from bursar.period as earlier
                    join bursar.period as later on later.subscription_id = earlier.subscription_id
                        and lower(later.during) = upper(earlier.during)
                    order by earlier.id limit 1
                );
                """
            )
        ),
        Invariant(
            "I2",
            "No day before charged-through is left unbilled without an explanation",
            Statement(
                "billing.invariant_i2",
                """
                with covered as (
                    select tenant_id, subscription_id, range_agg(during) as days
                    from (
                        -- A released period explains its days: a credit note took the charge back.
                        select tenant_id, subscription_id, during from bursar.period
                        union all
                        select tenant_id, subscription_id, during from bursar.billing_gap
                    ) as explained
                    group by tenant_id, subscription_id
                ), expected as (
                    select s.tenant_id, s.id, daterange(min(v.valid_from), s.charged_through) as days
                    from bursar.subscription as s
                    join bursar.subscription_schedule as v on v.tenant_id = s.tenant_id and v.subscription_id = s.id
                    group by s.tenant_id, s.id, s.charged_through
                    having min(v.valid_from) < s.charged_through
                )
                select count(*) over () as violations,
                       format('subscription %s: nothing explains %s', e.id,
                              datemultirange(e.days) - coalesce(c.days, '{}')) as example
                from expected as e
                left join covered as c on c.tenant_id = e.tenant_id and c.subscription_id = e.id
                where c.days is null or not c.days @> e.days
                order by e.id
                limit 20
                """
            ),
            breaker: Breaker(
                "cuts the last day off a billed period",
                """
                update bursar.period set during = daterange(lower(during), upper(during) - 1)
                where id = (
                    select p.id from bursar.period as p
                    where upper(p.during) - lower(p.during) > 1 and p.released_at is null
                    order by p.id limit 1
                );
                """
            )
        ),
    ]
}
