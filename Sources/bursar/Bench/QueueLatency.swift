import Glibc
import Postgres

/// How soon a run begins: from the moment its asker has the commit's answer to the job's first line.
struct QueueLatency: Sendable {
    let cluster: BenchCluster
    let probes: Int
    var slots = 4
    var nodes = 1

    /// With nothing else to do.
    func idle() async throws -> [BenchFigure] {
        let late = try await whileServing { try await probe(pause: .milliseconds(10)) }
        return [
            BenchFigure("latency, idle, p50", [late.percentile(50)], "ms", limits: [2], .atMost(1)),
            BenchFigure("latency, idle, p95", [late.percentile(95)], "ms", limits: [10], .atMost(1)),
            BenchFigure("latency, idle, p99", [late.percentile(99)], "ms", limits: [10], .atMost(1)),
        ]
    }

    /// Beside so many other runs a second.
    func underLoad(_ perSecond: Double) async throws -> [BenchFigure] {
        let late = try await whileServing {
            try await withThrowingTaskGroup(of: [Double]?.self) { group in
                group.addTask {
                    try await load(perSecond)
                    return nil
                }
                group.addTask { try await probe(pause: .milliseconds(5)) }
                defer { group.cancelAll() }
                while let late = try await group.next() {
                    if let late { return late }
                }
                return []
            }
        }
        return [50, 95, 99].map { share in
            BenchFigure("latency, half load, p\(share)", [late.percentile(share)], "ms", limits: [100], .atMost(1))
        }
    }

    private func whileServing<Answer: Sendable>(_ body: () async throws -> Answer) async throws -> Answer {
        var daemons: [ServeProcess] = []
        do {
            for number in 1...nodes { daemons.append(try ServeProcess(cluster.settings, slots: slots, number: number)) }
            try await untilServing()
            let answer = try await body()
            for daemon in daemons { try await daemon.stop() }
            return answer
        } catch {
            for daemon in daemons { try? await daemon.stop() }
            throw error
        }
    }

    func untilServing() async throws {
        let deadline = ContinuousClock.now + .seconds(30)
        while ContinuousClock.now < deadline {
            let rows = try await cluster.asSuperuser { try await $0.query(Statements.idleNodes) }
            if try rows.first?.get("count", as: Int.self) == nodes { return }
            // Waiting: daemons that start are asked for, again and again.
            try await Task.sleep(for: .milliseconds(50))
        }
        throw BenchFailure("the daemons did not get ready")
    }

    /// Milliseconds, one a probe; the first few warm up and are left out.
    func probe(pause: Duration) async throws -> [Double] { try await probe(pause: pause) { $0 >= probes } }

    /// The same until it is told that so many are enough.
    func probe(pause: Duration, until isEnough: (Int) -> Bool) async throws -> [Double] {
        let warmUp = 20
        var asked: [Int64: Int64] = [:]
        try await DatabaseSession.with(cluster.client()) { connection in
            var number = 0
            while !isEnough(number - warmUp) {
                defer { number += 1 }
                let rows = try await connection.query(QueueRequests.Statements.enqueue)
                let now = Self.nanoseconds
                if number >= warmUp, let run = try rows.first?.get("run_id", as: Int64.self) { asked[run] = now }
                // Waiting: the queue should be idle again.
                try await Task.sleep(for: pause)
            }
        }
        let began = try await began(Array(asked.keys))
        return asked.compactMap { run, asked in began[run].map { max(0, Double($0 - asked) / 1_000_000) } }
    }

    /// When each run's job said its first line.
    private func began(_ runs: [Int64]) async throws -> [Int64: Int64] {
        let deadline = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < deadline {
            let rows = try await cluster.asSuperuser { try await $0.query(Statements.began, runs) }
            if rows.count == runs.count {
                return try Dictionary(rows.map { (try $0.get("id"), try $0.get("began")) }) { first, _ in first }
            }
            // Waiting: the last runs are still on their way.
            try await Task.sleep(for: .milliseconds(100))
        }
        throw BenchFailure("not all of \(runs.count) runs ended within a minute")
    }

    private func load(_ perSecond: Double) async throws {
        try await DatabaseSession.with(cluster.client()) { connection in
            let tick = Duration.milliseconds(20)
            let batch = max(1, Int(perSecond / 50))
            var next = ContinuousClock.now
            while !Task.isCancelled {
                _ = try await connection.query(QueueRequests.Statements.enqueueMany, batch)
                next += tick
                // Waiting: so many a second, and no more.
                try await Task.sleep(until: next)
            }
        }
    }

    private static var nanoseconds: Int64 {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
    }

    enum Statements {
        static let idleNodes = Statement(
            "bench.idle_nodes",
            "select count(*) from bursar.node where idle and lease_until > clock_timestamp()"
        )

        static let began = Statement(
            "bench.began",
            """
            select id, substr(outcome, length('began ') + 1)::bigint as began from bursar.run_history where id = any ($1)
            """
        )

        static let all = [idleNodes, began]
    }
}

extension [Double] {
    /// The value that so many of a hundred do not exceed.
    func percentile(_ share: Int) -> Double {
        guard !isEmpty else { return 0 }
        let sorted = sorted()
        return sorted[Swift.min(sorted.count - 1, (sorted.count * share + 99) / 100 - 1)]
    }
}
