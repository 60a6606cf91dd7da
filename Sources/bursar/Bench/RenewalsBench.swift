import Billing
import Postgres

/// How fast invoices are issued, beside bare SQL that writes the same rows in the same run.
struct RenewalsBench: Sendable {
    var subscriptions = 100_000
    var tenants = 1000
    var chunk = 500
    var runs = 3

    /// What of the speed of bare SQL is wanted at least: of one statement that computes the rows, and of inserts of values
    /// that lie ready.
    static let demand = 0.7

    /// Runs all in turn, each on a fresh copy of the same database, and compares what they have written.
    func measure(
        _ cluster: BenchCluster,
        _ machine: inout Machine,
        _ say: (String) -> Void
    ) async throws -> [BenchFigure] {
        let bare = BareRenewals(cluster: cluster, chunk: chunk, subscriptions: subscriptions)
        say("loading \(subscriptions) subscriptions of \(tenants) tenants …")
        try await cluster.makePortfolio(.due(count: subscriptions, tenants: tenants))
        say("writing down what a run writes …")
        try await bare.prepare()
        var (own, statement, inserts) = ([Double](), [Double](), [Double]())
        for number in 1...max(1, runs) {
            say("run \(number) of \(runs): bursar …")
            try await cluster.copyPortfolio()
            try await machine.waitForQuiet()
            own.append(rate(try await OwnRenewals(cluster: cluster, chunk: chunk).run(expecting: subscriptions)))
            let written = try await WrittenRows.of("bursar", cluster)
            if number == runs { try await OwnRenewals(cluster: cluster, chunk: chunk).verify() }

            say("run \(number) of \(runs): the bare statement …")
            try await bare.reset()
            try await machine.waitForQuiet()
            statement.append(rate(try await bare.runStatement()))
            try await compare(written, cluster)

            say("run \(number) of \(runs): the inserts alone …")
            try await bare.reset()
            try await machine.waitForQuiet()
            inserts.append(rate(try await bare.runInserts()))
            try await compare(written, cluster)
        }
        let unit = "subscriptions/s"
        return [
            BenchFigure("renewals", own, unit, limits: statement, .atLeast(Self.demand)),
            BenchFigure("renewals, beside inserts alone", own, unit, limits: inserts, .atLeast(Self.demand)),
        ]
    }

    private func compare(_ written: WrittenRows, _ cluster: BenchCluster) async throws {
        let bare = try await WrittenRows.of("bare", cluster)
        guard written == bare else {
            throw BenchFailure("the rows are not the same: \(written.differences(from: bare))")
        }
    }

    private func rate(_ took: Duration) -> Double { Double(subscriptions) / (took / .seconds(1)) }
}
