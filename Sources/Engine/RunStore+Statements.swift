package import Postgres

extension RunStore {
    /// The states are literal, so that the partial indexes on them are used.
    package enum Statements {
        static let promote = Statement(
            "engine.promote",
            """
            update bursar.run set state = 'ready'
            -- Asked once: compared with a clock that ticks from row to row, no index could be used.
            where state in ('scheduled', 'snoozed') and run_at <= (select clock_timestamp())
            """
        )

        /// Lets runs pass the gates that have room: after which gate to begin, how many to look at.
        static let admit = Statement("engine.admit", "select bursar.admit($1, $2) as gate")

        /// Takes ready runs in the order of their turns, and writes their attempts in one statement: node, jobs, limit, the turn to
        /// begin at, the only run wanted.
        ///
        /// The rows are locked where they lie and written where they were locked: nothing of them is carried through a sort, and none
        /// is looked up twice. A row that somebody changed at this very moment is locked and left for the next look.
        ///
        /// A node without a lease in force gets none. The latest turn that was taken, less its head start, is where new flows begin.
        /// The waits of the retry policy are answered only where they are not the usual ones: see ``ClaimedRun``.
        static let claim = Statement(
            "engine.claim",
            """
            with claimed as (
                update bursar.run r
                set state = 'running', node_id = $1, fence = nextval('bursar.fence'), attempts = r.attempts + 1,
                    as_of = coalesce(r.given_as_of, moment.business_now), started_at = moment.now
                from (
                    select clock_timestamp() as now, bursar.business_now() as business_now
                ) as moment
                where r.ctid = any (array(
                    select f.ctid
                    from bursar.run f
                    where f.state = 'ready' and f.admitted and f.turn >= $4 and f.job = any ($2) and ($5::bigint is null or f.id = $5)
                        and exists (
                            select from bursar.node n
                            where n.id = $1 and n.lease_until > clock_timestamp() and not n.draining
                        )
                    order by f.turn, f.id
                    limit $3
                    for update skip locked
                ))
                returning r.id, r.job, r.schedule, r.attempts, r.fence, r.node_id, r.as_of, r.started_at, r.dry_run, r.parameters,
                    r.checkpoint, r.failures, r.max_attempts, r.broken_promises, r.retry_jitter, r.retry_initial, r.retry_max,
                    r.deadline, r.turn, r.priority
            ), tried as (
                insert into bursar.attempt (run_id, number, fence, node_id, as_of, started_at)
                select id, attempts, fence, node_id, as_of, started_at from claimed
            )
            select id, job, schedule, attempts, fence, as_of, dry_run, parameters, checkpoint, failures, max_attempts,
                broken_promises, nullif(retry_jitter, 0.2) as retry_jitter, nullif(retry_initial, interval '30 seconds') as retry_initial,
                nullif(retry_max, interval '1 hour') as retry_max, deadline, turn,
                (
                    select setval('bursar.turn', greatest(max(c.turn + 1000 * c.priority), (select last_value from bursar.turn)))
                    from claimed c
                ) as latest_turn
            from claimed
            order by turn, id
            """
        )

        /// Says whether the node wants to be told of new work.
        static let idle = Statement(
            "engine.idle",
            "update bursar.node set idle = $2 where id = $1 and idle <> $2"
        )

        /// Ends attempts that succeeded: runs, numbers of their attempts, fences, outcomes.
        ///
        /// Each fence is compared; a stale one is left out of the answer, and nothing of it is written.
        ///
        /// Only for runs whose effects are committed already, or that had none.
        static let finish = Statement(
            "engine.finish",
            """
            with ended as (
                select * from unnest($1::bigint[], $2::integer[], $3::bigint[], $4::text[]) as e (run_id, number, fence, outcome)
            ), gone as (
                delete from bursar.run r
                using ended e
                -- Running, said so that each is looked up by its number: the index of running runs would be read for each.
                where r.id = e.run_id and r.fence = e.fence and r.node_id is not null
                returning r.id, r.job, r.schedule, r.fire_at, r.tenant_id, r.parameters, r.dry_run, r.as_of, r.requested_by, r.reason,
                    r.dedupe_key, r.attempts, r.fence, r.checkpoint, r.created_at, r.started_at, r.gates, e.outcome
            ), closed as (
                update bursar.attempt a set ended_at = clock_timestamp(), outcome = 'succeeded'
                from gone g
                where a.run_id = g.id and a.number = g.attempts and a.ended_at is null
            ), freed as (
                update bursar.dedupe d set expires_at = clock_timestamp() + d.keep_for
                from gone g
                where g.dedupe_key is not null and d.job = g.job and d.tenant_id = coalesce(g.tenant_id, 0) and d.key = g.dedupe_key
            ), decided as (
                update bursar.proposal p
                set state = case p.state when 'open' then 'superseded' else 'applied' end, report = g.checkpoint
                from gone g
                where p.run_id = g.id and p.state in ('open', 'approved')
                    and (select exists (select from bursar.proposal where state in ('open', 'approved')))
            ), passed as (
                delete from bursar.gate_pass p using gone g where g.gates is not null and p.run_id = g.id
            ), answered as (
                delete from bursar.run_cancel c using gone g where c.run_id = g.id and (select exists (select from bursar.run_cancel))
            )
            -- The questions whether there is anything at all are asked once a statement, and save a look a run.
            insert into bursar.run_history (id, job, schedule, fire_at, tenant_id, parameters, state, dry_run, as_of, requested_by,
                reason, dedupe_key, attempts, fence, checkpoint, outcome, created_at, started_at, finished_at)
            select g.id, g.job, g.schedule, g.fire_at, g.tenant_id, g.parameters, 'succeeded', g.dry_run, g.as_of, g.requested_by,
                g.reason, g.dedupe_key, g.attempts, g.fence, g.checkpoint, g.outcome, g.created_at, g.started_at, clock_timestamp()
            from gone g
            returning id
            """
        )

        static let hold = Statement(
            "engine.hold",
            """
            select id from bursar.run where id = $1 and fence = $2 and state = 'running' for no key update
            """
        )

        static let closeAttempt = Statement(
            "engine.close_attempt",
            """
            update bursar.attempt set ended_at = clock_timestamp(), outcome = $3, error = $4
            where run_id = $1 and number = $2 and ended_at is null
            """
        )

        static let endRuns = Statement("engine.end_runs", "select bursar.end_runs($1, $2, $3)")

        static let retryLater = Statement(
            "engine.retry_later",
            """
            update bursar.run
            set state = 'scheduled', node_id = null, failures = failures + 1, run_at = clock_timestamp() + $2::interval, last_error = $3,
                broken_promises = broken_promises + $4::boolean::integer,
                checkpoint = case when $4 then checkpoint - 'step' - 'cursor' else checkpoint end
            where id = $1
            """
        )

        static let snooze = Statement(
            "engine.snooze",
            """
            update bursar.run
            set state = 'snoozed', node_id = null, run_at = clock_timestamp() + $2::interval, last_error = $3
            where id = $1
            """
        )

        static let awaitApproval = Statement(
            "engine.await_approval",
            """
            update bursar.run set state = 'needs_approval', node_id = null, last_error = $2 where id = $1
            """
        )

        static let handBack = Statement(
            "engine.hand_back",
            """
            update bursar.run set state = 'ready', node_id = null, run_at = clock_timestamp() where id = $1
            """
        )

        /// One rescuer at a time, or they would take each other for what is in the way.
        static let lostRuns = Statement(
            "engine.lost_runs",
            """
            select r.id, r.failures + 1 >= r.max_attempts as spent
            from bursar.node n
            join bursar.run r on r.node_id = n.id and r.state = 'running'
            where n.lease_until < clock_timestamp()
                -- 'burs' and 'resc' in ASCII.
                and (select pg_try_advisory_xact_lock(x'62757273'::integer, x'72657363'::integer))
            for no key update of r skip locked
            """
        )

        /// The sessions that hold a lost run's row, so that it could not be taken back; asked by the one rescuer.
        static let holders = Statement(
            "engine.holders_of_lost_runs",
            """
            select distinct l.pid
            from bursar.node n
            join bursar.run r on r.node_id = n.id and r.state = 'running'
            join pg_locks l on l.locktype = 'transactionid' and l.transactionid = r.xmax and l.granted
            where n.lease_until < clock_timestamp() and l.pid <> pg_backend_pid()
                and (select pg_try_advisory_xact_lock(x'62757273'::integer, x'72657363'::integer))
            """
        )

        static let endSessions = Statement(
            "engine.end_sessions",
            "select pg_terminate_backend(pid) from unnest($1::integer[]) as held (pid)"
        )

        static let closeLostAttempts = Statement(
            "engine.close_lost_attempts",
            """
            update bursar.attempt a
            set ended_at = clock_timestamp(), outcome = 'crashed', error = 'the lease of node ' || a.node_id || ' ended'
            from bursar.run r
            where r.id = any ($1) and a.run_id = r.id and a.number = r.attempts and a.ended_at is null
            """
        )

        static let takeBack = Statement(
            "engine.take_back",
            """
            update bursar.run
            set state = 'ready', node_id = null, failures = failures + 1, run_at = clock_timestamp(), last_error = 'the lease of its node ended'
            where id = any ($1)
            """
        )

        static let cancelled = Statement(
            "engine.cancelled",
            "select run_id from bursar.run_cancel where run_id = any ($1)"
        )

        /// Ends those of the given runs, or of all, that somebody asked to end and that no node works on any more.
        static let endCancelled = Statement(
            "engine.end_cancelled",
            """
            with waiting as (
                select r.id, c.requested_by, c.reason
                from bursar.run_cancel c
                join bursar.run r on r.id = c.run_id
                where r.state <> 'running' and ($1::bigint[] is null or c.run_id = any ($1))
                for update of r skip locked
            )
            select bursar.end_runs(array_agg(w.id), 'cancelled', 'cancelled by ' || w.requested_by || coalesce(': ' || w.reason, ''))
            from waiting w
            group by w.requested_by, w.reason
            """
        )

        package static let all = [
            promote, admit, claim, idle, finish, hold, closeAttempt, endRuns, retryLater, snooze, awaitApproval,
            handBack,
            lostRuns, holders, endSessions, closeLostAttempts, takeBack, cancelled, endCancelled,
        ]
    }
}
