package import CivilTime
package import Monetary
package import Postgres

/// The renewal of subscriptions: what is due at an instant, and what happens to it.
///
/// Every function takes the instant that decides (`asOf`) and works in the caller's transaction. Days are civil days of
/// the issuer's zone, and due is `<=`: what was missed yesterday is due today.
package enum Renewal {
    /// A subscription with something to be done.
    package struct Due: Hashable, Sendable {
        package let tenant: Int64
        package let subscription: Int64

        package init(tenant: Int64, subscription: Int64) {
            self.tenant = tenant
            self.subscription = subscription
        }
    }

    /// What came of a chunk of due subscriptions.
    package struct Issued: Equatable, Sendable {
        package var invoices = 0
        package var totals = MoneyTotals()
        /// Subscriptions that were set aside for a person: too many periods at once, or a row that is wrong.
        package var parked = 0
        /// Subscriptions whose rows someone else held for too long: left for a later sweep.
        package var leftLocked = 0

        package init() {}

        mutating func add(_ other: Issued) throws(MoneyError) {
            invoices += other.invoices
            try totals.add(other.totals)
            parked += other.parked
            leftLocked += other.leftLocked
        }
    }

    /// Which run acts, at which business instant: written on everything it makes.
    package struct Act: Equatable, Sendable {
        package let asOf: Instant
        package let run: Int64?

        package init(asOf: Instant, run: Int64?) {
            self.asOf = asOf
            self.run = run
        }
    }

    /// Every statement of renewals, for the test that prepares them all.
    package static let statements: [Statement] =
        RenewalDueStatements.all + RenewalIssueStatements.all + RenewalTransitionStatements.all
}

extension [Renewal.Due] {
    /// The tenants, one for each subscription: with `subscriptions` the two columns that statements unnest.
    var tenants: [Int64] { map(\.tenant) }
    var subscriptions: [Int64] { map(\.subscription) }
}

extension Rows {
    /// The columns `tenant_id` and `subscription_id` of every row.
    func due() throws(PostgresError) -> [Renewal.Due] {
        var due: [Renewal.Due] = []
        due.reserveCapacity(count)
        for row in self {
            due.append(Renewal.Due(tenant: try row.get("tenant_id"), subscription: try row.get("subscription_id")))
        }
        return due
    }
}
