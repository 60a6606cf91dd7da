package import CivilTime
package import Postgres

/// What a reconciliation must not leave behind.
package struct PaymentsUndone: Equatable, Sendable {
    /// In words; empty when the promise is kept.
    package let undone: [String]

    /// Money seen before an instant that lies unplaced, and days whose control totals do not add up; over all tenants.
    package static func read(asOf: Instant, in transaction: Transaction) async throws -> PaymentsUndone {
        let rows = try await transaction.query(PaymentsUndoneStatements.undone, asOf)
        return PaymentsUndone(
            undone: try rows.compactMap { row in
                let count: Int = try row.get("count")
                return count == 0 ? nil : "\(count) \(try row.get("what", as: String.self))"
            }
        )
    }
}

/// The statements of the postcondition of reconciliation.
package enum PaymentsUndoneStatements {
    /// Control totals of the last eight days: older ones were compared when they were young, and `bursar verify` compares all.
    static let undone = Statement(
        "payments.undone",
        """
        select 'observations are not placed' as what, count(*) as count
        from bursar.observation_unplaced u
        join bursar.observation o on o.tenant_id = u.tenant_id and o.id = u.observation_id
        where not u.is_claim and o.recorded_at <= $1
        union all
        select 'days of an account do not add up', count(*)
        from bursar.control_totals(($1::timestamptz at time zone 'UTC')::date - 7, ($1::timestamptz at time zone 'UTC')::date + 1)
        where drift <> 0
        """
    )

    package static let all = [undone]
}
