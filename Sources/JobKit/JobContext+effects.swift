package import CivilTime
internal import Postgres

/// What an earlier attempt of the run has left of an effect outside of the database.
package enum EarlierEffect: Equatable, Sendable {
    /// Nothing: it never began, or is known to have failed or to have been stopped.
    case none
    /// It was done; the text is what was written down of it.
    case done(String)
    /// It began, and nobody knows how it ended: the node died, or lost its lease.
    case unknown
}

/// How an effect outside of the database ended.
///
/// That nobody knows is written down by the next attempt.
package enum EffectOutcome: String, Sendable {
    case done, failed
    /// It was broken off; parts of it may have happened.
    case stopped
}

extension JobContext {
    /// Writes down, before the first effect outside of the database, that it is about to happen.
    ///
    /// Where an earlier attempt did it already nothing is written and the answer says so: do not do it again.
    ///
    /// - Parameters:
    ///   - what: what is about to be done, for people.
    ///   - key: the idempotency key, from the business fact and never from the attempt.
    /// - Returns: what an earlier attempt of this run has left of the effect.
    /// - Throws: `LeaseLost` where the fence is no longer in force, and why the run shall stop where it shall.
    package func intend(_ what: String, key: String) async throws -> EarlierEffect {
        try await fenced(role: "bursar_engine", rollBack: false) { transaction in
            let rows = try await transaction.query(RunStatements.intend, run.id, run.attempt, key, what)
            guard let row = rows.first else { throw JobError(.transient, "the intent was not stored") }
            if let detail = try row.get("done", as: String?.self) { return .done(detail) }
            return try row.get("unknown", as: Bool.self) ? .unknown : .none
        }
    }

    /// Writes down how the effect ended that ``intend(_:key:)`` announced.
    ///
    /// It is written though the run is told to stop, unless its lease is lost. While the database is away it is tried again,
    /// for some seconds: what is not written down is unknown.
    package func conclude(_ key: String, _ outcome: EffectOutcome, _ detail: String) async throws {
        // The deadline has cancelled the task, say; what happened is a fact all the same.
        try await Task {
            var tries = 0
            while true {
                do {
                    return try await writeOutcome(key, outcome, detail)
                } catch let error as PostgresError where error.isTransient && tries < 20 && !isAbandoned {
                    tries += 1
                    // Waiting: the database is away, and nothing tells when it is back.
                    try await Task.sleep(for: .milliseconds(250))
                }
            }
        }.value
    }

    private func writeOutcome(_ key: String, _ outcome: EffectOutcome, _ detail: String) async throws {
        try await fenced(role: "bursar_engine", rollBack: false, evenIfStopped: true) { transaction in
            _ = try await transaction.execute(
                RunStatements.conclude,
                run.id,
                run.attempt,
                key,
                outcome.rawValue,
                detail
            )
        }
    }

    /// Where the run comes from.
    package func origin() async throws -> RunOrigin {
        try await read { transaction in
            guard let row = try await transaction.query(RunStatements.origin, run.id).first else {
                throw LeaseLost(run: run.id, fence: run.fence)
            }
            return RunOrigin(fireAt: try row.get("fire_at"), isDeclared: try row.get("declared"))
        }
    }
}

/// Where a run comes from.
package struct RunOrigin: Equatable, Sendable {
    /// The due instant that made it; nil for a run that somebody asked for.
    package let fireAt: Instant?
    /// Whether a schedule file in force says this very thing, the job with these parameters: enabled or not, and whoever asked.
    package let isDeclared: Bool
}
