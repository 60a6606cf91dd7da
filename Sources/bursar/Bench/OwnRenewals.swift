import Billing
import Engine
import FoundationEssentials
import Logging
import Postgres
import SocketLoop

/// A renewals run as the daemon works it: the same node, pools, roles, walls, fences, events and audit rows.
struct OwnRenewals: Sendable {
    let cluster: BenchCluster
    let chunk: Int

    /// Works one run over everything that is due, from the claim to the end of the attempt.
    ///
    /// - Throws: `BenchFailure` where the run did not issue exactly the invoices it should have.
    func run(expecting count: Int) async throws -> Duration {
        let settings = cluster.settings
        var configuration = settings.database.configuration(for: "node")
        configuration.idleInTransactionTimeout = settings.nodeLease / 3
        configuration.checkoutAssertions = BenchStatements.assertions
        let loop = try SocketLoop(name: "database")
        let leaseLoop = try SocketLoop(name: "lease")
        defer {
            loop.stop()
            leaseLoop.stop()
        }
        let database = PostgresPool(configuration, size: settings.nodeConnections, loop: loop)
        let leaseDatabase = PostgresPool(configuration, size: 1, loop: leaseLoop)
        let node = Node(
            settings.nodeConfiguration,
            registry: .shipped,
            database: database,
            leaseDatabase: leaseDatabase,
            logger: Logger(label: "bursar")
        )
        var request = RunRequest(job: "renewals")
        request.parameters = JSONText(#"{"chunk": \#(chunk)}"#)
        request.reason = "bursar bench"
        let clock = ContinuousClock()
        let began = clock.now
        let run = try await node.workOnly(request, by: "operator:\(OperatorName.current)")
        let took = clock.now - began
        try await check(run, expecting: count, database)
        await database.close()
        await leaseDatabase.close()
        return took
    }

    private func check(_ run: Int64, expecting count: Int, _ database: PostgresPool) async throws {
        let text = try await RunDesk(database: database).show(run).text
        let facts = try JSONDecoder().decode(RunFacts.self, from: Data(text.utf8))
        let invoices = facts.checkpoint.counters?["invoices"] ?? 0
        guard facts.state == "succeeded", invoices == count else {
            throw BenchFailure(
                "the run ended \(facts.state) with \(invoices) invoices instead of \(count): \(facts.outcome ?? "")"
            )
        }
    }

    /// Whether the books are right after a run.
    func verify() async throws {
        try await DatabaseSession.withLoop { loop in
            let pool = PostgresPool(cluster.settings.database.configuration(for: "verify"), size: 1, loop: loop)
            let broken = try await pool.withTransaction(Invariant.transaction) { transaction in
                let now = try await Invariant.businessNow(in: transaction)
                var broken: [String] = []
                for invariant in Invariant.shipped {
                    let check = try await invariant.check(asOf: now, in: transaction)
                    if !check.held { broken.append("\(check.id) (\(check.violations))") }
                }
                return broken
            }
            await pool.close()
            guard broken.isEmpty else { throw BenchFailure("verify says broken: \(broken.joined(separator: ", "))") }
        }
    }
}

/// Something was measured that must not be compared.
struct BenchFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
