import Glibc
import Postgres
import Synchronization

/// A daemon that purges as it ships, and how soon runs begin beside it.
struct RetentionLoad: Sendable {
    let cluster: BenchCluster
    let rows: Int
    let due: Int

    /// What was measured; times from enqueue to start in milliseconds, others in seconds.
    struct Facts: Sendable {
        var quiet: [Double] = []
        var busy: [Double] = []
        var longestWait = 0.0
        var longestBatch = 0.0
        var took = Duration.zero
        var memory = 0.0
        /// Dead rows once the server has cleaned up, two minutes after the end at the latest.
        var dead = 0

        /// Beside what is wanted of a purge of `due` of so many rows.
        func figures(_ due: Int, of rows: Int) -> [BenchFigure] {
            // Below that the server sees no reason to clean up.
            let mostDead = Double(rows) / 20
            let rate = Double(due) / (took / .seconds(1))
            return [
                BenchFigure("purge, as it ships, beside a queue", [rate], "rows/s", limits: [rate], .atLeast(0)),
                BenchFigure(
                    "latency beside a purge, p99",
                    [busy.percentile(99)],
                    "ms",
                    limits: [quiet.percentile(99)],
                    .atMost(2)
                ),
                BenchFigure(
                    "longest wait for a lock",
                    [longestWait],
                    "s",
                    limits: [RetentionBench.patience],
                    .atMost(1)
                ),
                BenchFigure("longest batch", [longestBatch], "s", limits: [RetentionBench.patience], .atMost(1)),
                BenchFigure("dead rows left", [Double(dead)], "rows", limits: [mostDead], .atMost(1)),
                BenchFigure("memory of the node", [memory], "MiB", limits: [RetentionBench.memory], .atMost(1)),
            ]
        }
    }

    func measure(_ say: (String) -> Void) async throws -> Facts {
        // Cleaning up is what is looked at: here the server does it at times of its own.
        for sql in ["alter system set autovacuum = on", "alter system set autovacuum_naptime = '5s'"] {
            try await cluster.script(sql)
        }
        try await cluster.script("select pg_reload_conf()")
        let folder = "\(cluster.settings.database.developmentDirectory)/schedules/policies"
        mkdir(folder, 0o755)
        try NewFile.write(RetentionRows.file, to: "\(folder)/retention.yaml", force: true)
        let daemon = try ServeProcess(cluster.settings, slots: 4, number: 1)
        do {
            let facts = try await measure(daemon, say)
            try await daemon.stop()
            return facts
        } catch {
            try? await daemon.stop()
            throw error
        }
    }

    private func measure(_ daemon: ServeProcess, _ say: (String) -> Void) async throws -> Facts {
        let latency = QueueLatency(cluster: cluster, probes: 1000)
        try await latency.untilServing()
        var facts = Facts()
        facts.quiet = try await latency.probe(pause: .milliseconds(10))
        let asked = try await cluster.asSuperuser { try await $0.query(RetentionBenchStatements.purge) }
        guard let run: Int64 = try asked.first?.get("run_id") else { throw BenchFailure("no run was made") }
        let end = Ending()
        facts.longestWait = try await withThrowingTaskGroup(of: Double?.self) { group in
            group.addTask {
                // Counting comes before and after, and is part of it.
                defer { end.reach() }
                try await untilEnded(run)
                return nil
            }
            group.addTask { try await longestWait(until: end) }
            facts.busy = try await latency.probe(pause: .milliseconds(10)) { _ in end.isReached }
            var longest = 0.0
            while let wait = try await group.next() { longest = max(longest, wait ?? 0) }
            return longest
        }
        facts.quiet += try await latency.probe(pause: .milliseconds(10))
        facts.memory = try daemon.largestResidentSize
        let receipts = try await PurgeFacts.of(cluster, expecting: due)
        (facts.took, facts.longestBatch) = (receipts.took, receipts.longestBatch)
        say("waiting until the server has cleaned up …")
        for _ in 0..<240 {
            let now = try await dead()
            facts.dead = now.rows
            if now.cleaned > 0, now.rows <= rows / 20 { break }
            // Waiting: the server cleans up at times of its own.
            try await Task.sleep(for: .milliseconds(500))
        }
        return facts
    }

    private func dead() async throws -> (rows: Int, cleaned: Int) {
        let rows = try await cluster.asSuperuser { try await $0.query(RetentionBenchStatements.dead) }
        return (try rows.first?.get("dead") ?? 0, try rows.first?.get("cleaned") ?? 0)
    }

    private func untilEnded(_ run: Int64) async throws {
        let deadline = ContinuousClock.now + .seconds(3600)
        while ContinuousClock.now < deadline {
            let rows = try await cluster.asSuperuser { try await $0.query(RetentionBenchStatements.ended, run) }
            if let state = try rows.first?.get("state", as: String.self) {
                guard state == "succeeded" else { throw BenchFailure("the purge ended \(state)") }
                return
            }
            // Waiting: another process purges, and its run is asked for again and again.
            try await Task.sleep(for: .milliseconds(200))
        }
        throw BenchFailure("the purge did not end within an hour")
    }

    private func longestWait(until end: Ending) async throws -> Double {
        try await cluster.asSuperuser { connection in
            var longest = 0.0
            while !end.isReached {
                let rows = try await connection.query(RetentionBenchStatements.waits)
                longest = max(longest, try rows.first?.get("longest") ?? 0)
                // Waiting: the database is looked at again and again.
                try await Task.sleep(for: .milliseconds(50))
            }
            return longest
        }
    }
}

/// Whether the purge is over, for whoever measures beside it.
private final class Ending: Sendable {
    private let state = Mutex(false)

    var isReached: Bool { state.withLock { $0 } }

    func reach() { state.withLock { $0 = true } }
}
