package import JobKit
package import Monetary
package import Postgres
internal import Billing

extension Suspension {
    /// What a run would do, who stands in the way of the rest, and whether that is more than may happen without a person.
    package struct Forecast: Equatable, Sendable {
        package let count: Int
        /// What those that would be suspended owe.
        package let totals: MoneyTotals
        /// Two forecasts of the same subscriptions and debts have the same digest.
        package let digest: String
        /// By the first gate that is red: how many stay past due or suspended.
        package let red: [String: Int]
        /// Why a person must approve this first, in words; nil within the limits.
        package let excess: String?
    }

    /// How many may be suspended or expire without a person where so many are active: five, or two of a hundred where that is more.
    package static func limit(active: Int) -> Int { max(5, active / 50) }

    /// What would happen now, over all tenants.
    ///
    /// The limit counts for all together and for each issuer, so that a small one is not hidden among large ones.
    package static func forecast(_ act: Act, in transaction: Transaction) async throws -> Forecast {
        var red: [String: Int] = [:]
        var totals = MoneyTotals()
        var digests: [String] = []
        var counts: [Int64: Int] = [:]
        for row in try await transaction.query(SuspensionPreviewStatements.forecast, act.asOf, act.rules) {
            let count: Int = try row.get("count")
            if let gate: String = try row.get("red") {
                red[gate, default: 0] += count
                continue
            }
            let currency = try Currency(known: row.get("currency"))
            try totals.add(Money(minorUnits: row.get("owed"), currency: currency))
            digests.append(try row.get("digest"))
            counts[try row.get("issuer_id"), default: 0] += count
        }
        return Forecast(
            count: counts.values.reduce(0, +),
            totals: totals,
            digest: digests.joined(separator: "-"),
            red: red,
            excess: try await excess(counts, besides: 0, in: transaction)
        )
    }

    /// Those that pass every gate now, by id, and no more than a run may without a person; nil where they are more.
    ///
    /// What a run may do is decided by this list and not by the gates alone: bank data may become complete for thousands while
    /// it works.
    ///
    /// - Parameters:
    ///   - act: by which rules, at which instant.
    ///   - done: how many the run has suspended already; nil: whatever the limit, for a dry run.
    ///   - transaction: one that reads every tenant.
    /// - Returns: the list, or nil: they are for a run to come, which asks.
    /// - Throws: `PostgresError`.
    package static func allowed(
        _ act: Act,
        besides done: Int?,
        in transaction: Transaction
    ) async throws -> [Candidate]? {
        var counts: [Int64: Int] = [:]
        let passing = try await transaction.query(SuspensionPreviewStatements.items, act.asOf, act.rules).map { row in
            counts[try row.get("issuer_id"), default: 0] += 1
            return Candidate(tenant: try row.get("tenant_id"), subscription: try row.get("subscription_id"))
        }
        guard let done else { return passing }
        return try await excess(counts, besides: done, in: transaction) == nil ? passing : nil
    }

    /// Why so many are too many, by issuer and together with what was done already; nil where they are not.
    private static func excess(
        _ counts: [Int64: Int],
        besides done: Int,
        in transaction: Transaction
    ) async throws -> String? {
        let count = counts.values.reduce(done, +)
        // Below it there is no limit that could be crossed.
        guard count > limit(active: 0) else { return nil }
        var active = 0
        var over: [String] = []
        for row in try await transaction.query(SuspensionPreviewStatements.active) {
            let here: Int = try row.get("active")
            active += here
            let wanted = counts[try row.get("issuer_id"), default: 0]
            guard wanted > limit(active: here) else { continue }
            let name: String = try row.get("name")
            over.append("\(wanted) of \(name) would be suspended at once, over its limit of \(limit(active: here))")
        }
        guard count <= limit(active: active) else {
            return
                "\(count) would be suspended at once, over the limit of \(limit(active: active)) for \(active) active ones"
        }
        return over.isEmpty ? nil : over.joined(separator: "; ")
    }

    /// Everything that would happen now, as items that a person can approve.
    package static func proposalItems(_ act: Act, in transaction: Transaction) async throws -> [ProposalItem] {
        try await transaction.query(SuspensionPreviewStatements.items, act.asOf, act.rules).map { row in
            ProposalItem(
                key: try row.get("subscription_id"),
                tenant: try row.get("tenant_id"),
                content: try row.get("content")
            )
        }
    }
}

/// The statements that say what a run would do.
enum SuspensionPreviewStatements {
    /// By issuer and currency what would happen, and by the first red gate what would not: as_of, rules.
    ///
    /// Those whose grace has not ended are counted under it without a look at their other gates.
    static let forecast = Statement(
        "standing.forecast",
        """
        with looked_at as materialized (
            select array_agg(c.tenant_id order by c.subscription_id) as tenants,
                array_agg(c.subscription_id order by c.subscription_id) as subscriptions
            from bursar.suspension_candidates($1, $2) as c
        ), judged as materialized (
            select g.* from looked_at l cross join lateral bursar.suspension_gates($1, $2, l.tenants, l.subscriptions) as g
        )
        select j.issuer_id, j.currency, null as red, count(*) as count, sum(j.owed)::bigint as owed,
            md5(string_agg(concat(j.subscription_id, ':', j.to_state, ':', j.invoice_id, ':', j.owed), ',' order by j.subscription_id)) as digest
        from judged j
        where j.red is null and j.to_state is not null
        group by j.issuer_id, j.currency
        union all
        select null, null, j.red, count(*), null, null from judged j where j.red is not null group by j.red
        union all
        select null, null, 'grace', count(*), null, null
        from bursar.subscription s
        where s.state = 'past_due' and s.id <> all (coalesce((select l.subscriptions from looked_at l), '{}'))
        having count(*) > 0
        order by issuer_id, currency, red
        """
    )

    static let active = Statement(
        "standing.active",
        """
        select i.id as issuer_id, i.name, count(s.id) as active
        from bursar.issuer i
        left join bursar.subscription s on s.issuer_id = i.id and s.state = 'active'
        group by i.id, i.name
        order by i.id
        """
    )

    /// as_of, rules.
    static let items = Statement(
        "standing.proposal_items",
        """
        with looked_at as materialized (
            select array_agg(c.tenant_id order by c.subscription_id) as tenants,
                array_agg(c.subscription_id order by c.subscription_id) as subscriptions
            from bursar.suspension_candidates($1, $2) as c
        )
        select g.tenant_id, g.subscription_id, g.issuer_id,
            jsonb_build_object('to', g.to_state, 'invoice', g.invoice_id, 'currency', g.currency, 'owed', g.owed)::text as content
        from looked_at l
        cross join lateral bursar.suspension_gates($1, $2, l.tenants, l.subscriptions) as g
        where g.red is null and g.to_state is not null
        order by g.subscription_id
        """
    )

    static let all = [forecast, active, items]
}
