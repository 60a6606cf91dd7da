package import CivilTime
package import Postgres

/// What a reconciliation must not leave behind.
package struct PaymentsUndone: Equatable, Sendable {
    /// In words; empty when the promise is kept.
    package let undone: [String]

    /// Money seen before an instant that lies unplaced, over all tenants.
    ///
    /// Days that do not add up are not here: another run would not mend them, so they are an alarm (``PaymentInspection``).
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
    static let undone = Statement(
        "payments.undone",
        """
        select 'observations are not placed' as what, count(*) as count
        from bursar.observation_unplaced u
        join bursar.observation o on o.tenant_id = u.tenant_id and o.id = u.observation_id
        where not u.is_claim and o.recorded_at <= $1
        """
    )

    package static let all = [undone]
}
