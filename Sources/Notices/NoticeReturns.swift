internal import CivilTime
internal import Postgres

/// What reports do to messages, notices and addresses.
enum NoticeReturns {
    /// One report that was read and belongs to a message.
    struct Effect: Sendable {
        let tenant: Int64
        let message: Int64
        let verdict: ReturnVerdict
        /// `dsn`, or the transport whose provider said so.
        let source: String
        /// What was said, without addresses.
        let evidence: String
    }

    /// Applies effects in their order, with the role `bursar_app` and all their tenants named: the one place where a report
    /// changes anything.
    ///
    /// - Returns: what was done, in the same order; nil where a message is being sent, and the report must wait for it.
    static func apply(_ effects: [Effect], at moment: Instant, in transaction: Transaction) async throws -> [String?] {
        guard !effects.isEmpty else { return [] }
        let rows = try await transaction.query(
            DeliveryReportStatements.apply,
            effects.map(\.tenant),
            effects.map(\.message),
            effects.map(\.verdict.rawValue),
            effects.map(\.source),
            effects.map(\.evidence),
            moment
        )
        var outcomes = [String?](repeating: nil, count: effects.count)
        for row in rows { outcomes[try row.get("place", as: Int.self) - 1] = try row.get("outcome") }
        return outcomes
    }
}
