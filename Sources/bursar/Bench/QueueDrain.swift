import Postgres

/// Runs that do nothing, and daemons that work them.
struct QueueDrain: Sendable {
    let cluster: BenchCluster
    let count: Int
    let slots: Int
    let nodes: Int
    /// Rows that history has before.
    var alreadyFinished = 0

    /// Asks for all runs, before any daemon is there.
    func fill() async throws {
        try await cluster.asSuperuser { connection in
            var left = count
            while left > 0 {
                _ = try await connection.query(Statements.enqueueMany, min(left, 10_000))
                left -= 10_000
            }
            try await connection.executeScript("vacuum analyze bursar.run", name: "bench.vacuum")
        }
        try await cluster.script("checkpoint")
    }

    /// Starts the daemons, waits until all is done, and tells what it took.
    func run() async throws -> DrainFacts {
        let before = try await cluster.asSuperuser { try await $0.query(Statements.position) }
        let position: String = try before.first?.get("position") ?? "0/0"
        var daemons: [ServeProcess] = []
        do {
            for number in 1...nodes { daemons.append(try ServeProcess(cluster.settings, slots: slots, number: number)) }
            var facts = try await untilDone(position)
            facts.processorSeconds = try daemons.reduce(0) { try $0 + $1.processorTime }
            facts.memory = try daemons.reduce(0) { max($0, try $1.largestResidentSize) }
            for daemon in daemons { try await daemon.stop() }
            return facts
        } catch {
            for daemon in daemons { try? await daemon.stop() }
            throw error
        }
    }

    private func untilDone(_ position: String) async throws -> DrainFacts {
        let deadline = ContinuousClock.now + .seconds(600)
        while ContinuousClock.now < deadline {
            let left = try await cluster.asSuperuser { try await $0.query(Statements.left) }
            if try left.first?.get("left", as: Int.self) == 0 {
                let rows = try await cluster.asSuperuser { try await $0.query(Statements.done, position) }
                guard let row = rows.first else { continue }
                let facts = try DrainFacts(row)
                guard facts.done == count, facts.attempts == count else {
                    throw BenchFailure("\(facts.done) runs and \(facts.attempts) attempts ended instead of \(count)")
                }
                return facts
            }
            // Waiting: other processes work, and the database is asked how far they are.
            try await Task.sleep(for: .milliseconds(250))
        }
        throw BenchFailure("the runs did not end within ten minutes")
    }

    enum Statements {
        static let enqueueMany = Statement(
            "bench.enqueue_many",
            "select count(*) from bursar.enqueue_many('trial', array_fill('{}'::jsonb, array[$1::integer]))"
        )

        static let deferMany = Statement(
            "bench.defer_many",
            """
            insert into bursar.run (job, state, run_at, requested_by, max_attempts, retry_initial, retry_max, retry_jitter)
            select 'trial', 'scheduled', clock_timestamp() + interval '1 day' + make_interval(secs => g), 'bench', 8, '30 s', '1 h', 0.2
            from generate_series(1, $1::integer) as g
            """
        )

        static let finishMany = Statement(
            "bench.finish_many",
            """
            insert into bursar.run_history (id, job, parameters, state, dry_run, requested_by, attempts, fence, checkpoint, outcome,
                created_at, started_at, finished_at)
            select -g, 'renewals', '{}', 'succeeded', false, 'bench', 1, g, '{}', 'done', moment.at, moment.at, moment.at
            from generate_series(1, $1::integer) as g
            cross join lateral (select clock_timestamp() - interval '1 hour' as at) as moment
            """
        )

        static let position = Statement("bench.position", "select pg_current_wal_lsn()::text as position")

        static let left = Statement(
            "bench.left",
            "select count(*) as left from bursar.run where state in ('ready', 'running')"
        )

        static let done = Statement(
            "bench.drained",
            """
            with ended as (
                select started_at, finished_at, ntile(10) over (order by finished_at, id) as tenth from bursar.run_history where job = 'trial'
            ), tenths as (
                select tenth, count(*) as count, extract(epoch from max(finished_at) - min(finished_at))::float8 as took
                from ended where tenth in (1, 10) group by tenth
            )
            select (select count(*) from ended) as done, (select max(finished_at) - min(started_at) from ended) as took,
                (select count(*) from bursar.attempt where outcome = 'succeeded') as attempts,
                pg_wal_lsn_diff(pg_current_wal_lsn(), $1::pg_lsn)::bigint as wal,
                (select coalesce(sum(n_dead_tup), 0)::bigint from pg_stat_user_tables where schemaname = 'bursar') as dead,
                (select count / greatest(took, 0.001) from tenths where tenth = 1) as first_tenth,
                (select count / greatest(took, 0.001) from tenths where tenth = 10) as last_tenth
            """
        )

        static let all = [enqueueMany, deferMany, finishMany, position, left, done]
    }
}

/// What the database says of a drain.
struct DrainFacts: Sendable {
    let done: Int
    let took: Duration
    let attempts: Int
    let walBytes: Int
    let deadTuples: Int
    /// Runs a second in the first and in the last tenth of the runs.
    let firstTenth: Double
    let lastTenth: Double
    /// Of all nodes together.
    var processorSeconds = 0.0
    /// Of the largest node, in MiB.
    var memory = 0.0

    init(_ row: Row) throws {
        done = try row.get("done")
        took = try row.get("took", as: Duration?.self) ?? .zero
        attempts = try row.get("attempts")
        walBytes = try row.get("wal")
        deadTuples = try row.get("dead")
        firstTenth = try row.get("first_tenth", as: Double?.self) ?? 0
        lastTenth = try row.get("last_tenth", as: Double?.self) ?? 0
    }

    var perSecond: Double { Double(done) / (took / .seconds(1)) }
}

/// What a run costs, measured over whole drains.
struct QueueCosts: Sendable {
    private var processor: [Double] = []
    private var memory: [Double] = []
    private var wal: [Double] = []
    private var dead: [Double] = []

    mutating func add(_ facts: DrainFacts) {
        processor.append(facts.processorSeconds / Double(facts.done) * 1_000_000)
        memory.append(facts.memory)
        wal.append(Double(facts.walBytes) / Double(facts.done))
        dead.append(Double(facts.deadTuples) / Double(facts.done))
    }

    var figures: [BenchFigure] {
        [
            BenchFigure("processor time of the nodes a run", processor, "µs", limits: [100], .atMost(1)),
            BenchFigure("memory of a node", memory, "MiB", limits: [150], .atMost(1)),
            BenchFigure("write-ahead log a run", wal, "bytes", limits: [4096], .atMost(1)),
            BenchFigure("dead rows a run", dead, "rows", limits: [4], .atMost(1)),
        ]
    }
}
