internal import Billing
package import CivilTime
package import JobKit
package import Monetary
package import Postgres

/// Suspensions: who may be suspended at an instant, and what happens to him; and the way back.
///
/// Every function takes the instant that decides (`asOf`) and the rules in force, and works in the caller's transaction.
package enum Suspension {
    /// A subscription that a run looks at, and what a person has approved of it.
    package struct Candidate: Hashable, Sendable {
        package let tenant: Int64
        package let subscription: Int64
        /// What was approved, as the stored item of a proposal; nil where nobody had to.
        package let approved: String?

        package init(tenant: Int64, subscription: Int64, approved: String? = nil) {
            self.tenant = tenant
            self.subscription = subscription
            self.approved = approved
        }
    }

    /// By which rules, at which instant, by which run.
    package struct Act: Sendable {
        package let asOf: Instant
        package let run: Int64?
        let rules: JSONText

        /// - Parameters:
        ///   - asOf: the business instant that decides.
        ///   - run: what acts; nil outside of runs.
        ///   - rules: those in force.
        ///   - expireAfter: after how many days a suspended subscription expires; nil: never.
        /// - Throws: rules that cannot be written as JSON.
        package init(asOf: Instant, run: Int64?, rules: StandingRules, expireAfter: Int?) throws {
            self.asOf = asOf
            self.run = run
            self.rules = try rules.text(expireAfter: expireAfter)
        }
    }

    /// What came of a chunk.
    package struct Effect: Equatable, Sendable {
        package var suspended = 0
        package var expired = 0
        /// What the suspended ones owe.
        package var totals = MoneyTotals()
        /// By the first gate that was red: how many were left as they are.
        package var red: [String: Int] = [:]
        /// Passed every gate, but is not what was approved.
        package var changed = 0
        /// The subscriptions that were suspended or have expired.
        package var moved: [Int64] = []

        package init() {}
    }

    /// The next ones that a run may suspend, by id: of those that it is allowed, or of those whom a person has approved.
    package static func page(
        of permission: Permission,
        allowed: [Candidate],
        _ context: JobContext,
        after: Int64?,
        limit: Int,
        in transaction: Transaction
    ) async throws -> [Candidate] {
        switch permission {
        case .everything:
            return Array(allowed.lazy.filter { $0.subscription > after ?? 0 }.prefix(limit))
        case .items(let proposal):
            return try await context.approvedItems(of: proposal, after: after, limit: limit, in: transaction).map {
                Candidate(tenant: $0.tenant ?? 0, subscription: $0.key, approved: $0.content)
            }
        }
    }

    /// The gate of the run itself, for ``apply(_:_:blast:in:)``: what it proposed, and who approved.
    package static func blastGate(run: Int64, in transaction: Transaction) async throws -> JSONText {
        let row = try await transaction.query(SuspensionStatements.blastGate, run).first
        return JSONText(try row?.get("gate", as: String?.self) ?? "null")
    }

    /// Suspends and expires those of these subscriptions that pass every gate once their rows are locked.
    ///
    /// Receivables are locked first and then subscriptions, as payments do: a payment that is being written is waited for,
    /// and one that comes later finds the suspension and lifts it. The transaction names the tenants, and tenant 0.
    ///
    /// - Throws: `PostgresError`; it is transient where somebody held a row for too long.
    package static func apply(
        _ candidates: [Candidate],
        _ act: Act,
        blast: JSONText,
        in transaction: Transaction
    ) async throws -> Effect {
        typealias Statements = SuspensionStatements
        let tenants = candidates.map(\.tenant)
        let subscriptions = candidates.map(\.subscription)
        let answers = try await transaction.pipeline([
            Statements.lockReceivables.bind(tenants, subscriptions),
            Statements.lockSubscriptions.bind(tenants, subscriptions),
            Statements.apply.bind(
                tenants,
                subscriptions,
                candidates.map(\.approved),
                act.asOf,
                act.rules,
                act.run,
                blast
            ),
        ])
        var effect = Effect()
        guard let rows = answers.last else { return effect }
        for row in rows { try effect.add(row) }
        return effect
    }

    /// Whether everything was done that could be, and is on record.
    ///
    /// - Parameters:
    ///   - act: by which rules, at which instant, by which run; the items of its approval are known by it.
    ///   - withinLimit: whether those that pass are no more than the run may do without an approval. Where they are more, they
    ///     are not asked for.
    ///   - transaction: one that reads every tenant.
    /// - Returns: what was not, in words; empty when the promise is kept.
    /// - Throws: `PostgresError`.
    package static func leftUndone(
        _ act: Act,
        withinLimit: Bool,
        in transaction: Transaction
    ) async throws -> [String] {
        let rows = try await transaction.query(
            SuspensionStatements.leftUndone,
            act.asOf,
            act.rules,
            act.run,
            withinLimit
        )
        return try rows.compactMap { row in
            let count: Int = try row.get("count")
            return count > 0 ? "\(count) \(try row.get("what", as: String.self))" : nil
        }
    }
}

extension Suspension.Effect {
    fileprivate mutating func add(_ row: Row) throws {
        let state: String? = try row.get("moved_to")
        if state != nil { moved.append(try row.get("subscription_id")) }
        switch state {
        case "suspended":
            suspended += 1
            try totals.add(Money(minorUnits: row.get("owed"), currency: Currency(known: row.get("currency"))))
        case .some: expired += 1
        case nil:
            if let gate: String = try row.get("red") { red[gate, default: 0] += 1 } else { changed += 1 }
        }
    }
}
