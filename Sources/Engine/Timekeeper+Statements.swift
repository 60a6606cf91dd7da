package import Postgres

extension Timekeeper {
    package enum Statements {
        static let inForce = Statement(
            "engine.schedules_in_force",
            """
            select s.name, s.definition::text as definition, s.high_water, bursar.business_now() as now
            from bursar.schedule s, bursar.installation i
            where s.enabled and s.paused_at is null and s.removed_at is null
                and s.definition -> 'environments' ? i.environment
            order by s.name
            """
        )

        static let holdSchedule = Statement(
            "engine.hold_schedule",
            """
            select name from bursar.schedule
            where name = $1 and high_water = $2 and enabled and paused_at is null and removed_at is null
            for no key update
            """
        )

        /// Writes the fires and their runs in one statement.
        ///
        /// A fire that another node wrote makes no second run; a live fire that overlaps under `forbid` is recorded as
        /// skipped. Runs after the first go in sequence.
        static let fire = Statement(
            "engine.fire",
            """
            with planned as (
                select * from unnest($2::timestamptz[], $3::text[], $4::interval[]) with ordinality as p (fire_at, verdict, jitter, place)
            ), live as (
                select count(*) as count from bursar.run where schedule = $1 and state in ('ready', 'running')
            ), judged as (
                select p.fire_at, p.jitter, p.place,
                    case when p.verdict = 'ran' and $5 = 'forbid' and live.count > 0 then 'skipped' else p.verdict end as state
                from planned p, live
            ), cancelled as (
                insert into bursar.run_cancel (run_id, requested_by, reason)
                select r.id, 'schedule:' || $1, 'a newer fire of the schedule'
                from bursar.run r
                where $5 = 'cancel_running' and r.schedule = $1 and r.state in ('ready', 'running') and exists (select from judged)
                on conflict do nothing
            ), made as (
                insert into bursar.fire (schedule, fire_at, state, run_id, why)
                select $1, fire_at, state, case when state = 'ran' then nextval('bursar.run_id') end,
                    case when state = 'skipped' then 'an earlier run was still ready or running' end
                from judged
                on conflict do nothing
                returning fire_at, run_id
            ), runs as (
                insert into bursar.run (id, job, schedule, fire_at, parameters, state, run_at, in_sequence, requested_by,
                    max_attempts, retry_initial, retry_max, retry_jitter, deadline)
                select m.run_id, $6, $1, m.fire_at, $7::jsonb, 'scheduled', clock_timestamp() + j.jitter,
                    $5 = 'queue' or (select count(*) from planned) > 1, 'schedule:' || $1, $8, $9::interval, $10::interval, $11, $12::interval
                from made m join judged j on j.fire_at = m.fire_at
                where m.run_id is not null
                returning id
            )
            select count(*) as made from runs
            """
        )

        static let gap = Statement(
            "engine.fire_gap",
            """
            insert into bursar.fire_gap (schedule, from_at, to_at, count) values ($1, $2, $3, $4)
            on conflict do nothing
            """
        )

        static let alarm = Statement(
            "engine.alarm_missed",
            """
            insert into bursar.alarm (key, severity, evidence)
            values ($1, 'warning', jsonb_build_object('schedule', $2::text, 'from', $3::timestamptz, 'to', $4::timestamptz, 'count', $5::bigint))
            on conflict do nothing
            """
        )

        static let raiseHighWater = Statement(
            "engine.raise_high_water",
            """
            update bursar.schedule set high_water = greatest(high_water, $2) where name = $1
            """
        )

        package static let all = [inForce, holdSchedule, fire, gap, alarm, raiseHighWater]
    }
}
