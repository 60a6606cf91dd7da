-- Takes back that unreadable waits are stepped over.

set local role bursar_owner;

create or replace function bursar.release_runs() returns bigint
language sql as
$$
    with free as (
        select r.id
        from bursar.run r
        join bursar.schedule s on s.name = r.schedule and s.paused_at is null
        where r.state = 'scheduled' and r.run_at = 'infinity'
            and not (r.in_sequence and exists (
                select from bursar.run e
                where e.schedule = r.schedule and e.id <> r.id
                    and (e.state in ('scheduled', 'ready', 'running') and e.fire_at < r.fire_at
                        or e.state = 'running' and (e.in_sequence or s.definition ->> 'overlap' <> 'allow'))
            ))
            and not exists (
                select from jsonb_to_recordset(r.waits_for) as w (schedule text, since timestamptz, until timestamptz, day_end timestamptz)
                where not bursar.predecessor_done(w.schedule, w.since, w.until, w.day_end)
            )
        for no key update of r skip locked
    ), released as (
        update bursar.run r
        set state = case when r.not_before > clock_timestamp() then 'scheduled' else 'ready' end,
            run_at = greatest(r.not_before, clock_timestamp())
        from free f
        where r.id = f.id
        returning r.id
    )
    select count(*) from released
$$;
drop function bursar.waits_are_over(jsonb);

reset role;
