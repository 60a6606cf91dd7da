package import Postgres

extension RunStore {
    /// The states are literal, so that the partial indexes on them are used.
    package enum Statements {
        static let promote = Statement(
            "engine.promote",
            """
            update bursar.run set state = 'ready'
            where state in ('scheduled', 'snoozed') and run_at <= clock_timestamp()
            """
        )

        /// Takes ready runs and writes their attempts in one statement.
        ///
        /// A node without a lease in force gets none; a run in sequence waits for the earlier fires of its schedule.
        static let claim = Statement(
            "engine.claim",
            """
            with free as (
                select r.id
                from bursar.run r
                where r.state = 'ready' and r.job = any ($2) and ($4::bigint is null or r.id = $4)
                    and exists (
                        select from bursar.node n
                        where n.id = $1 and n.lease_until > clock_timestamp() and not n.draining
                    )
                    and not (r.in_sequence and exists (
                        select from bursar.run earlier
                        where earlier.schedule = r.schedule and earlier.id <> r.id
                            and (earlier.state = 'running' or earlier.state = 'ready' and earlier.fire_at < r.fire_at)
                    ))
                order by r.priority desc, r.run_at, r.id
                limit $3
                for update skip locked
            ), claimed as (
                update bursar.run r
                set state = 'running', node_id = $1, fence = nextval('bursar.fence'), attempts = r.attempts + 1,
                    as_of = coalesce(r.given_as_of, bursar.business_now()), started_at = clock_timestamp()
                from free f
                where r.id = f.id
                returning r.*
            ), tried as (
                insert into bursar.attempt (run_id, number, fence, node_id, as_of, started_at)
                select id, attempts, fence, node_id, as_of, started_at from claimed
            )
            select id, job, schedule, attempts, fence, as_of, dry_run, parameters, checkpoint, failures, max_attempts,
                broken_promises, retry_jitter,
                (extract(epoch from retry_initial) * 1000)::bigint as retry_initial_ms,
                (extract(epoch from retry_max) * 1000)::bigint as retry_max_ms,
                (extract(epoch from deadline) * 1000)::bigint as deadline_ms
            from claimed
            order by id
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

        static let lostRuns = Statement(
            "engine.lost_runs",
            """
            select r.id, r.failures + 1 >= r.max_attempts as spent
            from bursar.node n
            join bursar.run r on r.node_id = n.id and r.state = 'running'
            where n.lease_until < clock_timestamp()
            for no key update of r skip locked
            """
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

        package static let all = [
            promote, claim, hold, closeAttempt, endRuns, retryLater, snooze, awaitApproval, handBack, lostRuns,
            closeLostAttempts,
            takeBack, cancelled,
        ]
    }
}
