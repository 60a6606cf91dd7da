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
    package let backoff: Backoff
    package let deadline: Duration?

    init(_ row: Row) throws {
        identity = RunIdentity(
            id: try row.get("id"),
            job: try row.get("job"),
            schedule: try row.get("schedule"),
            attempt: try row.get("attempts"),
            fence: try row.get("fence"),
            asOf: try row.get("as_of"),
            isDryRun: try row.get("dry_run")
        )
        parameters = JSONText(try row.get("parameters", as: String.self))
        checkpoint = try JSONText(row.get("checkpoint", as: String.self)).decoded()
        failures = try row.get("failures")
        maxAttempts = try row.get("max_attempts")
        brokenPromises = try row.get("broken_promises")
        backoff = Backoff(
            initial: .milliseconds(try row.get("retry_initial_ms", as: Int64.self)),
            longest: .milliseconds(try row.get("retry_max_ms", as: Int64.self)),
            jitter: try row.get("retry_jitter")
        )
        deadline = try row.get("deadline_ms", as: Int64?.self).map { .milliseconds($0) }
    }
}
