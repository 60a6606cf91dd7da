internal import CivilTime
package import JobKit
package import Postgres

/// A run that this node holds, under one fence.
package struct ClaimedRun: Sendable {
    package let identity: RunIdentity
    package let parameters: JSONText
    package let checkpoint: Checkpoint
    /// Attempts that failed before this one.
    package let failures: Int
    package let maxAttempts: Int
    /// How often the work was called done and its postcondition did not hold.
    package let brokenPromises: Int
    /// The waits of the retry policy as the database writes them; they are read when an attempt has failed.
    private let retryInitial: String
    private let retryMax: String
    private let retryJitter: Double
    package let deadline: Duration?
    /// What of its row cannot be read, where something cannot: such a run is dead, and stops nobody else.
    package let defect: String?

    /// - Throws: only what shows that the statement is not the one that belongs here; what somebody may have written into
    ///   a row by hand is a ``defect``.
    init(_ row: Row) throws {
        var reading = Reading()
        identity = RunIdentity(
            id: try row.get("id"),
            job: try row.get("job"),
            schedule: try row.get("schedule"),
            attempt: try row.get("attempts"),
            fence: try row.get("fence"),
            asOf: reading.of("as_of", or: Instant(microsecondsSinceEpoch: 0)) { try row.get("as_of") },
            isDryRun: try row.get("dry_run")
        )
        parameters = JSONText(try row.get("parameters", as: String.self))
        let progress = try row.get("checkpoint", as: String.self)
        checkpoint = reading.of("checkpoint", or: Checkpoint()) {
            progress == "{}" ? Checkpoint() : try JSONText(progress).decoded()
        }
        failures = try row.get("failures")
        maxAttempts = try row.get("max_attempts")
        brokenPromises = try row.get("broken_promises")
        retryInitial = try row.get("retry_initial")
        retryMax = try row.get("retry_max")
        retryJitter = try row.get("retry_jitter")
        deadline = reading.of("deadline", or: nil) { try row.get("deadline", as: Duration?.self) }
        defect = reading.defect
    }

    /// Reads column after column, and remembers the first that could not be read.
    private struct Reading {
        var defect: String?

        mutating func of<Value>(_ column: String, or none: Value, _ read: () throws -> Value) -> Value {
            do {
                return try read()
            } catch {
                defect = defect ?? "the \(column) of its row cannot be read: \(error)"
                return none
            }
        }
    }

    /// How long the run waits after a failure.
    package var backoff: Backoff {
        Backoff(
            initial: (try? Duration(postgresText: retryInitial)) ?? .seconds(30),
            longest: (try? Duration(postgresText: retryMax)) ?? .seconds(3600),
            jitter: retryJitter
        )
    }
}
