import CivilTime
import Engine
import FoundationEssentials
import JobKit
import Logging
import Postgres
import Renewals
import SocketLoop
import Synchronization

/// Renewals on a restored copy, without any effect: what a drill ends with.
enum Rehearsal {
    /// - Returns: what they would have done, in words: how many invoices, and the total of each currency.
    /// - Throws: where the run did not end well, or where something was due and not one invoice could be issued.
    static func renew(url: String, asOf: Instant) async throws -> String {
        let loop = try SocketLoop(name: "rehearsal")
        let lease = try SocketLoop(name: "rehearsal lease")
        let configuration = PostgresConfiguration(url: url, applicationName: "bursar drill")
        let database = PostgresPool(configuration, size: 4, loop: loop)
        let leaseDatabase = PostgresPool(configuration, size: 1, loop: lease)
        let result = await Result { () async throws -> String in
            var settings = Node.Configuration()
            settings.keepsTime = false
            let job = RehearsedRenewals()
            let node = Node(
                settings,
                registry: JobRegistry([AnyJob(job)]),
                database: database,
                leaseDatabase: leaseDatabase,
                logger: Logger(label: "bursar") { _ in SwiftLogNoOpLogHandler() }
            )
            var request = RunRequest(job: "\(Renewals.name)")
            request.isDryRun = true
            request.asOf = asOf
            request.reason = "a drill"
            request.attempts = 1
            let run = try await node.workOnly(request, by: "drill")
            let text = try await RunDesk(database: database).show(run).text
            let facts = try JSONDecoder().decode(RunFacts.self, from: Data(text.utf8))
            guard facts.state == "succeeded" || facts.state == "needs_approval" else {
                throw CommandFailure(.finding, "renewals as of \(asOf) ended as \(facts.state): \(facts.outcome ?? "")")
            }
            let (issued, parked) = (job.count("invoices"), job.count("parked"))
            // One that cannot be renewed waits for a person at the source too; all of them are no such case.
            guard issued > 0 || parked == 0 else {
                throw CommandFailure(
                    .finding,
                    "renewals as of \(asOf) could issue none of \(parked) invoices: \(facts.outcome ?? "")"
                )
            }
            return "renewals as of \(asOf), on the copy and without effect: \(facts.outcome ?? facts.state)"
        }
        await database.close()
        await leaseDatabase.close()
        loop.stop()
        lease.stop()
        return try result.get()
    }
}

/// The job, and what it counted: a run without effect leaves no checkpoint to read that from.
private final class RehearsedRenewals: Job {
    typealias Parameters = Renewals.Parameters
    static let name = Renewals.name
    static let summary = Renewals.summary

    private let job = Renewals()
    private let counters = Mutex<[String: Int]>([:])

    func count(_ name: String) -> Int { counters.withLock { $0[name, default: 0] } }

    func run(_ parameters: Parameters, in context: JobContext) async throws -> Outcome {
        let outcome = try await job.run(parameters, in: context)
        let counted = context.checkpoint.counters
        counters.withLock { $0 = counted.mapValues { Int($0) } }
        return outcome
    }

    func postcondition(_ parameters: Parameters, in context: JobContext) async throws -> Postcondition {
        try await job.postcondition(parameters, in: context)
    }
}

extension Result where Failure == any Error {
    /// What the body came to, once it has ended.
    fileprivate init(_ body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}
