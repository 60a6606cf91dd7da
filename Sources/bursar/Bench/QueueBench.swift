import Engine
import Postgres

/// How fast runs are asked for, claimed and ended, how soon one begins, and whether it stays so under pressure: daemons as they
/// ship, beside the bare statements of a queue on the same server.
struct QueueBench: Sendable {
    var count = 100_000
    var slots = 2000
    var nodes = 2
    var runs = 3
    /// Runs drained while one transaction stays open.
    var heldBack = 300_000
    /// Deferred and finished runs that lie in the way of a drain.
    var deferred = 500_000
    var finished = 1_000_000
    /// Runs that are timed one by one.
    var probes = 1000

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
            say("run \(number) of \(runs): \(count) runs that do nothing, \(slots) slots on \(nodes) nodes …")
            try await fresh(cluster, &machine)
            own.append(try await drained(cluster, &costs))
            say("run \(number) of \(runs): the bare statements …")
            try await machine.waitForQuiet()
            bare.append(Double(count) / (try await BareQueue(cluster: cluster).drain(count) / .seconds(1)))
        }
        var figures = [BenchFigure("drain", own, "runs/s", limits: bare, .atLeast(0.5))] + costs.figures
        say("asking for runs …")
        try await fresh(cluster, &machine)
        figures += try await QueueRequests(cluster: cluster).measure()
        say("one run at a time on a queue that is idle …")
        try await fresh(cluster, &machine)
        figures += try await QueueLatency(cluster: cluster, probes: probes).idle()
        let load = (figures.first?.value ?? 0) / 2
        say("one run at a time, beside \(Int(load)) others a second …")
        try await fresh(cluster, &machine)
        figures += try await QueueLatency(cluster: cluster, probes: probes, slots: slots, nodes: nodes).underLoad(load)
        say("\(heldBack) runs while one transaction stays open …")
        try await fresh(cluster, &machine)
        figures.append(try await drainedUnderALongReader(cluster))
        say("\(count) runs among \(deferred) deferred and \(finished) finished ones …")
        try await fresh(cluster, &machine)
        figures.append(try await drainedAmongOthers(cluster, empty: own))
        return figures
    }

    private func fresh(_ cluster: BenchCluster, _ machine: inout Machine) async throws {
        try await cluster.copy(Self.template)
        try await machine.waitForQuiet()
    }

    /// Runs a second.
    private func drained(_ cluster: BenchCluster, _ costs: inout QueueCosts) async throws -> Double {
        let drain = QueueDrain(cluster: cluster, count: count, slots: slots, nodes: nodes)
        try await drain.fill()
        let facts = try await drain.run()
        costs.add(facts)
        return facts.perSecond
    }

    /// The rate of the last tenth beside that of the first: nothing that ended can be cleaned away meanwhile.
    private func drainedUnderALongReader(_ cluster: BenchCluster) async throws -> BenchFigure {
        let drain = QueueDrain(cluster: cluster, count: heldBack, slots: slots, nodes: nodes)
        try await drain.fill()
        let facts = try await cluster.asSuperuser { reader in
            try await reader.executeScript(
                "begin isolation level repeatable read; select count(*) from bursar.node",
                name: "bench.long_reader"
            )
            let facts = try await drain.run()
            try await reader.executeScript("rollback", name: "bench.long_reader")
            return facts
        }
        return BenchFigure(
            "drain, last tenth, vacuum held back",
            [facts.lastTenth],
            "runs/s",
            limits: [facts.firstTenth],
            .atLeast(0.8)
        )
    }

    private func drainedAmongOthers(_ cluster: BenchCluster, empty: [Double]) async throws -> BenchFigure {
        try await cluster.asSuperuser { connection in
            _ = try await connection.query(QueueDrain.Statements.deferMany, deferred)
            _ = try await connection.query(QueueDrain.Statements.finishMany, finished)
            try await connection.executeScript("vacuum analyze", name: "bench.vacuum")
        }
        let drain = QueueDrain(cluster: cluster, count: count, slots: slots, nodes: nodes, alreadyFinished: finished)
        try await drain.fill()
        let rate = try await drain.run().perSecond
        return BenchFigure("drain among others", [rate], "runs/s", limits: empty, .atLeast(0.9))
    }
}
