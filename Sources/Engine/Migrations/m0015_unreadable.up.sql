-- Rows that cannot be read: a run that waits for something that makes no sense waits on, and stops nobody else's release.

set local role bursar_owner;

-- Whether all that a run waits for is done; null where that cannot be read.
create function bursar.waits_are_over(waits jsonb) returns boolean
language plpgsql stable set search_path = pg_catalog, bursar as
$$
begin
    return not exists (
        select from jsonb_to_recordset(waits) as w (schedule text, since timestamptz, until timestamptz, day_end timestamptz)
        where not bursar.predecessor_done(w.schedule, w.since, w.until, w.day_end)
    );
exception
    when data_exception then return null;
end
$$;
grant execute on function bursar.waits_are_over(jsonb) to bursar_engine;

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
            and (r.waits_for is null or bursar.waits_are_over(r.waits_for))
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

reset role;
