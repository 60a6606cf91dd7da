package import Postgres

extension RunDesk {
    package enum Statements {
        static let list = Statement(
            "engine.list_runs",
            """
            with found as (
                select id, job, schedule, fire_at, state, attempts, dry_run, requested_by, reason, last_error as outcome, created_at,
                    null::timestamptz as finished_at, checkpoint
                from bursar.run
                where ($1::text is null or job = $1) and ($2::text is null or state = $2)
                union all
                (select id, job, schedule, fire_at, state, attempts, dry_run, requested_by, reason, outcome, created_at, finished_at,
                    checkpoint
                from bursar.run_history
                where ($1::text is null or job = $1) and ($2::text is null or state = $2)
                order by finished_at desc limit $3)
                order by finished_at desc nulls first, id desc
                limit $3
            )
            select coalesce(jsonb_agg(to_jsonb(found)), '[]')::text as answer from found
            """
        )

        static let show = Statement(
            "engine.show_run",
            """
            with known as (
                select to_jsonb(r) - 'last_error' || jsonb_build_object('outcome', r.last_error, 'finished_at', null) as facts
                from bursar.run r where r.id = $1
                union all
                select to_jsonb(h) from bursar.run_history h where h.id = $1
            )
            select (k.facts || jsonb_build_object(
                'tries', coalesce((
                    select jsonb_agg(to_jsonb(a) - 'run_id' || jsonb_build_object(
                        'effects', coalesce((
                            select jsonb_agg(to_jsonb(e) - '{run_id,attempt}'::text[] || jsonb_build_object('outcome',
                                coalesce(e.outcome, case when a.ended_at is null then 'under way' else 'unknown' end)) order by e.intended_at)
                            from bursar.outside_effect e where e.run_id = $1 and e.attempt = a.number
                        ), '[]'),
                        'lines', coalesce((
                            select jsonb_agg(to_jsonb(l) - '{run_id,attempt}'::text[] order by l.place)
                            from bursar.attempt_line l where l.run_id = $1 and l.attempt = a.number
                        ), '[]')
                    ) order by a.number)
                    from bursar.attempt a where a.run_id = $1
                ), '[]'),
                'cancel', (select to_jsonb(c) - 'run_id' from bursar.run_cancel c where c.run_id = $1),
                'proposal', (select to_jsonb(p) from bursar.proposal p where p.run_id = $1 order by p.id desc limit 1)
            ))::text as answer
            from known k
            """
        )

        static let cancel = Statement("engine.cancel_run", "select bursar.cancel($1, $2) as answer")
        static let retry = Statement("engine.retry_run", "select bursar.retry($1, $2) as run")
        static let approve = Statement("engine.approve_run", "select bursar.approve($1, $2) as proposal")

        static let alarms = Statement(
            "engine.list_alarms",
            """
            select coalesce(jsonb_agg(to_jsonb(a) order by a.since desc), '[]')::text as answer
            from bursar.alarm a
            where a.cleared_at is null or $1
            """
        )

        static let status = Statement(
            "engine.status",
            """
            select jsonb_build_object(
                'environment', (select environment from bursar.installation),
                'business_now', bursar.business_now(),
                'business_offset', (select business_offset::text from bursar.installation),
                'nodes', (
                    select coalesce(jsonb_agg(jsonb_build_object('id', n.id, 'host', n.host, 'pid', n.pid, 'version', n.version,
                        'started_at', n.started_at, 'lease_until', n.lease_until, 'draining', n.draining,
                        'schedule_set', n.schedule_set, 'schedule_problem', n.schedule_problem, 'slots', n.slots,
                        'schedule_files', case
                            when n.schedule_problem is not null then 'unreadable'
                            when n.schedule_set is null then 'none'
                            when n.schedule_set = (select hash from bursar.schedule_set order by id desc limit 1) then 'in force'
                            else 'other' end,
                        'running', (select count(*) from bursar.run r where r.state = 'running' and r.node_id = n.id)) order by n.started_at), '[]')
                    from bursar.node n where n.lease_until > clock_timestamp()
                ),
                'schedule_set', (select hash from bursar.schedule_set order by id desc limit 1),
                'schedules', (
                    select coalesce(jsonb_agg(jsonb_build_object('name', s.name, 'job', s.job, 'enabled', s.enabled, 'paused_at', s.paused_at,
                        'paused_by', s.paused_by, 'paused_for', s.paused_for, 'high_water', s.high_water,
                        'asked', (select count(*) from bursar.fire f where f.schedule = s.name and f.state = 'asked'),
                        'last_fire', (select jsonb_build_object('at', f.fire_at, 'state', f.state, 'run', f.run_id)
                            from bursar.fire f where f.schedule = s.name order by f.fire_at desc limit 1),
                        'last_success', (select max(h.finished_at) from bursar.run_history h
                            where h.schedule = s.name and h.state = 'succeeded'),
                        'last_success_seconds', (select extract(epoch from max(h.finished_at)) from bursar.run_history h
                            where h.schedule = s.name and h.state = 'succeeded')) order by s.name), '[]')
                    from bursar.schedule s where s.removed_at is null
                ),
                'providers', (
                    select coalesce(jsonb_agg(jsonb_build_object('name', p.name, 'open', p.open_since is not null,
                        'open_since', p.open_since, 'open_until', p.open_until, 'failures', p.failures, 'last_error', p.last_error,
                        'asked_to_wait_until', p.asked_to_wait_until, 'running', (
                            select count(*) from bursar.gate_pass g join bursar.run r on r.id = g.run_id and r.state = 'running'
                            where g.gate = 'provider:' || p.name
                        )) order by p.name), '[]')
                    from bursar.provider p
                ),
                'outages', (
                    select coalesce(jsonb_agg(jsonb_build_object('kind', o.kind, 'subject', o.subject, 'since', lower(o.during),
                        'evidence', o.evidence) order by o.id), '[]')
                    from bursar.outage o where upper_inf(o.during)
                ),
                'runs', (
                    select coalesce(jsonb_object_agg(state, count), '{}')
                    from (select state, count(*) from bursar.run group by state) as counted (state, count)
                ),
                'oldest_ready_seconds', (
                    select extract(epoch from clock_timestamp() - min(run_at)) from bursar.run where state = 'ready'
                ),
                'quarantine', (
                    select jsonb_build_object('id', q.id, 'since', q.since, 'why', q.why) from bursar.quarantine q where q.lifted_at is null
                ),
                'last_outages', (
                    select coalesce(jsonb_agg(jsonb_build_object('kind', o.kind, 'subject', o.subject, 'from', lower(o.during),
                        'until', upper(o.during)) order by lower(o.during) desc), '[]')
                    from (select * from bursar.outage order by lower(during) desc limit 5) as o
                ),
                'alarms', (select coalesce(jsonb_agg(to_jsonb(a) order by a.since), '[]') from bursar.alarm a where a.cleared_at is null)
            )::text as answer
            """
        )

        /// The newest runs of a job that ended so and that nobody has tried again, in the order in which they ended.
        static let chosen = Statement(
            "engine.runs_to_retry",
            """
            select id from (
                select h.id, h.finished_at from bursar.run_history h
                where h.job = $1 and h.state = $2 and h.state <> 'succeeded' and h.retried_as is null
                order by h.finished_at desc, h.id desc limit $3
            ) as newest
            order by finished_at, id
            """
        )

        static let planRetry = Statement(
            "engine.plan_retry",
            """
            with chosen as (
                select h.id, h.finished_at, h.outcome from bursar.run_history h
                where h.job = $1 and h.state = $2 and h.state <> 'succeeded' and h.retried_as is null
                order by h.finished_at desc, h.id desc limit $3
            ), reason as (
                select coalesce(outcome, '') as outcome, count(*) as count from chosen group by 1 order by 2 desc, 1 limit 20
            )
            select jsonb_build_object('runs', count(*), 'from', min(finished_at), 'to', max(finished_at),
                'outcomes', (select coalesce(jsonb_agg(to_jsonb(r)), '[]') from reason r))::text as answer
            from chosen
            """
        )

        package static let all = [list, show, cancel, retry, approve, alarms, status, chosen, planRetry]
    }
}
