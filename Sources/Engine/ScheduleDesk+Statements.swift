package import Postgres

extension ScheduleDesk {
    package enum Statements {
        static let find = Statement(
            "engine.find_schedule",
            """
            select id, definition::text as definition, paused_by, removed_at is not null as removed from bursar.schedule where name = $1
            """
        )

        /// Runs that have not begun are held with the schedule.
        static let pause = Statement(
            "engine.pause_schedule",
            """
            with paused as (
                update bursar.schedule
                set paused_at = clock_timestamp(), paused_by = bursar.actor(), paused_for = $2,
                    version = nextval('bursar.schedule_version')
                where name = $1 and removed_at is null and paused_at is null
                returning id, name
            ), held as (
                update bursar.run r
                set state = 'scheduled', not_before = case when r.run_at < 'infinity' then r.run_at else r.not_before end, run_at = 'infinity'
                from paused p
                where r.schedule = p.name and r.attempts = 0 and r.state in ('scheduled', 'ready')
            )
            select id from paused
            """
        )

        /// Time begins anew, and what has not started is not late for the pause.
        static let resume = Statement(
            "engine.resume_schedule",
            """
            with resumed as (
                update bursar.schedule s
                set paused_at = null, paused_by = null, paused_for = null, version = nextval('bursar.schedule_version'),
                    high_water = greatest(s.high_water, bursar.business_now()),
                    counted_from = greatest(s.high_water, bursar.business_now())
                from bursar.schedule was
                where s.name = $1 and s.removed_at is null and s.paused_at is not null and was.name = s.name
                returning s.id, s.name, was.paused_at
            ), shifted as (
                update bursar.run r set start_by = r.start_by + (clock_timestamp() - p.paused_at)
                from resumed p
                where r.schedule = p.name and r.attempts = 0 and r.start_by is not null
            )
            select id from resumed
            """
        )

        static let asked = Statement(
            "engine.asked_fires",
            """
            select coalesce(jsonb_agg(jsonb_build_object('schedule', f.schedule, 'fire', f.fire_at, 'job', s.job, 'asked_at', f.made_at,
                'local', to_char(f.fire_at at time zone (s.definition ->> 'time_zone'), 'YYYY-MM-DD HH24:MI:SS'),
                'time_zone', s.definition ->> 'time_zone') order by f.fire_at, f.schedule), '[]')::text as answer
            from bursar.fire f
            join bursar.schedule s on s.name = f.schedule
            where f.state = 'asked'
            """
        )

        static let letGo = Statement(
            "engine.let_fires_go",
            """
            with answered as (
                update bursar.fire f
                set state = 'skipped', why = $3, answered_at = clock_timestamp(), answered_by = bursar.actor()
                where f.schedule = $1 and f.state = 'asked' and ($2::timestamptz[] is null or f.fire_at = any ($2))
                returning f.fire_at
            )
            select count(*) as count, jsonb_agg(jsonb_build_object('fire', fire_at, 'run', null) order by fire_at)::text as answer
            from answered having count(*) > 0
            """
        )

        /// The runs are caught-up ones: they go one after another, oldest fire first.
        static let makeRuns = Statement(
            "engine.answer_fires",
            """
            with answered as (
                update bursar.fire f
                set state = 'ran', run_id = nextval('bursar.run_id'), why = $3, answered_at = clock_timestamp(), answered_by = bursar.actor()
                where f.schedule = $1 and f.state = 'asked' and ($2::timestamptz[] is null or f.fire_at = any ($2))
                returning f.fire_at, f.run_id
            ), runs as (
                insert into bursar.run (id, job, schedule, fire_at, parameters, state, run_at, start_by, in_sequence, requested_by, reason,
                    max_attempts, retry_initial, retry_max, retry_jitter, deadline)
                select a.run_id, $4, $1, a.fire_at, $5::jsonb, 'scheduled', 'infinity', clock_timestamp() + $11::interval, true,
                    bursar.actor(), $3, $6, $7::interval, $8::interval, $9, $10::interval
                from answered a
            )
            select count(*) as count, jsonb_agg(jsonb_build_object('fire', fire_at, 'run', run_id) order by fire_at)::text as answer
            from answered having count(*) > 0
            """
        )

        static let clearAlarm = Statement(
            "engine.clear_alarm_by_hand",
            """
            update bursar.alarm set cleared_at = clock_timestamp(), cleared_by = bursar.actor(), cleared_for = $2
            where key = $1 and cleared_at is null
            returning id
            """
        )

        package static let all =
            [find, pause, resume, asked, letGo, makeRuns, clearAlarm] + ScheduleBook.ProposalStatements.all
    }
}
