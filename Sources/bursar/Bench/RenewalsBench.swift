import Billing
import Postgres

/// How fast invoices are issued, beside bare SQL that writes the same rows in the same run.
struct RenewalsBench: Sendable {
    var subscriptions = 100_000
    var tenants = 1000
    var chunk = 500
    var runs = 3

    /// What of the speed of bare SQL is left, at least.
    static let demand = 0.7

    /// Runs both in turn, each on a fresh copy of the same database, and compares what they have written.
    func measure(
        _ cluster: BenchCluster,
        _ machine: inout Machine,
        _ say: (String) -> Void
    ) async throws -> BenchFigure {
        say("loading \(subscriptions) subscriptions of \(tenants) tenants …")
        try await cluster.makePortfolio(.due(count: subscriptions, tenants: tenants))
        say("writing down what a run writes …")
        try await BareRenewals.prepare(cluster, chunk: chunk, count: subscriptions)
        var (own, bare) = ([Double](), [Double]())
        for number in 1...max(1, runs) {
            say("run \(number) of \(runs): bursar …")
            let (ours, written) = try await measureOwn(cluster, &machine, verify: number == runs)
            own.append(ours)
            say("run \(number) of \(runs): bare SQL …")
            let (theirs, expected) = try await measureBare(cluster, &machine)
            bare.append(theirs)
            guard written == expected else {
                throw BenchFailure("the rows are not the same: \(written.differences(from: expected))")
            }
        }
        return BenchFigure("renewals", own, "subscriptions/s", limits: bare, .atLeast(Self.demand))
    }

    private func measureOwn(
        _ cluster: BenchCluster,
        _ machine: inout Machine,
        verify: Bool
    ) async throws -> (Double, WrittenRows) {
        try await cluster.copyPortfolio()
        try await machine.waitForQuiet()
        let own = OwnRenewals(cluster: cluster, chunk: chunk)
        let took = try await own.run(expecting: subscriptions)
        if verify { try await own.verify() }
        return (rate(took), try await WrittenRows.of("bursar", cluster))
    }

    private func measureBare(_ cluster: BenchCluster, _ machine: inout Machine) async throws -> (Double, WrittenRows) {
        try await cluster.copy(BareRenewals.template)
        try await machine.waitForQuiet()
        let took = try await BareRenewals(cluster: cluster).run(chunks: (subscriptions + chunk - 1) / chunk)
        return (rate(took), try await WrittenRows.of("bare", cluster))
    }

    private func rate(_ took: Duration) -> Double { Double(subscriptions) / (took / .seconds(1)) }
}
