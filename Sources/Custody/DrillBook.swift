package import CivilTime
internal import JobKit
package import Postgres

/// A drill as it was written down.
package struct RecordedDrill: Codable, Equatable, Sendable {
    package let id: Int64
    package let recordedAt: Instant
    package let failedPhase: String?
    package let receipt: DrillReceipt

    init(_ row: Row) throws {
        id = try row.get("id")
        recordedAt = try row.get("recorded_at")
        failedPhase = try row.get("failed_phase")
        let phases: [DrillReceipt.Phase] = try JSONText(row.get("phases", as: String.self)).decoded()
        receipt = DrillReceipt(
            run: try row.get("run_id"),
            backup: try row.get("backup"),
            engine: try row.get("engine"),
            source: try row.get("source"),
            host: try row.get("host"),
            began_at: try row.get("began_at"),
            verdict: DrillReceipt.Verdict(rawValue: try row.get("verdict")) ?? .fail,
            told: try row.get("told"),
            rpo_seconds: try row.get("rpo_seconds"),
            rto_seconds: try row.get("rto_seconds"),
            phases: phases
        )
    }
}

/// The drills that were written down.
package enum DrillBook {
    /// The newest first; of one number that one alone.
    package static func list(
        _ id: Int64? = nil,
        limit: Int = 50,
        in transaction: Transaction
    ) async throws -> [RecordedDrill] {
        try await transaction.query(DrillStatements.list, id, limit).map(RecordedDrill.init)
    }
}
