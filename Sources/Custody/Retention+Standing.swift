package import CivilTime
internal import Engine
package import Postgres

extension Retention {
    /// How far behind a purge may be before somebody must hear of it.
    static let patience = Duration.seconds(2 * 86_400)

    /// Until when policies are only counted.
    package struct Observation: Sendable {
        /// By the policy's hash; of those that may purge, since when they may.
        let ends: [String: Instant]
        /// Those that may not yet.
        let open: [String: Instant]
        /// No run sees further than the present, whatever it takes for its own.
        package let now: Instant

        /// Until when a policy is only counted; nil where it may purge.
        package func until(_ policy: RetentionPolicy) -> Instant? {
            open[policy.hash]
        }

        /// Of how many that holds.
        package var count: Int { open.count }
    }

    /// Notes which policies there are, and answers until when each is only counted; with the role `bursar_engine`.
    package static func observing(
        _ policies: [RetentionPolicy],
        asOf: Instant,
        in transaction: Transaction
    ) async throws -> Observation {
        let rows = try await transaction.query(
            RetentionStatements.see,
            policies.map(\.hash),
            policies.map(\.table.rawValue),
            policies.map(\.json)
        )
        let days = Dictionary(policies.map { ($0.hash, $0.observeDays) }, uniquingKeysWith: { first, _ in first })
        var ends: [String: Instant] = [:]
        var now = asOf
        for row in rows {
            let hash = try row.get("policy_hash", as: String.self)
            now = min(now, try row.get("now"))
            let observed = Int64(days[hash, default: 0])
            ends[hash] = try row.get("seen_at", as: Instant.self).adding(.seconds(observed * 86_400))
        }
        // A policy that need not be observed may purge in the very run that sees it first.
        let open = ends.filter { days[$0.key, default: 0] > 0 && $0.value > now }
        return Observation(ends: ends, open: open, now: now)
    }

    /// Writes how a table stands; with the role `bursar_engine`.
    ///
    /// No row is late before the policy could purge it.
    package static func note(
        _ item: Item,
        _ policy: RetentionPolicy,
        _ observation: Observation,
        whyLeft: String?,
        in transaction: Transaction
    ) async throws {
        _ = try await transaction.execute(
            RetentionStatements.note,
            item.table,
            item.policy,
            item.count,
            item.held,
            item.stuck ?? 0,
            item.oldest,
            item.dueSince,
            observation.ends[policy.hash],
            whyLeft
        )
    }

    /// Makes the alarms of retention be those of the tables that are too far behind by now, and forgets tables without a policy;
    /// with the role `bursar_engine`.
    ///
    /// Where it is given no policies, since their file cannot be read, no table is forgotten.
    package static func settle(_ policies: RetentionPolicies?, in transaction: Transaction) async throws {
        if let policies {
            _ = try await transaction.execute(RetentionStatements.forget, policies.all.map(\.table.rawValue))
        }
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

    /// The same in a transaction of its own: lateness grows with time, though no run ends.
    package static func settle(_ policies: RetentionPolicies?, in database: PostgresPool) async throws {
        try await database.withTransaction(TransactionOptions(role: "bursar_engine")) { transaction in
            try await settle(policies, in: transaction)
        }
    }
}

/// How retention stands, for `/status` and metrics.
package struct RetentionStanding: Encodable, Sendable {
    package let table: String
    /// How long the oldest row is past its cutoff.
    package let lagSeconds: Double
    package let rowsDue: Int64
    package let rowsHeld: Int64
    /// Rows past the cutoff in the default partition, of which nothing is ever dropped.
    package let rowsStuck: Int64
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
                    rowsStuck: try row.get("rows_stuck"),
                    rowsDead: try row.get("dead"),
                    countedAt: try row.get("counted_at"),
                    observingUntil: try row.get("observing_until"),
                    whyLeft: try row.get("why_left")
                )
            }
        }
    }
}
