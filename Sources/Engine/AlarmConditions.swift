internal import Postgres

/// What is wrong with schedules and runs when these hold, as rows of alarms.
///
/// Each is one statement over rows that a partial index finds, so that looking costs next to nothing while all is well.
package enum AlarmConditions {
    /// The kinds of alarm that these conditions raise and clear.
    package static let kinds: Set<String> = [
        "late_start", "deadline", "drift", "dead", "asked", "missed", "quarantine", "circuit", "unreadable",
    ]

    /// The conditions, with how long a node may have other schedule files before that is an alarm.
    static func bound(driftPatience: Duration) -> [BoundStatement] {
        [lateStart, dead, asked, missed, quarantine, circuit, unreadable].map { $0.bind() }
            + [drift.bind(driftPatience), deadline.bind(Duration.zero, nil as Int64?)]
    }

    /// Runs that have not started so long after their fire.
    static let lateStart = Statement(
        "engine.alarm_late_start",
        """
        select 'late_start:' || r.schedule || '/' || r.id as key, 'warning' as severity, r.start_by as since,
            jsonb_build_object('schedule', r.schedule, 'run', r.id, 'fire', r.fire_at, 'start_by', r.start_by, 'state', r.state,
                'waits_for', case when r.run_at = 'infinity' then r.waits_for end)::text as evidence
        from bursar.run r
        join bursar.schedule s on s.name = r.schedule and s.paused_at is null
        where r.start_by < clock_timestamp() and r.attempts = 0
        """
    )

    /// Attempts under way past their deadline, and runs that still go on after an attempt was.
    ///
    /// With a run's number it is that run alone, and its node's clock may be ahead by the given slack.
    static let deadline = Statement(
        "engine.alarm_deadline",
        """
        select 'deadline:' || coalesce(r.schedule, r.job) || '/' || r.id as key, 'warning' as severity,
            r.started_at + r.deadline as since,
            jsonb_build_object('job', r.job, 'schedule', r.schedule, 'run', r.id, 'attempt', r.attempts, 'node', r.node_id,
                'started_at', r.started_at, 'deadline', r.deadline::text)::text as evidence
        from bursar.run r
        where r.state = 'running' and r.started_at + r.deadline < clock_timestamp() + $1::interval and ($2::bigint is null or r.id = $2)
        union all
        select a.key, a.severity, a.since, a.evidence::text
        from bursar.alarm a
        join bursar.run r on r.id = (a.evidence ->> 'run')::bigint
        where a.kind = 'deadline' and a.cleared_at is null
            and not (r.state = 'running' and r.started_at + r.deadline < clock_timestamp() + $1::interval)
            and $2::bigint is null
        """
    )

    /// Runs that died, by schedule or job.
    ///
    /// A schedule is well again when a later run of it succeeded; runs that somebody asked for have nothing after them, so
    /// their alarm stays until somebody clears it. The newest thousand deaths are looked at.
    static let dead = Statement(
        "engine.alarm_dead",
        """
        with death as (
            select coalesce('dead:' || h.schedule, 'dead:job/' || h.job) as key, h.id, h.job, h.schedule, h.outcome, h.finished_at
            from (
                select id, job, schedule, outcome, finished_at from bursar.run_history
                where state = 'dead' and finished_at > clock_timestamp() - interval '90 days'
                order by finished_at desc limit 1000
            ) as h
            where h.schedule is null or not exists (
                select from bursar.run_history later
                where later.job = h.job and later.finished_at > h.finished_at and later.schedule = h.schedule
                    and later.state = 'succeeded'
            )
        )
        select d.key, 'critical' as severity, min(d.finished_at) as since,
            jsonb_build_object('job', min(d.job), 'schedule', min(d.schedule), 'runs', count(*), 'last_run', max(d.id),
                'last_error', (array_agg(d.outcome order by d.finished_at desc))[1])::text as evidence
        from death d
        where not exists (select from bursar.alarm a where a.key = d.key and a.cleared_at >= d.finished_at)
        group by d.key
        """
    )

    /// Fires that wait for an operator's answer.
    static let asked = Statement(
        "engine.alarm_asked",
        """
        select 'asked:' || f.schedule as key, 'warning' as severity, min(f.made_at) as since,
            jsonb_build_object('schedule', f.schedule, 'fires', count(*), 'oldest', min(f.fire_at), 'newest', max(f.fire_at))::text as evidence
        from bursar.fire f
        where f.state = 'asked'
        group by f.schedule
        """
    )

    /// Gaps of a schedule of which no run has succeeded since, and that nobody has taken note of.
    static let missed = Statement(
        "engine.alarm_missed",
        """
        select 'missed:' || g.schedule as key, 'warning' as severity, min(g.made_at) as since,
            jsonb_build_object('schedule', g.schedule, 'gaps', count(*), 'from', min(g.from_at), 'to', max(g.to_at),
                'count', sum(g.count))::text as evidence
        from bursar.fire_gap g
        join bursar.schedule s on s.name = g.schedule
        where g.made_at > clock_timestamp() - interval '90 days'
            and not exists (select from bursar.alarm a where a.key = 'missed:' || g.schedule and a.cleared_at >= g.made_at)
            and not exists (
                select from bursar.run_history h
                where h.job = s.job and h.finished_at > g.made_at and h.schedule = g.schedule and h.state = 'succeeded'
            )
        group by g.schedule
        """
    )

    /// The quarantine in force.
    static let quarantine = Statement(
        "engine.alarm_quarantine",
        """
        select 'quarantine:' || q.id as key, 'critical' as severity, q.since,
            jsonb_build_object('why', q.why, 'since', q.since, 'fence', q.fence, 'told_by', q.told_by)::text as evidence
        from bursar.quarantine q
        where q.lifted_at is null
        """
    )

    /// Nodes whose schedule files are others than those in force, or cannot be read, for longer than a rollout takes.
    static let drift = Statement(
        "engine.alarm_drift",
        """
        with in_force as (
            select hash, applied_at from bursar.schedule_set order by id desc limit 1
        ), astray as (
            select n.id, n.host, n.pid, n.schedule_set, n.schedule_problem, greatest(n.schedule_set_at, s.applied_at) as since
            from bursar.node n, in_force s
            where n.lease_until > clock_timestamp() and (n.schedule_set <> s.hash or n.schedule_problem is not null)
        )
        select 'drift:schedule_files' as key, 'warning' as severity, min(a.since) as since,
            jsonb_build_object('in_force', (select hash from in_force), 'nodes', jsonb_agg(jsonb_build_object('node', a.id,
                'host', a.host, 'pid', a.pid, 'files', a.schedule_set, 'problem', a.schedule_problem, 'since', a.since)
                order by a.host, a.id))::text as evidence
        from astray a
        where a.since < clock_timestamp() - $1::interval
        having count(*) > 0
        """
    )

    /// Providers whose circuit is open: no run that needs them is claimed, and none loses an attempt.
    static let circuit = Statement(
        "engine.alarm_circuit",
        """
        select 'circuit:' || p.name as key, 'critical' as severity, p.open_since as since,
            jsonb_build_object('provider', p.name, 'last_error', p.last_error)::text as evidence
        from bursar.provider p
        where p.open_since is not null
        """
    )

    /// Schedules that a node could not read, for as long as they are the same; who reads them raises it.
    static let unreadable = Statement(
        "engine.alarm_unreadable",
        """
        select a.key, a.severity, a.since, a.evidence::text
        from bursar.alarm a
        join bursar.schedule s on 'unreadable:' || s.name = a.key and to_jsonb(s.version) = a.evidence -> 'version'
        where a.kind = 'unreadable' and a.cleared_at is null and s.enabled and s.removed_at is null
        """
    )

    static let all = [lateStart, deadline, dead, asked, missed, drift, quarantine, circuit, unreadable]
}
