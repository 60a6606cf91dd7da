package import CivilTime
internal import Engine
package import Postgres

extension Retention {
    /// How far behind a purge may be before somebody must hear of it.
    static let patience = Duration.seconds(2 * 86_400)

    /// Notes which policies there are, and answers until when each is only counted; with the role `bursar_engine`.
    ///
    /// - Returns: by the policy's hash; those that may purge are left out.
    package static func observing(
        _ policies: [RetentionPolicy],
        asOf: Instant,
        in transaction: Transaction
    ) async throws -> [String: Instant] {
        let rows = try await transaction.query(
            RetentionStatements.see,
            policies.map(\.hash),
            policies.map(\.table.rawValue),
            policies.map(\.json)
        )
        let days = Dictionary(policies.map { ($0.hash, $0.observeDays) }, uniquingKeysWith: { first, _ in first })
        var until: [String: Instant] = [:]
        for row in rows {
            let hash = try row.get("policy_hash", as: String.self)
            guard let observed = days[hash], observed > 0 else { continue }
            let end = try row.get("seen_at", as: Instant.self).adding(.seconds(Int64(observed) * 86_400))
            if end > asOf { until[hash] = end }
        }
        return until
    }

    /// Writes how a table stands; with the role `bursar_engine`.
    package static func note(
        _ item: Item,
        _ policy: RetentionPolicy,
        observingUntil: Instant?,
        whyLeft: String?,
        in transaction: Transaction
    ) async throws {
        _ = try await transaction.execute(
            RetentionStatements.note,
            item.table,
            item.policy,
            policy.keep,
            item.count,
            item.held,
            item.oldest,
            observingUntil,
            whyLeft
        )
    }

    /// Makes the alarms of retention be those of the tables that are too far behind, and forgets tables without a policy; with
    /// the role `bursar_engine`.
    package static func settle(_ policies: RetentionPolicies, in transaction: Transaction) async throws {
        _ = try await transaction.execute(RetentionStatements.forget, policies.all.map(\.table.rawValue))
        let late = try await transaction.query(RetentionStatements.late, patience)
        let alarms = try late.map { row in
            Alarm(
                "retention:\(try row.get("table_name", as: String.self))",
                .warning,
                since: try row.get("since"),
                evidence: try row.get("evidence")
            )
        }
        try await AlarmBook(in: transaction).settle(["retention"], alarms)
    }
}

/// How retention stands, for `/status` and metrics.
package struct RetentionStanding: Encodable, Sendable {
    package let table: String
    /// How long the oldest row is past its cutoff.
    package let lagSeconds: Double
    package let rowsDue: Int64
    package let rowsHeld: Int64
    /// Rows of the table that are gone, whose place nobody can use before the server has cleaned it up.
    package let rowsDead: Int64
    package let countedAt: Instant
    /// Until then its rows are only counted.
    package let observingUntil: Instant?
    package let whyLeft: String?

    /// Every table that a policy names and a run has looked at.
    package static func read(in database: PostgresPool) async throws -> [RetentionStanding] {
        try await database.withTransaction(TransactionOptions(role: "bursar_ops", readOnly: true)) { transaction in
            try await transaction.query(RetentionStatements.standing).map { row in
                RetentionStanding(
                    table: try row.get("table_name"),
                    lagSeconds: try row.get("lag"),
                    rowsDue: try row.get("rows_due"),
                    rowsHeld: try row.get("rows_held"),
                    rowsDead: try row.get("dead"),
                    countedAt: try row.get("counted_at"),
                    observingUntil: try row.get("observing_until"),
                    whyLeft: try row.get("why_left")
                )
            }
        }
    }
}
