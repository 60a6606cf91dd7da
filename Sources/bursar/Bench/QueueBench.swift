import Engine
import Postgres

/// How fast runs are asked for, claimed and ended, and how soon one begins: daemons as they ship, beside the bare statements.
struct QueueBench: Sendable {
    var count = 100_000
    var slots = 1000
    var nodes = 1
    var runs = 3

    private static let template = "queue"

    func measure(
        _ cluster: BenchCluster,
        _ machine: inout Machine,
        _ say: (String) -> Void
    ) async throws -> [BenchFigure] {
        try await cluster.makeEmpty(Self.template, extra: BareQueue.schema)
        var (own, bare) = ([Double](), [Double]())
        var costs = QueueCosts()
        for number in 1...max(1, runs) {
            try await cluster.copy(Self.template)
            say("run \(number) of \(runs): \(count) runs that do nothing, \(slots) slots on \(nodes) nodes …")
            try await machine.waitForQuiet()
            own.append(Double(count) / (try await drain(cluster, &costs) / .seconds(1)))
            say("run \(number) of \(runs): the bare statements …")
            try await machine.waitForQuiet()
            bare.append(Double(count) / (try await BareQueue(cluster: cluster).drain(count) / .seconds(1)))
        }
        return [BenchFigure("drain", own, "runs/s", limits: bare, .atLeast(0.5))] + costs.figures
    }

    /// Enqueues, lets daemons work everything, and tells how long it took from the first claim to the last end.
    private func drain(_ cluster: BenchCluster, _ costs: inout QueueCosts) async throws -> Duration {
        try await cluster.asSuperuser { connection in
            for _ in 0..<max(1, count / 10_000) {
                _ = try await connection.query(Statements.enqueueMany, min(count, 10_000))
            }
            try await connection.executeScript("vacuum analyze bursar.run", name: "bench.vacuum")
        }
        try await cluster.script("checkpoint")
        let before = try await cluster.asSuperuser { try await $0.query(Statements.position) }
        var daemons: [ServeProcess] = []
        for number in 1...nodes {
            daemons.append(
                try ServeProcess(
                    cluster.settings,
                    [
                        "node.slots=\(slots)", "operator.socket=\(cluster.settings.operatorSocket).\(number)",
                        "node.name=bench-\(number)",
                    ]
                )
            )
        }
        let facts: DrainFacts
        do {
            facts = try await untilDone(cluster, since: before)
            costs.add(
                facts,
                processors: try daemons.map { try $0.processorTime }.reduce(0, +),
                memory: try daemons.map { try $0.largestResidentSize }.max() ?? 0,
                count
            )
        } catch {
            for daemon in daemons { try? await daemon.stop() }
            throw error
        }
        for daemon in daemons { try await daemon.stop() }
        return facts.took
    }

    private func untilDone(_ cluster: BenchCluster, since before: Rows) async throws -> DrainFacts {
        let position: String = try before.first?.get("position") ?? "0/0"
        let deadline = ContinuousClock.now + .seconds(300)
        while ContinuousClock.now < deadline {
            let rows = try await cluster.asSuperuser { try await $0.query(Statements.done, position) }
            if let row = rows.first, try row.get("done", as: Int.self) >= count {
                let facts = try DrainFacts(row)
                guard facts.attempts == count else {
                    throw BenchFailure("\(facts.attempts) attempts were written for \(count) runs")
                }
                return facts
            }
            // Waiting: other processes work, and the database is asked how far they are.
            try await Task.sleep(for: .milliseconds(200))
        }
        throw BenchFailure("the runs did not end within five minutes")
    }

    enum Statements {
        static let enqueueMany = Statement(
            "bench.enqueue_many",
            """
            select count(*) from bursar.enqueue_many('trial', array_fill('{}'::jsonb, array[$1::integer]))
            """
        )

        static let position = Statement("bench.position", "select pg_current_wal_lsn()::text as position")

        static let done = Statement(
            "bench.drained",
            """
            select count(*) as done, max(finished_at) - min(started_at) as took,
                (select count(*) from bursar.attempt where outcome = 'succeeded') as attempts,
                pg_wal_lsn_diff(pg_current_wal_lsn(), $1::pg_lsn)::bigint as wal,
                (select sum(n_dead_tup)::bigint from pg_stat_user_tables where schemaname = 'bursar') as dead
            from bursar.run_history
            """
        )

        static let all = [enqueueMany, position, done]
    }
}

/// What the database says of a drain.
struct DrainFacts: Sendable {
    let took: Duration
    let attempts: Int
    let walBytes: Int
    let deadTuples: Int

    init(_ row: Row) throws {
        took = try row.get("took")
        attempts = try row.get("attempts")
        walBytes = try row.get("wal")
        deadTuples = try row.get("dead", as: Int?.self) ?? 0
    }
}

/// What a run costs, measured over whole drains.
struct QueueCosts: Sendable {
    private var processor: [Double] = []
    private var memory: [Double] = []
    private var wal: [Double] = []
    private var dead: [Double] = []

    mutating func add(_ facts: DrainFacts, processors: Double, memory: Double, _ count: Int) {
        processor.append(processors / Double(count) * 1_000_000)
        self.memory.append(memory)
        wal.append(Double(facts.walBytes) / Double(count))
        dead.append(Double(facts.deadTuples) / Double(count))
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
