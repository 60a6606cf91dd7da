import BakongReconciliation
import Engine
import FoundationEssentials
import JobKit
import Logging
import Payments
import Postgres
import SocketLoop
import Synchronization

/// A reconciliation as the daemon works it: the same node, pools, roles, walls, fences, events and audit rows.
struct OwnReconciliation: Sendable {
    let cluster: BenchCluster
    let chunk: Int

    /// Works one run over all that waits.
    ///
    /// - Returns: what placing took, from the first chunk to the last.
    /// - Throws: `BenchFailure` where not every row settled its attempt, or the run did not succeed.
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
        let job = TimedReconciliation()
        let node = Node(
            settings.nodeConfiguration,
            registry: JobRegistry([AnyJob(job)]),
            database: database,
            leaseDatabase: leaseDatabase,
            logger: Logger(label: "bursar")
        )
        var request = RunRequest(job: "\(TimedReconciliation.name)")
        request.parameters = JSONText(#"{"chunk": \#(chunk)}"#)
        request.reason = "bursar bench"
        let run = try await node.workOnly(request, by: "operator:\(OperatorName.current)")
        let text = try await RunDesk(database: database).show(run).text
        await database.close()
        await leaseDatabase.close()
        let facts = try JSONDecoder().decode(RunFacts.self, from: Data(text.utf8))
        let settled = facts.checkpoint.counters?["settled"] ?? 0
        guard facts.state == "succeeded", settled == count, let took = job.took else {
            throw BenchFailure(
                "the run ended \(facts.state) with \(settled) settled instead of \(count): \(facts.outcome ?? "")"
            )
        }
        return took
    }
}

/// The job with a stopwatch round its placing: what follows (credit, watermarks, the promise) is worked, but not timed.
private final class TimedReconciliation: Job {
    typealias Parameters = BakongReconciliation.Parameters
    static let name = BakongReconciliation.name
    static let summary = BakongReconciliation.summary

    private let job = BakongReconciliation(asking: NoProvider(), inspection: PaymentInspection())
    private let duration = Mutex<Duration?>(nil)

    var took: Duration? { duration.withLock { $0 } }

    func run(_ parameters: Parameters, in context: JobContext) async throws -> Outcome {
        let began = ContinuousClock.now
        try await PaymentWork(context, chunk: parameters.chunk).place(.money, step: "money")
        duration.withLock { $0 = ContinuousClock.now - began }
        return try await job.run(parameters, in: context)
    }

    func postcondition(_ parameters: Parameters, in context: JobContext) async throws -> Postcondition {
        try await job.postcondition(parameters, in: context)
    }
}
