import Billing
import Postgres

/// How much memory `bursar serve` takes: idle, and at its peak while it issues the invoices of a whole portfolio.
struct MemoryBench: Sendable {
    var subscriptions = 100_000
    var tenants = 1000

    /// MiB, of an idle daemon and at the peak.
    static let limits = (idle: 48.0, peak: 150.0)

    /// A tenth of the portfolio first, then all of it: the peak must not depend on the size.
    func measure(
        _ cluster: BenchCluster,
        _ machine: inout Machine,
        _ say: (String) -> Void
    ) async throws -> [BenchFigure] {
        var (idle, figures) = ([Double](), [BenchFigure]())
        for count in [max(1, subscriptions / 10), subscriptions] {
            say("loading \(count) subscriptions …")
            try await cluster.makePortfolio(.due(count: count, tenants: tenants))
            try await cluster.copyPortfolio()
            say("serving, and renewing \(count) subscriptions …")
            let usage = try await serve(cluster, renewing: count)
            idle += usage.idle
            figures.append(
                BenchFigure(
                    "peak memory, \(count) due",
                    [usage.peak],
                    "MiB",
                    limits: [Self.limits.peak],
                    .atMost(1)
                )
            )
        }
        return [BenchFigure("idle memory", idle, "MiB", limits: [Self.limits.idle], .atMost(1))] + figures
    }

    /// - Returns: the PSS while idle, some samples, and the largest resident size of the daemon's whole life, in MiB.
    private func serve(_ cluster: BenchCluster, renewing count: Int) async throws -> (idle: [Double], peak: Double) {
        let daemon = try ServeProcess(cluster.settings)
        do {
            try await wait(atMost: .seconds(60), for: "the daemon's lease", cluster, MemoryStatements.nodes) { $0 > 0 }
            // Waiting: idle is what is measured.
            try await Task.sleep(for: .seconds(5))
            var idle: [Double] = []
            for _ in 0..<5 {
                idle.append(try daemon.proportionalSize)
                // Waiting: idle is what is measured.
                try await Task.sleep(for: .seconds(1))
            }
            _ = try await cluster.asSuperuser { try await $0.query(MemoryStatements.enqueue) }
            try await wait(atMost: .seconds(1800), for: "the run's end", cluster, MemoryStatements.invoices) {
                $0 == count
            }
            let peak = try daemon.largestResidentSize
            try await daemon.stop()
            return (idle, peak)
        } catch {
            try? await daemon.stop()
            throw error
        }
    }

    /// Asks ten times a second, on a connection of its own.
    private func wait(
        atMost patience: Duration,
        for what: String,
        _ cluster: BenchCluster,
        _ statement: Statement,
        until isEnough: (Int) -> Bool
    ) async throws {
        try await cluster.asSuperuser { connection in
            let end = ContinuousClock.now + patience
            while true {
                if let count = try await connection.query(statement).first?.get("count", as: Int.self), isEnough(count)
                {
                    return
                }
                guard ContinuousClock.now < end else { throw BenchFailure("waited in vain for \(what)") }
                // Waiting: another process is, and its rows tell.
                try await Task.sleep(for: .milliseconds(100))
            }
        }
    }
}

enum MemoryStatements {
    static let nodes = Statement("bench.nodes", "select count(*) as count from bursar.node")
    static let enqueue = Statement(
        "bench.enqueue",
        "select run_id from bursar.enqueue('renewals', reason => 'bursar bench')"
    )
    /// Of a run that succeeded.
    static let invoices = Statement(
        "bench.invoices",
        """
        select coalesce(sum((checkpoint -> 'counters' ->> 'invoices')::bigint), 0)::bigint as count
        from bursar.run_history
        where job = 'renewals' and state = 'succeeded'
        """
    )
    static let all = [nodes, enqueue, invoices]
}
