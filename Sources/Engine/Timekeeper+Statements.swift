package import Postgres

extension Timekeeper {
    package enum Statements {
        /// One row at least, for the clock.
        ///
        /// Definitions come only where they are newer than what the reader knows.
        static let inForce = Statement(
            "engine.schedules_in_force",
            """
            select bursar.business_now() as now, s.name, s.version, s.high_water, s.paused_at is not null as paused,
                case when s.version > $1 then s.definition::text end as definition
            from bursar.installation i
            left join bursar.schedule s on s.enabled and s.removed_at is null
                and s.definition -> 'environments' ? i.environment
            order by s.name
            """
        )

        static let release = Statement("engine.release_runs", "select bursar.release_runs() as released")

        /// Takes the rows of schedules that nobody has been at since they were read, with the runs that `overlap` counts: not
        /// those that wait for another schedule.
        static let hold = Statement(
            "engine.hold_schedules",
            """
            select s.name, bursar.business_now() as now, (
                    select count(*) from bursar.run r
                    where r.schedule = s.name and (r.state in ('ready', 'running')
                        or r.state = 'scheduled' and (r.run_at < 'infinity' or r.waits_for is null))
                ) as live
            from unnest($1::text[], $2::timestamptz[], $3::bigint[]) as due (name, high_water, version)
            join bursar.schedule s on s.name = due.name and s.high_water = due.high_water and s.version = due.version
            where s.enabled and s.paused_at is null and s.removed_at is null
            order by s.name
            for no key update of s skip locked
            """
        )

        /// Ends the earlier runs of schedules whose newer fire replaces them.
        ///
        /// One that runs is asked to, and never waited for; caught-up runs are spared.
        static let cancelEarlier = Statement(
            "engine.cancel_earlier_runs",
            """
            with earlier as (
                select r.id, r.schedule, r.state
                from bursar.run r
                where r.schedule = any ($1) and r.state in ('scheduled', 'ready', 'running')
                    and not exists (
                        select from bursar.fire f where f.schedule = r.schedule and f.fire_at = r.fire_at and f.caught_up
                    )
            ), asked as (
                insert into bursar.run_cancel (run_id, requested_by, reason)
                select id, 'schedule:' || schedule, 'a newer fire of the schedule came' from earlier where state = 'running'
                on conflict do nothing
            ), waiting as (
                select r.id from bursar.run r join earlier e on e.id = r.id
                where r.state in ('scheduled', 'ready')
                for update of r skip locked
            )
            select bursar.end_runs(array_agg(id), 'cancelled', 'a newer fire of its schedule came') from waiting having count(*) > 0
            """
        )

        /// Lets runs go that still wait for another schedule when the next fire of their own has come: the new one waits instead.
        static let replaceWaiting = Statement(
            "engine.replace_waiting_runs",
            """
            with waiting as (
                select r.id from bursar.run r
                where r.schedule = any ($1) and r.state = 'scheduled' and r.run_at = 'infinity' and r.waits_for is not null
                    and not exists (
                        select from bursar.fire f where f.schedule = r.schedule and f.fire_at = r.fire_at and f.caught_up
                    )
                for update skip locked
            )
            select bursar.end_runs(array_agg(id), 'cancelled', 'it still waited for other schedules when the next fire of its own came')
            from waiting having count(*) > 0
            """
        )

        /// Writes the fires of all schedules and their runs in one statement.
        ///
        /// A fire that another node wrote makes no second run. A run that must wait gets its time by `bursar.release_runs`; the
        /// others have theirs when their jitter has passed, counted from the fire.
        static let fire = Statement(
            "engine.fire",
            """
            with planned as (
                select *
                from unnest($1::text[], $2::timestamptz[], $3::text[], $4::boolean[], $5::boolean[], $6::boolean[], $7::text[],
                    $8::text[], $9::interval[]) as p (schedule, fire_at, state, caught_up, in_sequence, waits, why, waits_for, jitter)
            ), rule as (
                select *
                from unnest($10::text[], $11::text[], $12::text[], $13::integer[], $14::interval[], $15::interval[],
                    $16::double precision[], $17::interval[], $18::interval[])
                    as r (schedule, job, parameters, attempts, retry_initial, retry_max, retry_jitter, deadline, start_within)
            ), made as (
                insert into bursar.fire (schedule, fire_at, state, caught_up, why, run_id)
                select schedule, fire_at, state, caught_up, why, case when state = 'ran' then nextval('bursar.run_id') end
                from planned
                on conflict do nothing
                returning schedule, fire_at, run_id
            ), runs as (
                insert into bursar.run (id, job, schedule, fire_at, parameters, state, run_at, not_before, start_by, waits_for, in_sequence,
                    requested_by, max_attempts, retry_initial, retry_max, retry_jitter, deadline)
                select m.run_id, r.job, m.schedule, m.fire_at, r.parameters::jsonb,
                    case when p.waits or p.waits_for is not null or clock.fire + p.jitter > clock.now then 'scheduled' else 'ready' end,
                    case when p.waits or p.waits_for is not null then 'infinity' else greatest(clock.fire + p.jitter, clock.now) end,
                    clock.fire + p.jitter,
                    case when p.caught_up then clock.now + r.start_within else clock.fire + greatest(r.start_within, p.jitter) end,
                    p.waits_for::jsonb, p.in_sequence, 'schedule:' || m.schedule, r.attempts, r.retry_initial, r.retry_max, r.retry_jitter,
                    r.deadline
                from made m
                join planned p on p.schedule = m.schedule and p.fire_at = m.fire_at
                join rule r on r.schedule = m.schedule
                cross join lateral (
                    select clock_timestamp() as now, m.fire_at - i.business_offset as fire from bursar.installation i
                ) as clock
                where m.run_id is not null
                returning id
            )
            select count(*) as made from runs
            """
        )

        static let gap = Statement(
            "engine.fire_gap",
            """
            insert into bursar.fire_gap (schedule, from_at, to_at, count)
            select * from unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::bigint[])
            on conflict do nothing
            """
        )

        static let raiseHighWater = Statement(
            "engine.raise_high_water",
            """
            update bursar.schedule s set high_water = greatest(s.high_water, p.high_water)
            from unnest($1::text[], $2::timestamptz[]) as p (name, high_water)
            where s.name = p.name
            """
        )

        package static let all = [
            inForce, release, hold, cancelEarlier, replaceWaiting, fire, gap, raiseHighWater,
        ]
    }
}
