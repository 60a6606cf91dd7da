package import CivilTime
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

        private enum CodingKeys: String, CodingKey {
            case table, policy, cutoff, tenants, cutoffs, total, count, held, oldest, newest
            case firstKey = "first_key"
            case lastKey = "last_key"
            case perTenant = "per_tenant"
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
        package let lastKey: Int64
    }

    /// Counts what is past the cutoff of a policy at an instant, with the role `bursar_scan` or `bursar_purge`.
    package static func item(_ policy: RetentionPolicy, asOf: Instant, in transaction: Transaction) async throws -> Item
    {
        let own = try await tenants(of: policy, in: transaction)
        let cutoff = "\(asOf.adding(.zero - policy.keep))"
        let cutoffs = own.map { "\(asOf.adding(.zero - $0.keep))" }
        let rows = try await transaction.query(
            RetentionStatements.count,
            policy.table.rawValue,
            cutoff,
            own.map(\.tenant),
            cutoffs,
            asOf,
            nil as Int64?
        )
        guard let row = rows.first else {
            throw JobError(.transient, "the count of \(policy.table.rawValue) has no answer")
        }
        return Item(
            table: policy.table.rawValue,
            policy: policy.hash,
            cutoff: cutoff,
            tenants: own.map(\.tenant),
            cutoffs: cutoffs,
            total: try row.get("total"),
            count: try row.get("due"),
            held: try row.get("held"),
            oldest: try row.get("oldest", as: Instant?.self).map { "\($0)" },
            newest: try row.get("newest", as: Instant?.self).map { "\($0)" },
            firstKey: try row.get("first_key", as: Int64?.self) ?? 0,
            lastKey: try row.get("last_key", as: Int64?.self) ?? 0,
            perTenant: try row.get("per_tenant", as: JSONText.self).decoded()
        )
    }

    /// How many rows of an item are there now that may go.
    package static func live(_ item: Item, asOf: Instant, in transaction: Transaction) async throws -> Int64 {
        let rows = try await transaction.query(
            RetentionStatements.count,
            item.table,
            item.cutoff,
            item.tenants,
            item.cutoffs,
            asOf,
            item.lastKey
        )
        return try rows.first?.get("due") ?? 0
    }

    /// Purges the next rows of an item, from a key on and at most so many, with the role `bursar_purge`; their receipt is
    /// written in the same transaction.
    ///
    /// - Returns: how many went; none where nothing is left but what is held back or locked.
    package static func purge(
        _ item: Item,
        _ policy: RetentionPolicy,
        from key: Int64,
        atMost rows: Int64,
        run: Int64,
        proposal: Int64,
        in transaction: Transaction
    ) async throws -> Purged {
        let answer =
            switch policy.table.action {
            case .delete:
                try await transaction.query(
                    RetentionStatements.batch,
                    item.table,
                    item.cutoff,
                    item.tenants,
                    item.cutoffs,
                    key,
                    item.lastKey,
                    min(rows, Int64(policy.batch)),
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
        guard let row = answer.first, let gone = try row.get("row_count", as: Int?.self),
            let last = try row.get("last_key", as: Int64?.self)
        else { return Purged(rows: 0, lastKey: key) }
        return Purged(rows: gone, lastKey: last)
    }

    /// Whether an error says only that somebody had locked what was to be purged: nothing has happened, and it may be tried again.
    package static func isLockedOut(_ error: any Error) -> Bool {
        (error as? PostgresError)?.sqlState == .lockNotAvailable
    }

    /// Whether runs wait that should have begun.
    package static func queueIsLoaded(in transaction: Transaction) async throws -> Bool {
        try await transaction.query(RetentionStatements.loaded).first?.get("is_loaded") ?? false
    }

    /// Tenants with times of their own; a reference may name one tenant of each issuer.
    private static func tenants(
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
