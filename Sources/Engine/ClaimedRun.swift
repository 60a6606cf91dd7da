internal import CivilTime
package import JobKit
package import Postgres

/// A run that this node holds, under one fence.
package final class ClaimedRun: Sendable {
    package let identity: RunIdentity
    package let parameters: JSONText
    package let checkpoint: Checkpoint
    /// Attempts that failed before this one.
    package let failures: Int
    package let maxAttempts: Int
    /// How often the work was called done and its postcondition did not hold.
    package let brokenPromises: Int
    /// The waits of the retry policy as the database writes them, nil for the usual ones; they are read when an attempt has
    /// failed.
    private let retryInitial: String?
    private let retryMax: String?
    private let retryJitter: Double?
    package let deadline: Duration?
    /// What of its row cannot be read, where something cannot: such a run is dead, and stops nobody else.
    package let defect: String?

    fileprivate init(_ row: Row, _ reader: inout ClaimReader) throws {
        var reading = Reading()
        identity = RunIdentity(
            id: try row.integer(0),
            job: try reader.job(row, 1),
            schedule: try row.optionalText(2),
            attempt: Int(try row.integer(3)),
            fence: try row.integer(4),
            asOf: reading.of("as_of", or: Instant(microsecondsSinceEpoch: 0)) { try reader.instant(row, 5) },
            isDryRun: try row.get(6)
        )
        parameters = JSONText(try row.text(7))
        checkpoint = reading.of("checkpoint", or: Checkpoint()) {
            let progress = try row.text(8)
            return progress == "{}" ? Checkpoint() : try JSONText(progress).decoded()
        }
        failures = Int(try row.integer(9))
        maxAttempts = Int(try row.integer(10))
        brokenPromises = Int(try row.integer(11))
        retryJitter = try row.optionalText(12).flatMap(Double.init)
        retryInitial = try row.optionalText(13)
        retryMax = try row.optionalText(14)
        deadline = reading.of("deadline", or: nil) { try row.get(15, as: Duration?.self) }
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
            initial: retryInitial.flatMap { try? Duration(postgresText: $0) } ?? .seconds(30),
            longest: retryMax.flatMap { try? Duration(postgresText: $0) } ?? .seconds(3600),
            jitter: retryJitter ?? 0.2
        )
    }
}

/// Reads the answer of a claim, by the places of its columns: there may be thousands of rows, and most are alike.
struct ClaimReader {
    private var lastJob = ""
    private var lastInstant: (text: String, instant: Instant)?

    /// - Throws: only what shows that the statement is not the one that belongs here; what somebody may have written into
    ///   a row by hand is a ``ClaimedRun/defect``.
    mutating func run(_ row: Row) throws -> ClaimedRun { try ClaimedRun(row, &self) }

    /// The turn that a run had.
    func turn(_ row: Row) throws -> Int64 { try row.integer(16) }

    fileprivate mutating func job(_ row: Row, _ column: Int) throws -> String {
        if !row.says(lastJob, at: column) { lastJob = try row.text(column) }
        return lastJob
    }

    /// Nearly all runs of a claim begin as of the same instant.
    fileprivate mutating func instant(_ row: Row, _ column: Int) throws -> Instant {
        if let lastInstant, row.says(lastInstant.text, at: column) { return lastInstant.instant }
        let instant = try row.get(column, as: Instant.self)
        lastInstant = (try row.text(column), instant)
        return instant
    }
}
