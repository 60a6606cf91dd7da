package import Postgres

extension SchedulerScan {
    package enum Statements {
        /// Every schedule in force with its recent fires and gaps.
        static let accounts = Statement(
            "engine.scan_schedules",
            """
            select s.name, s.definition::text as definition, clock.now, s.high_water, span.since,
                array(
                    select f.fire_at from bursar.fire f
                    where f.schedule = s.name and f.fire_at > span.since order by f.fire_at desc limit 20000
                ) as fires,
                array(select g.from_at from bursar.fire_gap g where g.schedule = s.name and g.to_at > span.since order by g.from_at) as gap_starts,
                array(select g.to_at from bursar.fire_gap g where g.schedule = s.name and g.to_at > span.since order by g.from_at) as gap_ends
            from bursar.schedule s
            cross join bursar.installation i
            cross join (select bursar.business_now() as now) as clock
            cross join lateral (select greatest(s.counted_from, clock.now - $1::interval) as since) as span
            where s.enabled and s.paused_at is null and s.removed_at is null and s.definition -> 'environments' ? i.environment
            order by s.name
            """
        )

        /// A fire says that it made a run, and there is none.
        static let firesWithoutRun = Statement(
            "engine.scan_fires_without_run",
            """
            select 'fires_without_run:' || f.schedule as name,
                format('%s fires of %s made a run that is nowhere, the last was run %s', count(*), f.schedule, max(f.run_id)) as text,
                min(f.made_at) as since
            from bursar.schedule s
            join bursar.fire f on f.schedule = s.name and f.fire_at > bursar.business_now() - interval '2 days'
            where f.state = 'ran' and f.made_at < clock_timestamp() - $1::interval
                and not exists (select from bursar.run r where r.id = f.run_id)
                and not exists (select from bursar.run_history h where h.id = f.run_id)
            group by f.schedule
            """
        )

        /// Ready runs that a node with free slots knows and does not take, while nothing of their job goes on.
        static let stuckReady = Statement(
            "engine.scan_stuck_ready",
            """
            with free as (
                select distinct unnest(n.jobs) as job
                from bursar.node n
                where n.lease_until > clock_timestamp() and not n.draining
                    and n.slots > (select count(*) from bursar.run r where r.state = 'running' and r.node_id = n.id)
            )
            select 'stuck_ready:' || r.job as name,
                format('%s runs of %s are ready and not claimed, the oldest is run %s, though nodes are free', count(*), r.job, min(r.id)) as text,
                min(r.run_at) as since
            from bursar.run r
            join free f on f.job = r.job
            where r.state = 'ready' and r.admitted and r.run_at < clock_timestamp() - 5 * $1::interval
                and not exists (select from bursar.run busy where busy.state = 'running' and busy.job = r.job)
            group by r.job
            """
        )

        /// Runs under a node whose lease ended longer ago than taking them back may need.
        static let orphaned = Statement(
            "engine.scan_orphaned_runs",
            """
            select 'orphaned_run:' || r.id as name,
                format('run %s of %s is running under node %s, whose lease has ended', r.id, r.job, r.node_id) as text,
                coalesce(n.lease_until, r.started_at) as since
            from bursar.run r
            left join bursar.node n on n.id = r.node_id
            where r.state = 'running'
                and (n.id is null or n.lease_until + greatest(n.lease, $1::interval) < clock_timestamp())
            """
        )

        /// Leases that reach farther than a renewal gives, and nodes that were to be forgotten.
        static let oldLeases = Statement(
            "engine.scan_old_leases",
            """
            select 'lease:' || n.id as name,
                case
                    when n.lease_until > clock_timestamp()
                    then format('the lease of node %s on %s reaches until %s, farther than its %s', n.id, n.host, n.lease_until, n.lease)
                    else format('node %s on %s ended at %s and was not forgotten', n.id, n.host, n.lease_until)
                end as text,
                n.started_at as since
            from bursar.node n
            where n.lease_until > clock_timestamp() + n.lease + $1::interval
                or n.lease_until < clock_timestamp() - interval '3 days'
            """
        )

        /// Attempts without an end though a later one of their run began, or their run died.
        static let openAttempts = Statement(
            "engine.scan_open_attempts",
            """
            select 'open_attempt:' || a.run_id || '/' || a.number as name,
                format('attempt %s of run %s has no end, and nobody works on it', a.number, a.run_id) as text,
                a.started_at as since
            from (
                select id, attempts - 1 as last from bursar.run where state = 'running'
                union all
                select id, attempts from bursar.run_history where state = 'dead' and finished_at > clock_timestamp() - interval '2 days'
            ) as done (run_id, last)
            join bursar.attempt a on a.run_id = done.run_id and a.number <= done.last
            where a.ended_at is null and a.started_at < clock_timestamp() - $1::interval
            """
        )

        /// Attempts that still go on long after their deadline: nobody took the fence away.
        static let overrun = Statement(
            "engine.scan_overrun",
            """
            select 'overrun:' || r.id as name,
                format('run %s of %s is running past its deadline of %s, and its fence was not taken away', r.id, r.job, r.deadline) as text,
                r.started_at + r.deadline as since
            from bursar.run r
            where r.state = 'running' and r.started_at + r.deadline + interval '30 seconds' + $1::interval < clock_timestamp()
            """
        )

        package static let all = [
            accounts, firesWithoutRun, stuckReady, orphaned, oldLeases, openAttempts, overrun,
        ]
    }
}
