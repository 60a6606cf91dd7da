package import CivilTime
package import Postgres

extension Renewal {
    /// Subscriptions with a due period that can be issued now, by id: neither parked, nor held, nor waiting for a rate.
    ///
    /// The page begins after the subscription `after`; `among` narrows it to some subscriptions. It reads every tenant.
    package static func due(
        asOf: Instant,
        after: Int64?,
        limit: Int,
        among: [Int64]? = nil,
        in transaction: Transaction
    ) async throws -> [Due] {
        try await transaction.query(RenewalDueStatements.due, asOf, after ?? 0, limit, among).due()
    }

    /// What would be issued now to one part of the subscriptions of all tenants; the parts together are all of them.
    package static func forecast(
        asOf: Instant,
        part: Int,
        in transaction: Transaction
    ) async throws -> [Forecast.Share] {
        try await transaction.query(RenewalDueStatements.forecast, asOf, Forecast.parts, part).map(Forecast.Share.init)
    }

    /// What would be issued now for each of some subscriptions, or for all.
    package static func expected(
        asOf: Instant,
        among: [Int64]? = nil,
        in transaction: Transaction
    ) async throws -> [Expected] {
        try await transaction.query(RenewalDueStatements.expected, asOf, among).map { row in
            Expected(
                due: Due(tenant: try row.get("tenant_id"), subscription: try row.get("subscription_id")),
                currency: try row.get("currency"),
                invoices: try row.get("invoices"),
                total: try row.get("total")
            )
        }
    }

    /// Whether everything that was due is done, over all tenants.
    package static func leftUndone(asOf: Instant, in transaction: Transaction) async throws -> LeftUndone {
        var left = LeftUndone()
        for row in try await transaction.query(RenewalDueStatements.leftUndone, asOf) {
            let count: Int = try row.get("count")
            switch try row.get("what", as: String.self) {
            case "held": left.held = count
            case "waiting for a rate": left.waitingForRate = count
            case let what where count > 0: left.undone.append("\(count) \(what)")
            default: break
            }
        }
        return left
    }

    /// What one subscription would be invoiced.
    package struct Expected: Equatable, Sendable {
        package let due: Due
        package let currency: String
        package let invoices: Int
        /// Minor units of the currency, tax included.
        package let total: Int64

        package init(due: Due, currency: String, invoices: Int, total: Int64) {
            self.due = due
            self.currency = currency
            self.invoices = invoices
            self.total = total
        }
    }

    /// What a postcondition finds.
    package struct LeftUndone: Equatable, Sendable {
        /// What is due and not done, in words; empty when the promise is kept.
        package var undone: [String] = []
        /// Subscriptions that a billing hold keeps back.
        package var held = 0
        /// Subscriptions in another currency that wait for an exchange rate that is recent enough.
        package var waitingForRate = 0
    }
}

/// The statements that find what is due.
package enum RenewalDueStatements {
    static let due = Statement(
        "billing.due_subscriptions",
        """
        select d.tenant_id, d.subscription_id
        from bursar.renewals_due($1) as d
        where d.subscription_id > $2 and ($4::bigint[] is null or d.subscription_id = any ($4))
            and not d.held and not d.waits_for_rate
        order by d.subscription_id
        limit $3
        """
    )

    static let forecast = Statement(
        "billing.renewals_forecast",
        """
        select f.issuer_id, i.name, f.currency, sum(f.invoices)::bigint as invoices, sum(f.total)::bigint as total,
            md5(string_agg(concat(f.subscription_id, ':', f.invoices, ':', f.total), ',' order by f.subscription_id)) as digest,
            p.approve_above_invoices, (p.approve_above_total ->> f.currency)::bigint as approve_above_total
        from bursar.renewals_forecast($1) as f
        join bursar.issuer i on i.id = f.issuer_id
        join bursar.policy p on p.id = i.policy_id
        where f.subscription_id % $2 = $3
        group by f.issuer_id, i.name, f.currency, p.approve_above_invoices, p.approve_above_total
        order by f.issuer_id, f.currency
        """
    )

    static let expected = Statement(
        "billing.renewals_expected",
        """
        select f.tenant_id, f.subscription_id, f.currency, f.invoices, f.total
        from bursar.renewals_forecast($1) as f
        where $2::bigint[] is null or f.subscription_id = any ($2)
        order by f.subscription_id
        """
    )

    static let leftUndone = Statement(
        "billing.left_undone",
        """
        with due as materialized (
            select held, waits_for_rate, count(*) as count from bursar.renewals_due($1) group by held, waits_for_rate
        )
        select 'due to be invoiced' as what, coalesce(sum(count), 0)::bigint as count
        from due where not held and not waits_for_rate
        union all
        select 'held', coalesce(sum(count), 0)::bigint from due where held
        union all
        select 'waiting for a rate', coalesce(sum(count), 0)::bigint from due where waits_for_rate and not held
        union all
        select 'due to become ' || to_state, count(*) from bursar.transitions_due($1) group by to_state
        """
    )

    package static let all = [due, forecast, expected, leftUndone]
}
