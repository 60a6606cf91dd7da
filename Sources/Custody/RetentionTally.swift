package import CivilTime
internal import JobKit
package import Postgres

/// A count of what a policy would purge, made window by window: no statement of it reads more than one.
package struct RetentionTally: Sendable {
    /// How many rows of a table one statement looks at; of runs, one month.
    static let window = 20_000

    let table: String
    let policy: String
    let asOf: Instant
    let cutoff: String
    let tenants: [Int64]
    let cutoffs: [String]
    /// Nothing after it is counted; nil: no bound.
    let upTo: Int64?
    private var next: Int64? = Int64.min
    private var (total, due, held): (Int64, Int64, Int64) = (0, 0, 0)
    private var oldest: Instant?
    private var newest: Instant?
    private var firstKey: Int64?
    private var lastKey: Int64?
    private var perTenant: [String: Int64] = [:]
    private var dueSince: Instant?
    private var stuck: Int64 = 0

    /// Whether all of it is counted.
    package var isComplete: Bool { next == nil }

    /// Rows that may go.
    package var count: Int64 { due }

    /// What was counted.
    package var item: Retention.Item {
        Retention.Item(
            table: table,
            policy: policy,
            cutoff: cutoff,
            tenants: tenants,
            cutoffs: cutoffs,
            total: total,
            count: due,
            held: held,
            oldest: oldest.map { "\($0)" },
            newest: newest.map { "\($0)" },
            firstKey: firstKey ?? 0,
            lastKey: lastKey ?? 0,
            perTenant: perTenant,
            dueSince: dueSince.map { "\($0)" },
            stuck: stuck
        )
    }

    /// Begins to count what is past the cutoff of a policy at an instant, with the role `bursar_scan` or `bursar_purge`.
    package init(_ policy: RetentionPolicy, asOf: Instant, in transaction: Transaction) async throws {
        let own = try await Retention.tenants(of: policy, in: transaction)
        table = policy.table.rawValue
        self.policy = policy.hash
        self.asOf = asOf
        cutoff = "\(asOf.adding(.zero - policy.keep))"
        tenants = own.map(\.tenant)
        cutoffs = own.map { "\(asOf.adding(.zero - $0.keep))" }
        upTo = nil
    }

    /// Begins to count once more what an item counted: by its cutoffs, and up to its last key.
    package init(again item: Retention.Item, asOf: Instant) {
        table = item.table
        policy = item.policy
        self.asOf = asOf
        cutoff = item.cutoff
        tenants = item.tenants
        cutoffs = item.cutoffs
        upTo = item.lastKey
    }

    /// Counts the next window.
    package mutating func look(in transaction: Transaction) async throws {
        guard let from = next else { return }
        let rows = try await transaction.query(
            RetentionStatements.count,
            table,
            cutoff,
            tenants,
            cutoffs,
            asOf,
            from,
            upTo,
            Self.window
        )
        guard let row = rows.first else {
            throw JobError(.transient, "the count of \(table) has no answer")
        }
        total += try row.get("total", as: Int64.self)
        due += try row.get("due", as: Int64.self)
        held += try row.get("held", as: Int64.self)
        oldest = [oldest, try row.get("oldest", as: Instant?.self)].compactMap(\.self).min()
        newest = [newest, try row.get("newest", as: Instant?.self)].compactMap(\.self).max()
        firstKey = [firstKey, try row.get("first_key", as: Int64?.self)].compactMap(\.self).min()
        lastKey = [lastKey, try row.get("last_key", as: Int64?.self)].compactMap(\.self).max()
        let found: [String: Int64] = try row.get("per_tenant", as: JSONText.self).decoded()
        perTenant.merge(found) { $0 + $1 }
        dueSince = [dueSince, try row.get("due_since", as: Instant?.self)].compactMap(\.self).min()
        stuck += try row.get("stuck", as: Int64.self)
        next = try row.get("next_key", as: Int64?.self)
    }
}
