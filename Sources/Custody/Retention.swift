internal import JobKit
package import Postgres

/// What retention asks of the database: counting, purging, and saying how things stand.
package enum Retention {
    /// What a run would purge of one table, and what it is bound to.
    package struct Item: Codable, Hashable, Sendable {
        package let table: String
        /// The hash of the policy.
        package let policy: String
        /// Rows older than this go; an instant.
        package let cutoff: String
        /// Tenants with cutoffs of their own.
        package let tenants: [Int64]
        package let cutoffs: [String]
        /// Rows in the table, past the cutoff, and of those held back by a legal hold.
        package let total: Int64
        package let count: Int64
        package let held: Int64
        package let oldest: String?
        package let newest: String?
        /// Nothing after the last key goes.
        package let firstKey: Int64
        package let lastKey: Int64
        package let perTenant: [String: Int64]
        /// Since when the first of its rows has been past its own cutoff; an instant.
        package let dueSince: String?
        /// Rows past the cutoff where nothing is ever dropped: they are no part of the count.
        package let stuck: Int64?

        private enum CodingKeys: String, CodingKey {
            case table, policy, cutoff, tenants, cutoffs, total, count, held, oldest, newest
            case firstKey = "first_key"
            case lastKey = "last_key"
            case perTenant = "per_tenant"
            case dueSince = "due_since"
            case stuck
        }

        /// The item as a proposal keeps it.
        package var content: String { get throws { try JSONText(encoding: self).text } }

        /// Why a person must say yes to it; nil within the policy's bounds.
        package func excess(of policy: RetentionPolicy) -> String? {
            if count > policy.maxRowsPerRun { return "\(count) rows of \(table), more than \(policy.maxRowsPerRun)" }
            if count > 0, count * 100 > total * Int64(policy.maxPercent) {
                return "\(count) of \(total) rows of \(table), more than \(policy.maxPercent) %"
            }
            return nil
        }

        /// Whether so many rows are still the rows that were proposed: within a tenth.
        package func fits(live: Int64) -> Bool { abs(live - count) * 10 <= count }
    }

    /// Equal plans have equal digests.
    package static func digest(_ items: [Item]) -> String {
        items.map { "\($0.table):\($0.policy):\($0.cutoff):\($0.lastKey):\($0.count)" }.joined(separator: ",")
    }

    /// What one batch did.
    package struct Purged: Equatable, Sendable {
        package let rows: Int
        /// Where the next batch begins; nil where all has been looked at.
        package let next: Int64?
    }

    /// Purges the next rows of an item, from a key on and at most so many, with the role `bursar_purge`; their receipt is
    /// written in the same transaction.
    package static func purge(
        _ item: Item,
        _ policy: RetentionPolicy,
        from key: Int64,
        atMost rows: Int64,
        _ pace: PurgePace,
        run: Int64,
        proposal: Int64,
        in transaction: Transaction
    ) async throws -> Purged {
        let answer =
            switch policy.table.action {
            case .delete, .erase:
                try await transaction.query(
                    RetentionStatements.batch,
                    item.table,
                    item.cutoff,
                    item.tenants,
                    item.cutoffs,
                    key,
                    item.lastKey,
                    min(rows, Int64(pace.rows)),
                    pace.look,
                    run,
                    item.policy,
                    proposal,
                    policy.lockTimeout
                )
            case .dropPartition:
                try await transaction.query(
                    RetentionStatements.partition,
                    item.table,
                    item.cutoff,
                    key,
                    item.lastKey,
                    rows,
                    run,
                    item.policy,
                    proposal,
                    policy.lockTimeout
                )
            }
        guard let row = answer.first else { return Purged(rows: 0, next: nil) }
        return Purged(rows: try row.get("row_count"), next: try row.get("next_key"))
    }

    /// Whether an error says only that somebody had locked what was to be purged, that it took too long, or that the server has
    /// ended the session before the commit: nothing has happened, and it may be tried again.
    package static func wasCutOff(_ error: any Error) -> Bool {
        guard let error = error as? PostgresError else { return false }
        if error.code == .connectionLost { return true }
        return error.sqlState == .lockNotAvailable || error.sqlState == .queryCanceled
    }

    /// Whether runs wait that should have begun.
    package static func queueIsLoaded(in transaction: Transaction) async throws -> Bool {
        try await transaction.query(RetentionStatements.loaded).first?.get("is_loaded") ?? false
    }

    /// Tenants with times of their own; a reference may name one tenant of each issuer.
    static func tenants(
        of policy: RetentionPolicy,
        in transaction: Transaction
    ) async throws -> [(tenant: Int64, keep: Duration)] {
        guard !policy.tenants.isEmpty else { return [] }
        return try await transaction.query(RetentionStatements.tenants, policy.tenants.keys.sorted()).compactMap {
            row in
            guard let keep = policy.tenants[try row.get("external_ref", as: String.self)] else { return nil }
            return (try row.get("id", as: Int64.self), keep)
        }
    }
}

extension Retention.Item {
    /// An item that a proposal kept.
    package init(content: String) throws { self = try JSONText(content).decoded() }
}
