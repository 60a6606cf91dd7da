import CivilTime
import Engine
import FoundationEssentials
import Logging
import Postgres
import Renewals
import SocketLoop

/// Renewals on a restored copy, without any effect: what a drill ends with.
enum Rehearsal {
    /// - Returns: what they would have done, in words.
    /// - Throws: where the run did not end well.
    static func renew(url: String, asOf: Instant) async throws -> String {
        let loop = try SocketLoop(name: "rehearsal")
        let lease = try SocketLoop(name: "rehearsal lease")
        let configuration = PostgresConfiguration(url: url, applicationName: "bursar drill")
        let database = PostgresPool(configuration, size: 4, loop: loop)
        let leaseDatabase = PostgresPool(configuration, size: 1, loop: lease)
        let result = await Result { () async throws -> String in
            var settings = Node.Configuration()
            settings.keepsTime = false
            let node = Node(
                settings,
                registry: JobRegistry([AnyJob(Renewals())]),
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
            return "renewals as of \(asOf), on the copy and without effect: \(facts.outcome ?? facts.state)"
        }
        await database.close()
        await leaseDatabase.close()
        loop.stop()
        lease.stop()
        return try result.get()
    }
}

extension Result where Failure == any Error {
    /// What the body came to, once it has ended.
    fileprivate init(_ body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}
